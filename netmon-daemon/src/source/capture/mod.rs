//! Capture files as a source: pcap and pcapng, plain or gzip, in packet time.
//!
//! Every packet goes through the parser and the counting rules of the kernel
//! programs. Memory is bounded by one record, whatever a file claims, and time
//! by what is in the file: a silence of years costs no more than one of
//! minutes. What was read before damage counts, and the rest is measured.
//!
//! The reader is our own. pcap-parser 0.17, tried on damaged files, ends at the
//! first pcapng block that contradicts itself although its length is good,
//! passes over old packet blocks, and cannot say how much it did not read.

mod attempts;
mod chatter;
mod clock;
mod dns;
mod flows;
mod handshakes;
mod input;
mod neighbours;
mod pcap;
mod pcapng;
mod record;
mod segment;
mod talk;
#[cfg(test)]
mod tests;
mod tracker;

use std::{
    convert::Infallible,
    io,
    net::IpAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use netmon_common::{
    abi::{labels::Role, networks::Networks},
    account::{self, Volume},
    packet::{self, Packet, Remote},
    wire::dns::Ports,
};

use self::{
    attempts::Attempts,
    clock::Clock,
    dns::Dns,
    flows::Flows,
    handshakes::{Ended, Handshakes},
    input::Input,
    neighbours::Neighbours,
    pcap::Pcap,
    pcapng::Pcapng,
    record::Record,
};
use super::Source;
use crate::{
    flows::Flows as Tables,
    names::Names,
    printable::Printable,
    rates::{LONGEST_MEMORY, LONGEST_WINDOW},
    redflag::CLEAR_WINDOWS,
    signal::Signal,
    snapshot::{Snapshot, Traffic},
};

/// Packet time from one snapshot to the next. Finer than the pace of live
/// traffic, so that hardly anything of a short burst falls into a neighbouring
/// window: the beginning of a file has no relation to that of a burst.
pub const TICK: Duration = Duration::from_millis(100);

/// In silence windows only empty, and the longer it lasts the less it matters
/// when: the next snapshot then comes after this part of the silence so far.
/// An eighth keeps to [`TICK`] until all windows of a second have passed.
const QUIET_PART: u32 = 8;

/// Silence after which nothing can change any more: every window is empty and
/// every flag had the time to clear.
const SETTLED_AFTER: Duration =
    Duration::from_secs(LONGEST_MEMORY.as_secs() * (1 + CLEAR_WINDOWS as u64) + 1);

// A jump over silence lands on a multiple of `TICK`.
const _: () = assert!(1_000_000_000_u32.is_multiple_of(TICK.subsec_nanos()));

/// Keys for the hashes of a capture: not random, so that it always gives the same.
const fn keys<const N: usize>() -> [u64; N] {
    let mut keys = [0; N];
    let (mut at, mut key) = (0, 1_u64);
    while at < N {
        // Odd numbers without a pattern: powers of 2^64 over the golden ratio.
        key = key.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        keys[at] = key;
        at += 1;
    }
    keys
}

/// Why a file is no capture at all.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be opened or read.
    #[error("{}: cannot be read: {cause}; check path and permissions", shown(file))]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// There is nothing in it.
    #[error("{}: is empty; capture again or leave the file out", shown(file))]
    Empty {
        /// The file.
        file: PathBuf,
    },
    /// It begins like no capture.
    #[error(
        "{}: is no capture: it begins with {start:02x?}, which is neither pcap nor pcapng; \
         convert it, for example with editcap",
        shown(file)
    )]
    NotACapture {
        /// The file.
        file: PathBuf,
        /// Its first bytes, at most four.
        start: Vec<u8>,
    },
    /// It ends before the first packet could come, or its header is damaged.
    #[error("{}: its file header is cut off or damaged; capture again", shown(file))]
    Header {
        /// The file.
        file: PathBuf,
    },
}

/// A capture file that is being read. All of its traffic counts as received at
/// the boundary: a file does not say where it was captured.
pub struct Capture {
    input: Input,
    format: Format,
    clock: Clock,
    networks: Networks,
    handshakes: Handshakes,
    dns: Dns,
    flows: Flows,
    attempts: Attempts,
    neighbours: Neighbours,
    /// The first packet that the last snapshot does not hold.
    next: Option<Timed>,
    /// The time of the last packet that was counted.
    last: Duration,
    /// The last snapshot; none before the first.
    snapshot: Option<Snapshot>,
}

enum Format {
    Pcap(Pcap),
    Pcapng(Pcapng),
}

#[derive(Clone, Copy)]
struct Timed {
    at: Duration,
    packet: Packet,
    wire_len: u32,
    /// The handshake that it ends.
    ends: Option<Ended>,
}

impl Capture {
    /// Opens a capture file and reads its header.
    ///
    /// # Errors
    ///
    /// When nothing of the file can be understood.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let file = path.to_owned();
        let mut input = match Input::open(path) {
            Ok(input) => input,
            Err(cause) => return Err(Error::Unreadable { file, cause }),
        };
        let mut start = Vec::new();
        input.append(4, &mut start);
        if start.is_empty() {
            return Err(match input.take_failure() {
                Some(cause) => Error::Unreadable { file, cause },
                None => Error::Empty { file },
            });
        }
        let format = match start.first_chunk() {
            Some(&pcapng::MAGIC) => Pcapng::begin(&mut input).map(Format::Pcapng),
            Some(&magic) if let Some(variant) = Pcap::variant(magic) => {
                Pcap::begin(&mut input, variant).map(Format::Pcap)
            }
            _ => return Err(Error::NotACapture { file, start }),
        };
        let format = format.ok_or(Error::Header { file })?;
        Ok(Self {
            input,
            format,
            clock: Clock::default(),
            networks: Networks::NONE,
            handshakes: Handshakes::new(),
            dns: Dns::new(),
            flows: Flows::new(),
            attempts: Attempts::new(),
            neighbours: Neighbours::default(),
            next: None,
            last: Duration::ZERO,
            snapshot: None,
        })
    }

    /// The same with these scopes for remote addresses, beside those that are
    /// built in.
    #[must_use]
    pub fn within(mut self, networks: Networks) -> Self {
        self.networks = networks;
        self
    }

    /// The same with what looks at the names in DNS messages, if anything does, with
    /// resolvers that have places from the start, and with these ports of DNS.
    #[must_use]
    pub fn resolving(
        mut self,
        names: Option<Names>,
        resolvers: impl IntoIterator<Item = IpAddr>,
        ports: Ports,
    ) -> Self {
        self.dns = self.dns.configured(names, resolvers, ports);
        self
    }

    /// The same with what looks at connections.
    #[must_use]
    pub fn following(mut self, flows: Tables) -> Self {
        self.flows = self.flows.filling(flows);
        self
    }

    /// From the lowest to the highest timestamp that was read.
    pub fn duration(&self) -> Duration {
        self.clock.range()
    }

    /// Bytes of the file, after decompression, that made no sense so far. At
    /// least 1 where reading failed and nobody knows how much is missing.
    pub fn unreadable_bytes(&self) -> u64 {
        self.input.unreadable()
    }

    /// Why the file could not be read to its end, where the cause is not in
    /// the capture format: the storage, or the compression.
    pub const fn failure(&self) -> Option<&io::Error> {
        self.input.failure()
    }

    /// Reads the next packet; at the end, what is left is measured.
    fn read(&mut self) -> Option<Timed> {
        let record = match &mut self.format {
            Format::Pcap(pcap) => pcap.next(&mut self.input),
            Format::Pcapng(pcapng) => pcapng.next(&mut self.input),
        };
        let Some(record) = record else {
            self.input.drain();
            return None;
        };
        let Record { link, at, wire_len, bytes } = record;
        let packet = packet::parse_on(bytes, link, Remote::Source, self.dns.ports());
        let packet = packet::within(packet, bytes, link, Remote::Source, &self.networks);
        let at = self.clock.time(at);
        let ends = self.handshakes.follow(at, packet, bytes, link);
        self.dns.follow(at, packet, record);
        self.flows.follow(at, packet, &record, &self.networks);
        self.attempts.follow(at, packet, bytes, link);
        self.neighbours.follow(at, record);
        Some(Timed { at, packet, wire_len, ends })
    }

    /// The time of the snapshot that follows one at `now`, or none when
    /// everything was counted and every window has passed over it.
    fn tick_after(&self, now: Duration) -> Option<Duration> {
        let silence = now.saturating_sub(self.last);
        let pace = floor(silence / QUIET_PART).max(TICK);
        match self.next {
            None if silence > LONGEST_WINDOW => None,
            Some(next) if silence > SETTLED_AFTER || next.at < now + pace => {
                Some(floor(next.at).max(now + TICK))
            }
            None | Some(_) => Some(now + pace),
        }
    }
}

impl Source for Capture {
    /// Damage is no error: it is what [`Capture::unreadable_bytes`] measures.
    type Error = Infallible;

    fn snapshot(&mut self) -> Result<Option<Snapshot>, Infallible> {
        let Some(mut snapshot) = self.snapshot.take() else {
            self.next = self.read();
            let mut first = Snapshot::empty(Duration::ZERO);
            first.directed = false;
            first.sources.set(Signal::ForwardedHandshakes, Some("capture"));
            first.sources.set(Signal::Attempts, Some("capture"));
            first.sources.set(Signal::RefusedDatagrams, Some("capture"));
            first.attempts = Some(self.attempts.report(Duration::ZERO));
            first.sources.set(Signal::Neighbours, Some("capture"));
            first.neighbours = Some(self.neighbours.report(Duration::ZERO));
            (first.dns, first.names) = self.dns.report(Duration::ZERO);
            if first.names.is_some() {
                first.sources.set(Signal::DnsNames, Some("capture"));
                first.sources.set(Signal::DnsNameSample, Some("capture"));
            }
            first.flows = self.flows.report(Duration::ZERO, &self.networks);
            if first.flows.is_some() {
                first.sources.set(Signal::ConnectionRecords, Some("capture"));
                first.sources.set(Signal::ConnectionRecordSample, Some("capture"));
                first.sources.set(Signal::OpenConnections, Some("capture"));
            }
            return Ok(self.snapshot.insert(first).clone().into());
        };
        let tick = self.tick_after(snapshot.at);
        if let Some(tick) = tick {
            while let Some(next) = self.next.filter(|next| next.at < tick) {
                let Traffic { ingress, .. } = &mut snapshot.vantages.boundary;
                let volume = Volume::packet(u64::from(next.wire_len));
                account::account(ingress, next.packet, &volume);
                let others = snapshot.tcp.services.first_mut();
                if let Some(handshakes) = others.and_then(|it| it.handshakes_mut(Role::Active))
                    && let Some(ends) = next.ends
                {
                    ends.count(handshakes);
                }
                self.last = next.at;
                self.next = self.read();
            }
            snapshot.at = tick;
            (snapshot.dns, snapshot.names) = self.dns.report(tick);
            snapshot.flows = self.flows.report(tick, &self.networks);
            snapshot.tcp.events.untracked = self.flows.untracked();
            snapshot.attempts = Some(self.attempts.report(tick));
            snapshot.neighbours = Some(self.neighbours.report(tick));
        }
        let snapshot = self.snapshot.insert(snapshot);
        Ok(tick.is_some().then(|| snapshot.clone()))
    }

    fn wall_clock(&self) -> Option<Duration> {
        self.clock.wall(self.snapshot.as_ref()?.at)
    }
}

/// The last tick at or before `time`.
fn floor(time: Duration) -> Duration {
    Duration::new(time.as_secs(), time.subsec_nanos() / TICK.subsec_nanos() * TICK.subsec_nanos())
}

/// A path as it may stand in a line of text.
pub(crate) fn shown(path: &Path) -> String {
    Printable(&path.to_string_lossy()).to_string()
}

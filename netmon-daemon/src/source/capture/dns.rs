//! The DNS messages of a capture, by the rules and with tables like those of the programs.
//!
//! A capture has no direction: of each lookup both messages are seen as received.

use std::{cell::Cell, net::IpAddr, rc::Rc, sync::Arc, time::Duration};

use netmon_common::{
    abi::{
        dns::{DnsSettings, DnsTally, LookupTimes, Lookups},
        labels::Direction,
        slot::BOUNDARY,
    },
    bytes::Bytes as _,
    dns::{
        Books, Datagram, Keys, Kind, LOOKUP_SETS, Note, Opened, Place, Progress, STREAM_SETS,
        Segment, Set, Sighting as Seen, Span, StreamSet, Timeouts, WAYS, advance, conclude, open,
        read_on, settle,
    },
    packet::{self, Link, Packet, Transport},
    wire::{
        dns::Ports,
        ethernet::{ETHERTYPE_IPV4, ETHERTYPE_IPV6},
        ipv4, ipv6,
        tcp::SYN,
        udp,
    },
};

use super::record::Record;
use crate::{
    names::{Names, Report, Sighting},
    resolvers::Resolvers,
    snapshot::{Dns as Counted, Vantage},
};

/// By what lookups are hashed.
const KEYS: Keys = super::keys();

/// What was counted of the DNS messages so far, and what their names say.
pub(super) struct Dns {
    counted: Counted,
    sets: Rc<[Cell<u64>]>,
    streams: Vec<StreamSet>,
    settings: DnsSettings,
    resolvers: Resolvers,
    timeouts: Timeouts,
    names: Option<Names>,
}

/// The counters and the packet at hand.
struct Desk<'a> {
    dns: &'a mut Dns,
    at: Duration,
    bytes: &'a [u8],
    note: Note,
}

/// One set of open lookups.
struct Shared {
    sets: Rc<[Cell<u64>]>,
    first: usize,
}

impl Set for Shared {
    fn get(&self, at: usize) -> u64 {
        self.sets.get(self.first + at).map_or(0, Cell::get)
    }

    fn set(&mut self, at: usize, word: u64) {
        if let Some(place) = self.sets.get(self.first + at) {
            place.set(word);
        }
    }
}

impl Dns {
    /// Nothing was seen yet.
    pub(super) fn new() -> Self {
        Self {
            counted: Counted::empty(),
            sets: vec![Cell::new(0); LOOKUP_SETS as usize * WAYS].into(),
            streams: vec![StreamSet::default(); STREAM_SETS as usize],
            settings: DnsSettings::QUIET,
            resolvers: Resolvers::default(),
            timeouts: Timeouts::default(),
            names: None,
        }
    }

    /// The same with what looks at names, with resolvers that have places from the start,
    /// and with ports on which DNS is spoken.
    pub(super) fn configured(
        mut self,
        names: Option<Names>,
        resolvers: impl IntoIterator<Item = IpAddr>,
        ports: Ports,
    ) -> Self {
        self.resolvers.add(resolvers);
        self.settings.resolvers = self.resolvers.hashes(&KEYS);
        self.settings.ports = ports;
        self.names = names;
        self
    }

    /// The ports on which DNS is spoken.
    pub(super) const fn ports(&self) -> &Ports {
        &self.settings.ports
    }

    /// Takes a packet.
    pub(super) fn follow(&mut self, at: Duration, packet: Packet, record: Record<'_>) {
        // Whatever cannot be read was counted with the packets, and is no message.
        if packet.is_dns() {
            let _ = self.read_datagram(at, packet, record);
        } else if packet.is(Transport::DnsSegment) {
            let _ = self.read_segment(at, packet, record);
        }
    }

    fn read_datagram(
        &mut self,
        at: Duration,
        packet: Packet,
        Record { bytes, link, .. }: Record<'_>,
    ) -> Option<()> {
        let start = usize::try_from(packet.headers()).ok()?;
        let end = start + usize::try_from(packet.claimed_message_len()).ok()?;
        let kind = match packet.transport() {
            Transport::DnsQuery => Kind::Query,
            Transport::DnsResponse => Kind::Response,
            _ => Kind::Short,
        };
        let place = place(bytes, link, start.checked_sub(usize::from(udp::HEADER_LEN))?)?;
        let note = Datagram::read(bytes, kind, start, end).note(bytes, &place, 1, &KEYS);
        let mut desk = Desk { dns: self, at, bytes, note };
        desk.settle();
        Some(())
    }

    fn read_segment(
        &mut self,
        at: Duration,
        packet: Packet,
        Record { bytes, link, wire_len, .. }: Record<'_>,
    ) -> Option<()> {
        let wire_len = usize::try_from(wire_len).ok()?;
        // The first segment of a connection says nothing yet.
        if packet.tcp_flags() & SYN != 0 {
            return None;
        }
        let network = packet::network(bytes, link)?;
        let (transport, claimed) = if network.ethertype == ETHERTYPE_IPV4 {
            let [version, _, l0, l1] = bytes.array(network.at)?;
            let header = usize::from(version & 0xf) * 4;
            let total = usize::from(u16::from_be_bytes([l0, l1]));
            (network.at + header, network.at + total)
        } else {
            let [_, _, _, _, l0, l1, next, _] = bytes.array(network.at)?;
            let transport = network.at + IPV6_LEN;
            let behind = transport + usize::from(u16::from_be_bytes([l0, l1]));
            (next == TCP).then_some((transport, behind))?
        };
        // Merged segments of a host that captured itself may claim nothing.
        let end = if claimed <= transport { wire_len } else { claimed.min(wire_len) };
        let segment = Segment {
            sequence: bytes.be32(transport + SEQUENCE)?,
            flags: packet.tcp_flags(),
            at: usize::try_from(packet.headers()).ok()?,
            end,
            direction: Direction::Ingress as u16,
        };
        let place = place(bytes, link, transport)?;
        let mut desk = Desk { dns: self, at, bytes, note: Note::NOTHING };
        let mut opened = open(&mut desk, bytes, &place, &segment)?;
        while read_on(&mut desk, &mut opened) == Progress::More {}
        Some(())
    }

    /// What was counted up to `at`, and what the names say by then.
    pub(super) fn report(&mut self, at: Duration) -> (Arc<Counted>, Option<Arc<Report>>) {
        let now = u64::try_from(at.as_nanos()).unwrap_or(u64::MAX);
        self.timeouts.take(&self.counted.lookups.pending, now);
        self.counted.timeouts = *self.timeouts.counts();
        self.counted.resolvers = self.resolvers.places().to_vec();
        let names = self.names.as_mut().map(|names| names.report(at));
        (Arc::new(self.counted.clone()), names)
    }
}

impl Books for Desk<'_> {
    type Set = Shared;

    fn tally(&mut self) -> Option<&mut DnsTally> {
        Some(self.dns.counted.of_mut(Vantage::Boundary, Direction::Ingress))
    }

    fn lookups(&mut self) -> Option<&mut Lookups> {
        Some(&mut self.dns.counted.lookups)
    }

    fn set(&mut self, position: u32) -> Option<Shared> {
        let first = usize::try_from(position).ok()? * WAYS;
        Some(Shared { sets: Rc::clone(&self.dns.sets), first })
    }

    fn times(&mut self, position: u32) -> Option<&mut LookupTimes> {
        self.dns.counted.times.get_mut(usize::try_from(position).ok()?)
    }

    fn streams(&mut self, position: u32) -> Option<&mut StreamSet> {
        self.dns.streams.get_mut(usize::try_from(position).ok()?)
    }

    fn settings(&self) -> Option<&DnsSettings> {
        Some(&self.dns.settings)
    }

    fn keys(&self) -> &Keys {
        &KEYS
    }

    fn now(&self) -> u64 {
        u64::try_from(self.at.as_nanos()).unwrap_or(u64::MAX)
    }

    fn advance(&mut self, stream: u32, span: Span) -> Span {
        let bytes = self.bytes;
        advance(self, bytes, stream, span)
    }

    fn conclude(&mut self, opened: &Opened, begins: usize) {
        let bytes = self.bytes;
        self.note = conclude(self, bytes, opened, begins);
    }

    fn note(&mut self, note: Note) {
        self.note = note;
    }

    fn settle(&mut self) {
        let note = self.note;
        if settle(self, note) {
            let _ = self.look_at(note);
        }
    }
}

impl Desk<'_> {
    /// Looks at the names of a message that is whole.
    fn look_at(&mut self, note: Note) -> Option<()> {
        let message = self.bytes.get(note.start()..)?;
        let message = message.get(..note.len()).unwrap_or(message);
        let address = |destination| -> Option<IpAddr> {
            if note.is_version_6() {
                Some(ipv6::address(self.bytes, note.network(), destination)?.into())
            } else {
                Some(ipv4::address(self.bytes, note.network(), destination)?.into())
            }
        };
        // A response goes to the client, a query comes from it.
        let client = address(note.is_response())?;
        let server = address(!note.is_response())?;
        let dns = &mut *self.dns;
        if note.is_response() && dns.resolvers.answered(server) {
            dns.settings.resolvers = dns.resolvers.hashes(&KEYS);
        }
        let names = dns.names.as_mut()?;
        let (at, len) = (self.at, note.len());
        names.observe(&Sighting { at, client, server, workload: 0, message, len });
        Some(())
    }
}

/// Length of an IPv6 header, and where the sequence number stands in a TCP header, in bytes.
const IPV6_LEN: usize = 40;
const SEQUENCE: usize = 4;
/// Protocol number of TCP.
const TCP: u8 = 6;

/// Where a message stands whose transport header is at this offset.
fn place(bytes: &[u8], link: Link, transport: usize) -> Option<Place> {
    let network = packet::network(bytes, link)?;
    Some(Place {
        network: network.at,
        version_6: u64::from(network.ethertype == ETHERTYPE_IPV6),
        transport,
        sighting: Seen::FIRST,
        vantage: u64::from(BOUNDARY),
    })
}

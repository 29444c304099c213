//! Books in memory, and the way of a frame into them: what the programs of the kernel do
//! with maps, clock and packet memory.
//!
//! Only the ways to counters and bytes are here, none of the rules.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use netmon_common::{
    abi::{
        dns::{DNS_TALLIES, DnsSettings, DnsTally, LOOKUP_TIMES, LookupTimes, Lookups, dns_tally},
        labels::Direction,
    },
    bytes::Bytes as _,
    dns::{
        self, Books, Datagram, Keys, Kind, LOOKUP_SETS, Note, Opened, Place, Progress, STREAM_SETS,
        STREAM_WAYS, Segment, Set, Sighting, Span, Stream, StreamSet, WAYS,
    },
    handshake::Step,
    packet::{self, Link, Packet, Transport},
    wire::ethernet::ETHERTYPE_IPV6,
};

/// Protocol number of TCP.
const TCP: u8 = 6;

/// Where and how a frame is seen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) direction: Direction,
    pub(crate) vantage: u32,
    pub(crate) sighting: Sighting,
    /// Datagrams that a merged buffer holds.
    pub(crate) times: u64,
}

/// A set whose words can be changed by all who have it.
#[derive(Clone, Default)]
pub(crate) struct Shared(Arc<[AtomicU64; WAYS]>);

impl Set for Shared {
    fn get(&self, at: usize) -> u64 {
        self.0[at].load(Relaxed)
    }

    fn set(&mut self, at: usize, word: u64) {
        self.0[at].store(word, Relaxed);
    }
}

/// Counters, open lookups and streams.
pub(crate) struct Ledger {
    pub(crate) now: u64,
    pub(crate) keys: Keys,
    pub(crate) settings: DnsSettings,
    pub(crate) tallies: Vec<DnsTally>,
    pub(crate) lookups: Box<Lookups>,
    pub(crate) times: Vec<LookupTimes>,
    /// The bytes of messages whose names are due, cut where the frame is.
    pub(crate) due: Vec<Vec<u8>>,
    /// What is noted of them.
    pub(crate) notes: Vec<Note>,
    /// How often it is read on in one segment at most.
    pub(crate) turns: usize,
    noted: Note,
    sets: HashMap<u32, Shared>,
    streams: HashMap<u32, StreamSet>,
    /// The frame at hand, and the position of the tally for it.
    frame: Arc<[u8]>,
    at: usize,
}

impl Ledger {
    pub(crate) fn new(keys: Keys) -> Self {
        Self {
            now: 1 << 50,
            keys,
            settings: DnsSettings::QUIET,
            tallies: vec![DnsTally::ZERO; DNS_TALLIES as usize],
            lookups: Box::new(Lookups::ZERO),
            times: vec![LookupTimes::ZERO; LOOKUP_TIMES as usize],
            due: Vec::new(),
            notes: Vec::new(),
            turns: usize::MAX,
            noted: Note::NOTHING,
            sets: HashMap::new(),
            streams: HashMap::new(),
            frame: Arc::default(),
            at: 0,
        }
    }

    /// Forgets open lookups and streams. Says in which sets there were any.
    pub(crate) fn forget(&mut self) -> [Vec<u32>; 2] {
        let sets = self.sets.drain().map(|(position, _)| position).collect();
        let streams = self.streams.drain().map(|(position, _)| position).collect();
        [sets, streams]
    }

    /// Takes a frame. Says how often it was read on in it.
    pub(crate) fn pass(&mut self, frame: &[u8], link: Link, seen: Seen) -> usize {
        let remote = match seen.direction {
            Direction::Ingress => packet::Remote::Source,
            Direction::Egress => packet::Remote::Destination,
        };
        let packet = packet::parse_on(frame, link, remote, &self.settings.ports);
        if Step::of(packet).is_some() {
            return 0;
        }
        self.frame = frame.into();
        self.at = dns_tally(seen.vantage, seen.direction) as usize;
        if packet.is_dns() {
            self.read_datagram(packet, link, seen);
        } else if packet.is(Transport::DnsSegment) {
            return self.read_segment(link, seen).unwrap_or(0);
        }
        0
    }

    fn read_datagram(&mut self, packet: Packet, link: Link, seen: Seen) {
        let frame = Arc::clone(&self.frame);
        let at = packet.headers() as usize;
        let end = at + packet.claimed_message_len() as usize;
        let kind = match packet.transport() {
            Transport::DnsQuery => Kind::Query,
            Transport::DnsResponse => Kind::Response,
            _ => Kind::Short,
        };
        let read = Datagram::read(&*frame, kind, at, end);
        let Some(place) = place(&frame, link, at - 8, seen) else { return };
        let note = read.note(&*frame, &place, seen.times, &self.keys);
        self.note(note);
        self.settle();
    }

    fn read_segment(&mut self, link: Link, seen: Seen) -> Option<usize> {
        let frame = Arc::clone(&self.frame);
        let mut place = place(&frame, link, 0, seen)?;
        let network = place.network;
        let behind = if place.version_6 == 1 {
            if frame.byte(network + 6)? != TCP {
                return None;
            }
            place.transport = network + 40;
            place.transport + usize::from(frame.be16(network + 4)?)
        } else {
            place.transport = network + usize::from(frame.byte(network)? & 0xf) * 4;
            network + usize::from(frame.be16(network + 2)?)
        };
        let transport = place.transport;
        let [offset, flags] = frame.array(transport + 12)?;
        let len = frame.len();
        let segment = Segment {
            sequence: frame.be32(transport + 4)?,
            flags,
            at: transport + usize::from(offset >> 4) * 4,
            end: if behind <= transport { len } else { behind.min(len) },
            direction: seen.direction as u16,
        };
        self.read_on(&frame, &place, &segment)
    }

    /// Reads a segment of the frame to its end.
    pub(crate) fn read_on(
        &mut self,
        frame: &Arc<[u8]>,
        place: &Place,
        segment: &Segment,
    ) -> Option<usize> {
        self.frame = Arc::clone(frame);
        let mut opened = dns::open(self, &**frame, place, segment)?;
        for turn in 1..=self.turns {
            if dns::read_on(self, &mut opened) == Progress::Done {
                return Some(turn);
            }
        }
        self.tallies[self.at].streams_lost += 1;
        Some(self.turns)
    }
}

/// Where a message stands whose transport header is at this offset.
fn place(frame: &[u8], link: Link, transport: usize, seen: Seen) -> Option<Place> {
    let network = packet::network(frame, link)?;
    Some(Place {
        network: network.at,
        version_6: u64::from(network.ethertype == ETHERTYPE_IPV6),
        transport,
        sighting: seen.sighting,
        vantage: u64::from(seen.vantage),
    })
}

impl Books for Ledger {
    type Set = Shared;

    fn tally(&mut self) -> Option<&mut DnsTally> {
        self.tallies.get_mut(self.at)
    }

    fn lookups(&mut self) -> Option<&mut Lookups> {
        Some(&mut self.lookups)
    }

    fn set(&mut self, position: u32) -> Option<Shared> {
        assert!(position < LOOKUP_SETS);
        Some(self.sets.entry(position).or_default().clone())
    }

    fn times(&mut self, position: u32) -> Option<&mut LookupTimes> {
        self.times.get_mut(position as usize)
    }

    fn streams(&mut self, position: u32) -> Option<&mut StreamSet> {
        assert!(position < STREAM_SETS);
        Some(self.streams.entry(position).or_insert([Stream::default(); STREAM_WAYS]))
    }

    fn settings(&self) -> Option<&DnsSettings> {
        Some(&self.settings)
    }

    fn keys(&self) -> &Keys {
        &self.keys
    }

    fn now(&self) -> u64 {
        self.now
    }

    fn advance(&mut self, stream: u32, span: Span) -> Span {
        let frame = Arc::clone(&self.frame);
        dns::advance(self, &*frame, stream, span)
    }

    fn conclude(&mut self, opened: &Opened, begins: usize) {
        let frame = Arc::clone(&self.frame);
        self.noted = dns::conclude(self, &*frame, opened, begins);
    }

    fn note(&mut self, note: Note) {
        self.noted = note;
    }

    fn settle(&mut self) {
        let note = self.noted;
        if dns::settle(self, note) {
            let end = self.frame.len().min(note.start() + note.len());
            self.notes.push(note);
            self.due.push(self.frame[note.start()..end].to_vec());
        }
    }
}

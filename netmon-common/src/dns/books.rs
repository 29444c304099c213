//! The rules by which messages are counted and lookups followed: the only place that says
//! which counter of [`abi::dns`](crate::abi::dns) moves.
//!
//! Where the counters lie is for others to say: per CPU in maps of the kernel, or in the
//! memory of a replay.

use super::{
    Asked, Header, Identity, Keys, Kind, Lookup, Malformed, Open, Opened, Set, Span, StreamSet,
    TIMEOUT, answer, ask,
};
use crate::{
    abi::{
        dns::{DnsSettings, DnsTally, LARGE_SERVERS, LookupTimes, Lookups, lookup_times},
        histogram::{DNS_SIZE_BOUNDS, LOOKUP_BOUNDS},
        labels::{DnsTransport, IpVersion, QueryType, Rcode, Resolver},
    },
    account::bump,
    bytes::Bytes,
};

/// Where counters and open lookups are kept. What is missing is not counted, which only
/// happens where the verifier wants to be told.
pub trait Books {
    /// A set of open lookups.
    type Set: Set;

    /// The tally of the vantage and direction of the message at hand.
    fn tally(&mut self) -> Option<&mut DnsTally>;
    /// What became of lookups.
    fn lookups(&mut self) -> Option<&mut Lookups>;
    /// A set of open lookups.
    fn set(&mut self, position: u32) -> Option<Self::Set>;
    /// The times of a resolver and transport.
    fn times(&mut self, position: u32) -> Option<&mut LookupTimes>;
    /// A set of streams.
    fn streams(&mut self, position: u32) -> Option<&mut StreamSet>;
    /// What is configured.
    fn settings(&self) -> Option<&DnsSettings>;
    /// By what lookups are hashed.
    fn keys(&self) -> &Keys;
    /// Now, in nanoseconds of a clock that does not go back.
    fn now(&self) -> u64;
    /// Reads on in a stream: [`advance`](super::advance) where it stands.
    fn advance(&mut self, stream: u32, span: Span) -> Span;
    /// Notes a message of a stream: [`conclude`](super::conclude) where it stands.
    fn conclude(&mut self, opened: &Opened, begins: usize) -> Note;
    /// Counts a message: [`settle`], and then what is due.
    fn settle(&mut self, note: Note);
}

/// How a message is seen at the device at hand. A number rather than an enum, because the
/// verifier walks every answer to a question, and none is asked of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sighting(u64);

impl Sighting {
    /// For the first time: it came from outside, or from a socket of this host.
    pub const FIRST: Self = Self(0);
    /// It was seen at another vantage before, under addresses that may have been others.
    pub const ELSEWHERE: Self = Self(1);
    /// It was seen at this vantage before.
    pub const AGAIN: Self = Self(2);

    #[inline(always)]
    pub(super) const fn to_word(self) -> u64 {
        self.0
    }

    #[inline(always)]
    pub(super) const fn from_word(word: u64) -> Self {
        Self(word)
    }

    /// The same, as [`Bytes::forget`] returns it.
    #[inline(always)]
    #[must_use]
    pub fn forgotten<B: Bytes + ?Sized>(self, bytes: &B) -> Self {
        Self(bytes.forget(self.0))
    }
}

/// Where a message stands, and what the headers before it say.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Offset of the IP header.
    pub network: usize,
    /// Its version: 1 for 6, 0 for 4. A number for the same reason.
    pub version_6: u64,
    /// Offset of the transport header.
    pub transport: usize,
    /// How the message is seen.
    pub sighting: Sighting,
    /// The number of the vantage.
    pub vantage: u64,
}

/// What is noted of one message: all that is counted of it, in four words, so that the
/// verifier can forget by which of many ways they came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Note {
    /// ID and flags of its header, its offset, and that of the IP header.
    pub header: u64,
    /// Everything else: see the fields below.
    pub facts: u64,
    /// See [`Lookup::hash`]; 0 where it is of no use.
    pub hash: u64,
    /// See [`Lookup::server`].
    pub server: u64,
}

/// Some bits of a word: the first one, and how many.
#[derive(Clone, Copy)]
struct Field(u32, u32);

impl Field {
    #[inline(always)]
    const fn of(self, value: u64) -> u64 {
        (value & self.mask()).wrapping_shl(self.0)
    }

    #[inline(always)]
    const fn get(self, word: u64) -> u64 {
        word.wrapping_shr(self.0) & self.mask()
    }

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "no field has more than 16 bits")]
    const fn index(self, word: u64) -> usize {
        self.get(word) as usize
    }

    const fn mask(self) -> u64 {
        1_u64.wrapping_shl(self.1).wrapping_sub(1)
    }
}

/// Of `header`: the offset of the message, 0 where it is not whole.
const START: Field = Field(32, 16);
/// Of `header`: the offset of the IP header.
const NETWORK: Field = Field(48, 16);

/// Of `facts`: QTYPE of a query.
const ASKED: Field = Field(0, 16);
/// 0, or what is wrong with the message, as an index into [`Malformed::ALL`] plus 1.
const FAULT: Field = Field(16, 3);
/// A [`Kind`].
const KIND: Field = Field(19, 2);
const TRANSPORT: Field = Field(21, 1);
const FAMILY: Field = Field(22, 1);
const SIGHTING: Field = Field(23, 2);
/// Whether it is part of a zone transfer.
const TRANSFER: Field = Field(25, 1);
/// Messages that a merged buffer holds.
const TIMES: Field = Field(26, 16);
/// Its length.
const LEN: Field = Field(42, 16);

const _: () = assert!(Malformed::COUNT < 1 << FAULT.1 && LEN.0 + LEN.1 <= u64::BITS);

/// What a reader found out about a message, before its flow is known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    /// Its header, zeros where it has none.
    pub(super) header: Header,
    pub(super) has_header: bool,
    /// A [`Kind`].
    pub(super) kind: u64,
    /// QTYPE of a query.
    pub(super) asked: u64,
    /// 0, or what is wrong with it, as an index into [`Malformed::ALL`] plus 1.
    pub(super) fault: u64,
    pub(super) transport: DnsTransport,
    /// 1 for a part of a zone transfer, else 0.
    pub(super) transfer: u64,
    /// How many of them a merged buffer holds.
    pub(super) times: u64,
    /// Its offset, 0 where it is not whole.
    pub(super) at: usize,
    pub(super) len: usize,
}

impl Note {
    /// There is none.
    pub const NOTHING: Self = Self { header: 0, facts: 0, hash: 0, server: 0 };

    #[inline(always)]
    pub(super) fn new<B: Bytes + ?Sized>(
        bytes: &B,
        place: &Place,
        found: &Found,
        keys: &Keys,
    ) -> Self {
        let Place { network, version_6, transport, sighting, vantage } = *place;
        let Header { id, flags, .. } = found.header;
        let facts = ASKED.of(found.asked)
            | FAULT.of(found.fault)
            | KIND.of(found.kind)
            | TRANSPORT.of(found.transport as u64)
            | FAMILY.of(version_6)
            | SIGHTING.of(sighting.0)
            | TRANSFER.of(found.transfer)
            | TIMES.of(found.times)
            | LEN.of(found.len as u64);
        let header = u64::from(id)
            | u64::from(flags) << 16
            | START.of(found.at as u64)
            | NETWORK.of(network as u64);
        let mut note =
            Self { header: bytes.forget(header), facts: bytes.forget(facts), hash: 0, server: 0 };
        if found.has_header && sighting != Sighting::AGAIN {
            let kind = kind(vantage, found.transport as u64);
            let identity = Identity { id, response: found.header.is_response(), kind };
            let lookup = Lookup::read(bytes, network, version_6 != 0, transport, identity, keys);
            if let Some(lookup) = lookup {
                note.hash = lookup.hash;
                note.server = lookup.server;
            }
        }
        note.hash = bytes.forget(note.hash);
        note.server = bytes.forget(note.server);
        note
    }

    /// Whether it is a response.
    #[inline(always)]
    pub const fn is_response(&self) -> bool {
        self.header & 0x8000_0000 != 0
    }

    /// Whether it travels over IPv6.
    #[inline(always)]
    pub const fn is_version_6(&self) -> bool {
        FAMILY.get(self.facts) != 0
    }

    /// Offset of the IP header.
    #[inline(always)]
    pub const fn network(&self) -> usize {
        NETWORK.index(self.header)
    }

    /// Its offset.
    #[inline(always)]
    pub const fn start(&self) -> usize {
        START.index(self.header)
    }

    /// Its length in bytes.
    #[inline(always)]
    pub const fn len(&self) -> usize {
        LEN.index(self.facts)
    }

    /// Whether there is nothing in it.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether TC says that it was cut to fit.
    #[inline(always)]
    const fn is_truncated(&self) -> bool {
        self.header & 0x0200_0000 != 0
    }
}

/// What tells lookups, or streams, apart beside addresses and ports.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "there are four vantages")]
pub(super) const fn kind(vantage: u64, more: u64) -> u16 {
    (vantage << 1 | more) as u16
}

/// Answers over UDP that are longer are large, in bytes: the size that DNS flag day 2020
/// agreed on.
pub const LARGE_ANSWER: usize = 1232;

/// A response over TCP of so many bytes is large, unless a zone is transferred.
pub const LARGE_MESSAGE: usize = 16 << 10;

/// Counts a message and follows it to its lookup. Says whether its names are to be handed
/// on: those of each question once, and of each answer.
#[inline(always)]
pub fn settle<K: Books>(books: &mut K, note: Note) -> bool {
    let facts = note.facts;
    if let Some(tally) = books.tally() {
        count(tally, note);
    }
    if note.hash == 0 || TIMES.get(facts) != 1 {
        return false;
    }
    let first = SIGHTING.get(facts) == Sighting::FIRST.0;
    let due =
        if note.is_response() { respond(books, note, first) } else { begin(books, note, first) };
    if due.is_some() && note.start() == 0 {
        if let Some(lookups) = books.lookups() {
            add(&mut lookups.events.names_split, 1);
        }
        return false;
    }
    due.is_some()
}

/// Counts what a message is.
#[inline(always)]
fn count(tally: &mut DnsTally, note: Note) {
    let Note { header, facts, .. } = note;
    let (times, family) = (TIMES.get(facts), FAMILY.index(facts));
    let transport = TRANSPORT.index(facts);
    let tcp = transport == DnsTransport::Tcp.index();
    if let Some(fault) = FAULT.index(facts).checked_sub(1) {
        let row = transport.wrapping_mul(Malformed::COUNT);
        bump(&mut tally.malformed, row.wrapping_add(fault), times);
    }
    let kind = KIND.get(facts);
    if kind == Kind::Query as u64 {
        let fault = FAULT.get(facts) != 0;
        let asked = if fault { QueryType::Other } else { QueryType::of(asked(facts)) };
        let row = transport.wrapping_mul(IpVersion::COUNT).wrapping_add(family);
        let cell = row.wrapping_mul(QueryType::COUNT).wrapping_add(asked.index());
        bump(&mut tally.queries, cell, times);
    } else if tcp && kind == Kind::Response as u64 {
        let [_, _, flags, ..] = header.to_le_bytes();
        let cell = family.wrapping_mul(Rcode::COUNT);
        bump(&mut tally.tcp_responses, cell.wrapping_add(Rcode::of(flags & 0xf).index()), 1);
        if note.len() >= LARGE_MESSAGE && TRANSFER.get(facts) == 0 {
            add(&mut tally.large_tcp, 1);
        }
    }
    if tcp {
        tally.tcp_message_bytes.observe(&DNS_SIZE_BOUNDS, note.len() as u64);
    }
}

/// QTYPE of a query.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "the field has 16 bits")]
const fn asked(facts: u64) -> u16 {
    ASKED.get(facts) as u16
}

/// Takes a query. Its names are due, unless it was sent before.
#[inline(always)]
fn begin<K: Books>(books: &mut K, note: Note, first: bool) -> Option<()> {
    let lookup = Lookup { hash: note.hash, server: note.server };
    let now = books.now();
    let place = books.settings()?.place(lookup.server);
    let mut set = books.set(lookup.set())?;
    let asked = ask(&mut set, lookup, place, first, now);
    let lookups = books.lookups()?;
    let new = match asked {
        Asked::Again => return None,
        Asked::New(new) => new,
        Asked::Instead { new, forgotten } => {
            if forgotten.counts() {
                add(&mut lookups.events.forgotten, 1);
                move_pending(lookups, forgotten, u64::MAX);
            }
            new
        }
    };
    if !first {
        return None;
    }
    add(&mut lookups.events.asked, 1);
    move_pending(lookups, new, 1);
    Some(())
}

/// Takes a response. Its names are due where its lookup counts, or was not seen.
#[inline(always)]
fn respond<K: Books>(books: &mut K, note: Note, first: bool) -> Option<()> {
    let lookup = Lookup { hash: note.hash, server: note.server };
    let tcp = TRANSPORT.get(note.facts) != 0;
    let mut set = books.set(lookup.set())?;
    let open = answer(&mut set, lookup);
    let counts = if open.is_none() { first } else { open.counts() };
    if !counts {
        return None;
    }
    let mut place = Resolver::Other as u32;
    if open.is_none() {
        add(&mut books.tally()?.unmatched, 1);
    } else {
        let age = open.age(books.now());
        let lookups = books.lookups()?;
        if age <= TIMEOUT {
            add(&mut lookups.events.answered, 1);
            move_pending(lookups, open, u64::MAX);
        } else {
            add(&mut lookups.events.late, 1);
        }
        place = open.place();
        let transport = if tcp { DnsTransport::Tcp } else { DnsTransport::Udp };
        let times = books.times(lookup_times(place, transport))?;
        times.nanoseconds.observe(&LOOKUP_BOUNDS, age);
    }
    let lookups = books.lookups()?;
    if note.is_truncated() {
        bump(&mut lookups.events.truncated, place as usize, 1);
    }
    if !tcp && note.len() > LARGE_ANSWER {
        let server = (lookup.server >> 32) as usize % LARGE_SERVERS;
        bump(&mut lookups.large, server, 1);
    }
    Some(())
}

/// Moves the count of open lookups that began with this one.
#[inline(always)]
fn move_pending(lookups: &mut Lookups, open: Open, by: u64) {
    bump(&mut lookups.pending, open.pending(), by);
}

#[inline(always)]
pub(super) fn add(counter: &mut u64, n: u64) {
    *counter = counter.wrapping_add(n);
}

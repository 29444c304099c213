//! The rules by which messages are counted and lookups followed: the only place that says
//! which counter of [`abi::dns`](crate::abi::dns) moves.
//!
//! Where the counters lie is for others to say: per CPU in maps of the kernel, or in the
//! memory of a replay.

use super::{
    Asked, Header, Identity, Keys, Lookup, Malformed, Open, Set, TIMEOUT, answer, ask, query_type,
};
use crate::{
    abi::{
        dns::{DnsSettings, DnsTally, LARGE_SERVERS, LookupTimes, Lookups, lookup_times},
        histogram::LOOKUP_BOUNDS,
        labels::{DnsTransport, IpVersion, QueryType, Resolver},
    },
    account::bump,
    bytes::Bytes,
};

/// Where counters and open lookups are kept. What is missing is not counted, which only
/// happens where the verifier wants to be told.
pub trait Books {
    /// A set of open lookups.
    type Set: Set;

    /// The tally of the vantage and direction of a message.
    fn tally(&mut self) -> Option<&mut DnsTally>;
    /// What became of lookups.
    fn lookups(&mut self) -> Option<&mut Lookups>;
    /// A set of open lookups.
    fn set(&mut self, position: u32) -> Option<Self::Set>;
    /// The times of a resolver and transport.
    fn times(&mut self, position: u32) -> Option<&mut LookupTimes>;
    /// What is configured.
    fn settings(&self) -> Option<&DnsSettings>;
    /// By what lookups are hashed.
    fn keys(&self) -> &Keys;
    /// Now, in nanoseconds of a clock that does not go back.
    fn now(&self) -> u64;
}

/// How a message is seen at the device at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sighting {
    /// For the first time: it came from outside, or from a socket of this host.
    First,
    /// It was seen at another vantage before, under addresses that may have been others.
    Elsewhere,
    /// It was seen at this vantage before.
    Again,
}

/// Where a message stands, and what the headers before it say.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Offset of the IP header.
    pub network: usize,
    /// Whether that is of version 6.
    pub version_6: bool,
    /// Offset of the transport header.
    pub transport: usize,
    /// How the message is seen.
    pub sighting: Sighting,
    /// The number of the vantage.
    pub vantage: u16,
}

impl Place {
    #[inline(always)]
    const fn family(&self) -> usize {
        if self.version_6 { IpVersion::V6.index() } else { IpVersion::V4.index() }
    }
}

/// What the packet parser said of a message over UDP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It ends before it says what it is.
    Short,
    /// A query.
    Query,
    /// A response.
    Response,
}

/// Answers over UDP that are longer are large, in bytes: the size that DNS flag day 2020
/// agreed on.
pub const LARGE_ANSWER: usize = 1232;

/// Takes a message over UDP from `at` to `end`, or, of a merged buffer, the first of
/// `times` messages. Says whether its names are worth to be looked at.
#[inline(always)]
pub fn datagram<B: Bytes + ?Sized, K: Books>(
    books: &mut K,
    bytes: &B,
    place: &Place,
    kind: Kind,
    at: usize,
    end: usize,
    times: u64,
) -> bool {
    let header = Header::read(bytes, at, end);
    let question = match (kind, header) {
        (Kind::Short, _) => Err(Malformed::Short),
        (_, Err(malformed)) => Err(malformed),
        (_, Ok(header)) if !header.has_questions() => Err(Malformed::Questions),
        (Kind::Query, Ok(_)) => query_type(bytes, at, end),
        (Kind::Response, Ok(_)) => Ok(0),
    };
    let Some(tally) = books.tally() else { return false };
    let asked = match question {
        Ok(number) => QueryType::of(number),
        Err(malformed) => {
            count_malformed(tally, DnsTransport::Udp, malformed, times);
            QueryType::Other
        }
    };
    if kind == Kind::Query {
        count_query(tally, DnsTransport::Udp, place.family(), asked, times);
    }
    let Ok(header) = header else { return false };
    if times != 1 || place.sighting == Sighting::Again {
        return false;
    }
    let large = kind == Kind::Response && end.wrapping_sub(at) > LARGE_ANSWER;
    follow(books, bytes, place, header, DnsTransport::Udp, large)
}

/// Counts a query.
#[inline(always)]
pub(super) fn count_query(
    tally: &mut DnsTally,
    transport: DnsTransport,
    family: usize,
    asked: QueryType,
    times: u64,
) {
    let row = transport.index().wrapping_mul(IpVersion::COUNT).wrapping_add(family);
    bump(&mut tally.queries, row.wrapping_mul(QueryType::COUNT).wrapping_add(asked.index()), times);
}

/// Counts a fault of a message.
#[inline(always)]
pub(super) fn count_malformed(
    tally: &mut DnsTally,
    transport: DnsTransport,
    malformed: Malformed,
    times: u64,
) {
    let row = transport.index().wrapping_mul(Malformed::COUNT);
    bump(&mut tally.malformed, row.wrapping_add(malformed.index()), times);
}

/// Follows a message to its lookup. Says whether its names are worth to be looked at.
#[inline(always)]
pub(super) fn follow<B: Bytes + ?Sized, K: Books>(
    books: &mut K,
    bytes: &B,
    place: &Place,
    header: Header,
    transport: DnsTransport,
    large: bool,
) -> bool {
    let response = header.is_response();
    let identity =
        Identity { id: header.id, response, kind: place.vantage << 1 | transport as u16 };
    let Place { network, version_6, transport: ports, .. } = *place;
    let lookup = Lookup::read(bytes, network, version_6, ports, identity, books.keys());
    let Some(lookup) = lookup else { return false };
    if response {
        let first = place.sighting == Sighting::First;
        respond(books, lookup, header, transport, first, large).is_some()
    } else {
        begin(books, lookup, place.sighting == Sighting::First).is_some()
    }
}

/// Takes a query.
#[inline(always)]
fn begin<K: Books>(books: &mut K, lookup: Lookup, first: bool) -> Option<()> {
    let now = books.now();
    let place = books.settings()?.place(lookup.server);
    let mut set = books.set(lookup.set())?;
    let asked = ask(&mut set, lookup, place, first, now);
    let lookups = books.lookups()?;
    let (new, forgotten) = match asked {
        Asked::Again => return None,
        Asked::New(new) => (new, None),
        Asked::Instead { new, forgotten } => (new, Some(forgotten)),
    };
    if let Some(forgotten) = forgotten.filter(|it| it.counts()) {
        add(&mut lookups.events.forgotten, 1);
        move_pending(lookups, forgotten, u64::MAX);
    }
    if !first {
        return None;
    }
    add(&mut lookups.events.asked, 1);
    move_pending(lookups, new, 1);
    Some(())
}

/// Takes a response.
#[inline(always)]
fn respond<K: Books>(
    books: &mut K,
    lookup: Lookup,
    header: Header,
    transport: DnsTransport,
    first: bool,
    large: bool,
) -> Option<()> {
    let mut set = books.set(lookup.set())?;
    let open = answer(&mut set, lookup);
    let counts = open.map_or(first, Open::counts);
    if !counts {
        return None;
    }
    if large {
        let server = (lookup.server >> 32) as usize % LARGE_SERVERS;
        bump(&mut books.lookups()?.large, server, 1);
    }
    let place = if let Some(open) = open {
        let age = open.age(books.now());
        let lookups = books.lookups()?;
        if age <= TIMEOUT {
            add(&mut lookups.events.answered, 1);
            move_pending(lookups, open, u64::MAX);
        } else {
            add(&mut lookups.events.late, 1);
        }
        let times = books.times(lookup_times(open.place(), transport))?;
        times.nanoseconds.observe(&LOOKUP_BOUNDS, age);
        open.place()
    } else {
        add(&mut books.tally()?.unmatched, 1);
        Resolver::Other as u32
    };
    if header.is_truncated() {
        bump(&mut books.lookups()?.events.truncated, place as usize, 1);
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

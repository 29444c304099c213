//! The rules by which messages are counted and lookups followed: the only place that says
//! which counter of [`abi::dns`](crate::abi::dns) moves.
//!
//! Where the counters lie is for others to say: per CPU in maps of the kernel, or in the
//! memory of a replay.

use super::{
    Asked, Keys, Kind, Lookup, Malformed, Note, Open, Opened, Set, Sighting, Span, StreamSet,
    TIMEOUT, answer, ask,
    note::{ASKED, FAMILY, FAULT, KIND, SIGHTING, TIMES, TRANSFER, TRANSPORT},
};
use crate::{
    abi::{
        dns::{DnsSettings, DnsTally, LARGE_SERVERS, LookupTimes, Lookups, lookup_times},
        histogram::{DNS_SIZE_BOUNDS, LOOKUP_BOUNDS},
        labels::{DnsTransport, IpVersion, QueryType, Rcode, Resolver},
    },
    account::bump,
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
    /// The same, or up to [`TICK`](super::TICK) before it.
    fn about(&self) -> u64 {
        self.now()
    }
    /// Reads on in a stream: [`advance`](super::advance) where it stands.
    fn advance(&mut self, stream: u32, span: Span) -> Span;
    /// Notes the message that is complete in a stream: [`conclude`](super::conclude) where it
    /// stands.
    fn conclude(&mut self, opened: &Opened, begins: usize);
    /// Keeps what is noted of a message until it is settled.
    fn note(&mut self, note: Note);
    /// Counts the message that was noted last: [`settle`], and then what is due.
    fn settle(&mut self);
}

/// Answers over UDP that are longer are large, in bytes: the size that DNS flag day 2020
/// agreed on.
pub const LARGE_ANSWER: usize = 1232;

/// A response over TCP of so many bytes is large, unless a zone is transferred.
pub const LARGE_MESSAGE: usize = 16 << 10;

/// Counts a message and follows it to its lookup. Says whether its names are to be handed
/// on: at one device each.
#[inline(always)]
pub fn settle<K: Books>(books: &mut K, note: Note) -> bool {
    let facts = note.facts;
    if let Some(tally) = books.tally() {
        count(tally, note);
    }
    if note.hash == 0 || TIMES.get(facts) != 1 {
        return false;
    }
    let first = SIGHTING.get(facts) == Sighting::FIRST.to_word();
    let due =
        if note.is_response() { respond(books, note, first) } else { begin(books, note, first) };
    if due.is_some() && note.start() == 0 {
        if let Some(lookups) = books.lookups() {
            let events = &mut lookups.events;
            let split = if note.is_response() {
                &mut events.answers_split
            } else {
                &mut events.names_split
            };
            add(split, 1);
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
        // Each by itself times what it moves: of 2a + b the compiler makes a bitwise or, of
        // which the verifier of Linux 6.1 learns nothing.
        let transport = transport.wrapping_mul(const { IpVersion::COUNT * QueryType::COUNT });
        let cell = family.wrapping_mul(QueryType::COUNT).wrapping_add(transport);
        bump(&mut tally.queries, cell.wrapping_add(asked.index()), times);
    } else if tcp && kind == Kind::Response as u64 {
        let [flags, ..] = header.to_le_bytes();
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

/// Takes a query. Its names are due where it is seen first.
#[inline(always)]
fn begin<K: Books>(books: &mut K, note: Note, first: bool) -> Option<()> {
    let lookup = Lookup { hash: note.hash, server: note.server };
    let mut set = books.set(lookup.set())?;
    let other = Resolver::Other as u32;
    let place = || books.settings().map_or(other, |settings| settings.place(lookup.server));
    let asked = ask(&mut set, lookup, place, first, books.about(), || books.now());
    let lookups = books.lookups()?;
    let new = match asked {
        // Whoever asks for another name under the same ID and ports looks like this, too.
        Asked::Again => return first.then_some(()),
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

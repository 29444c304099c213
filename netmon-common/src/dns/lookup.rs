//! Open lookups: which query a response belongs to, and when it was sent.
//!
//! A query leaves a mark and its time in a set of eight, which its response takes away.
//! Sets are queues: what is in one stands from its first place on, oldest first, so that
//! most searches end at the first empty place, and what gives way when a set is full is
//! the oldest. Nothing is ever inserted elsewhere: a flood costs entries, which are
//! counted, but no memory and no more time.
//!
//! With N entries, R lookups per second and t seconds that they stay open, an entry is
//! forgotten when eight others are open in its set: P(Poisson(8Rt/N) >= 8). At 2,000
//! queries a second which nobody answers for 5 s that is 3 in 10 million, and at 20,000
//! answered within 20 ms it is less than one in 10^15.

use crate::{abi::labels::Resolver, bytes::Bytes};

/// Entries of a set.
pub const WAYS: usize = 8;

/// Sets in all: with 64 bytes each, 1 MiB.
pub const LOOKUP_SETS: u32 = 1 << SET_BITS;

const SET_BITS: u32 = 14;

/// A query that is open for longer is counted as unanswered, in nanoseconds: what most
/// resolvers wait before they ask again (resolv.conf(5), option timeout).
pub const TIMEOUT: u64 = 5_000_000_000;

/// A query that is sent again within so many nanoseconds, about 17 s, belongs to the
/// lookup that the first one began: twice [`TIMEOUT`] for the usual two attempts, and some.
/// So long a response is waited for, too.
const GIVEN_UP: u64 = 1 << 34;

/// How far a clock that costs nothing may be behind, in nanoseconds: a tick of the kernel is
/// at most 10 ms.
pub const TICK: u64 = 1 << 24;

/// Spans of time in which lookups begin, of [`COHORT`] each: after so many the first one
/// comes round again.
pub const COHORTS: usize = 16;

const SPANS: u64 = COHORTS as u64 - 1;
const _: () = assert!(COHORTS.is_power_of_two());

/// One span, in nanoseconds: about a second, and no division.
const COHORT: u64 = 1 << COHORT_BITS;
const COHORT_BITS: u32 = 30;

/// Spans after which none of the lookups that began in one can be answered in time.
const SETTLED: u64 = TIMEOUT / COHORT + 2;

/// A set as it lies in memory, wherever that is.
pub trait Set {
    /// The word at a place below [`WAYS`].
    fn get(&self, at: usize) -> u64;
    /// Changes the word at a place.
    fn set(&mut self, at: usize, word: u64);
    /// Returns `at`, of which the verifier then knows nothing: see
    /// [`Bytes::forget`].
    fn forget(&self, at: usize) -> usize {
        at
    }
}

impl Set for [u64; WAYS] {
    fn get(&self, at: usize) -> u64 {
        <[u64]>::get(self, at).copied().unwrap_or(0)
    }

    fn set(&mut self, at: usize, word: u64) {
        if let Some(place) = self.get_mut(at) {
            *place = word;
        }
    }
}

/// Random numbers by which lookups and servers are hashed. Nobody who sends packets may
/// know them.
pub type Keys = [u64; 10];

/// Both ends of a message and its ID, hashed: the same for a query and its response.
///
/// Multilinear, as [`Flow`](crate::handshake::Flow) is: two lookups agree in all bits that
/// are used here with a probability of at most 2^-33.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lookup {
    /// All of it.
    pub hash: u64,
    /// The part of it that is of the server's address alone.
    pub server: u64,
}

/// What a lookup is told apart by, beside addresses and ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// ID of the message.
    pub id: u16,
    /// Whether it is a response.
    pub response: bool,
    /// Anything else, such as the vantage and the transport.
    pub kind: u16,
}

const IPV4: usize = 12;
const IPV6: usize = 8;

impl Lookup {
    /// The lookup to which a message belongs whose IP header stands at `network`, of
    /// version 6 or else 4, and whose transport header at `transport`.
    #[inline(always)]
    pub fn read<B: Bytes + ?Sized>(
        bytes: &B,
        network: usize,
        version_6: bool,
        transport: usize,
        identity: Identity,
        keys: &Keys,
    ) -> Option<Self> {
        let [k0, k1, c0, s0, further @ ..] = keys;
        let ports = bytes.be32(transport)?;
        let id = u32::from(identity.id) | u32::from(identity.kind) << 16;
        // Calculated, where a question would cost registers: 1 for a response, whose sender is
        // the server.
        let response = u32::from(identity.response);
        // The port of the client above that of the server.
        let ports = ports.rotate_left(response.wrapping_mul(u16::BITS));
        let hash = product(ports, *k0).wrapping_add(product(id, *k1));
        let (client, server) = if version_6 {
            let [c1, c2, c3, s1, s2, s3] = *further;
            let (client, server) = ends(network.wrapping_add(IPV6), response);
            let client = sum(bytes.be32s(client)?, [c3, c2, c1, *c0]);
            (client, sum(bytes.be32s(server)?, [s3, s2, s1, *s0]))
        } else {
            let [sender, receiver] = bytes.be32s(network.wrapping_add(IPV4))?;
            let exchanged = (sender ^ receiver) & 0_u32.wrapping_sub(response);
            (product(sender ^ exchanged, *c0), product(receiver ^ exchanged, *s0))
        };
        Some(Self { hash: hash.wrapping_add(client).wrapping_add(server), server })
    }

    /// The set in which it is, below [`LOOKUP_SETS`].
    #[inline(always)]
    pub const fn set(self) -> u32 {
        (self.hash >> (u64::BITS - SET_BITS)) as u32
    }

    /// What tells it from others of its set.
    #[inline(always)]
    const fn mark(self) -> u64 {
        (self.hash >> (u64::BITS - SET_BITS - MARK_BITS)) & MARK
    }
}

/// Where the IPv6 addresses of client and server are, when those of sender and receiver stand
/// from `at` on.
#[inline(always)]
const fn ends(at: usize, response: u32) -> (usize, usize) {
    let moved = response.wrapping_mul(16) as usize;
    (at.wrapping_add(moved), at.wrapping_add(16).wrapping_sub(moved))
}

/// The hash of a server's address, as [`Lookup::server`] is, from its words: four of an
/// IPv6 address, or one of an IPv4 address behind three zeros.
pub fn server_hash(address: [u32; 4], keys: &Keys) -> u64 {
    let [_, _, _, s0, _, _, _, s1, s2, s3] = *keys;
    sum(address, [s3, s2, s1, s0])
}

#[inline(always)]
const fn sum([w0, w1, w2, w3]: [u32; 4], [k0, k1, k2, k3]: [u64; 4]) -> u64 {
    let low = product(w0, k0).wrapping_add(product(w1, k1));
    low.wrapping_add(product(w2, k2)).wrapping_add(product(w3, k3))
}

#[inline(always)]
const fn product(word: u32, key: u64) -> u64 {
    (word as u64).wrapping_mul(key)
}

/// An open lookup, packed into one word. 0 is an empty place.
///
/// Its time in the upper 38 bits, in units of 2^10 ns, which wrap after three days; below
/// that a bit that is always set, whether the lookup counts, the place of its server, and
/// the mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Open(u64);

const UNIT_BITS: u32 = 10;
const TIME_SHIFT: u32 = 26;
const MARK_BITS: u32 = 20;
const MARK: u64 = (1 << MARK_BITS) - 1;
const PLACE_BITS: u32 = 4;
const BELOW_TIME: u64 = (1 << TIME_SHIFT) - 1;
const COUNTS: u64 = 1 << (MARK_BITS + PLACE_BITS);
const USED: u64 = COUNTS << 1;

const _: () = assert!(Resolver::COUNT <= 1 << PLACE_BITS && USED << 1 == 1 << TIME_SHIFT);

impl Open {
    #[inline(always)]
    fn new(lookup: Lookup, place: u32, counts: bool, now: u64) -> Self {
        let time = (now >> UNIT_BITS) << TIME_SHIFT;
        let counts = if counts { COUNTS } else { 0 };
        Self(time | USED | counts | u64::from(place) << MARK_BITS | lookup.mark())
    }

    #[inline(always)]
    const fn is(self, lookup: Lookup) -> bool {
        (self.0 ^ lookup.mark()) & (USED | MARK) == USED
    }

    /// How long it is open, in nanoseconds.
    #[inline(always)]
    pub const fn age(self, now: u64) -> u64 {
        // What is above the bits of the time falls off.
        let units = ((now >> UNIT_BITS) << TIME_SHIFT).wrapping_sub(self.0 & !BELOW_TIME);
        units >> (TIME_SHIFT - UNIT_BITS)
    }

    /// Whether there is none.
    #[inline(always)]
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }

    /// Whether it counts: it is seen here first.
    #[inline(always)]
    pub const fn counts(self) -> bool {
        self.0 & COUNTS != 0
    }

    /// The place of its server, as an index into [`Resolver::ALL`].
    #[inline(always)]
    pub const fn place(self) -> u32 {
        (self.0 >> MARK_BITS & ((1 << PLACE_BITS) - 1)) as u32
    }

    /// Where it is counted among open lookups.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "a number below 256")]
    pub fn pending(self) -> usize {
        let span = self.0 >> (TIME_SHIFT + COHORT_BITS - UNIT_BITS);
        let cohort = span & SPANS;
        u64::from(self.place()).wrapping_mul(COHORTS as u64).wrapping_add(cohort) as usize
    }
}

/// What became of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// It begins this lookup.
    New(Open),
    /// It begins one, for which another had to be forgotten.
    Instead {
        /// The new one.
        new: Open,
        /// The one that was there.
        forgotten: Open,
    },
    /// It was sent before.
    Again,
}

/// The place in a set at which a lookup stands, or else the first empty one; [`WAYS`] where
/// there is neither.
#[inline(always)]
fn find(set: &impl Set, lookup: Lookup) -> usize {
    let mut at = 0;
    while at < WAYS {
        let word = set.get(at);
        if word == 0 || Open(word).is(lookup) {
            break;
        }
        at = at.wrapping_add(1);
    }
    set.forget(at)
}

/// Takes a query: of a lookup that counts or is seen elsewhere first, at the server with
/// this place, which is asked for where the lookup is new.
///
/// So is the time: to read it costs more than all else here, and for what was sent before
/// it is enough to know it to a [`TICK`], as `about` says it.
#[expect(clippy::cast_possible_truncation, reason = "a place is 32 bit, and only hidden as more")]
#[inline(always)]
pub fn ask(
    set: &mut impl Set,
    lookup: Lookup,
    place: impl FnOnce() -> u32,
    counts: bool,
    about: u64,
    now: impl FnOnce() -> u64,
) -> Asked {
    let found = find(set, lookup);
    let at = if found < WAYS { found } else { 0 };
    let there = Open(set.get(at));
    // It may seem to have been sent after now.
    let waits = there.age(about.wrapping_add(TICK)) < GIVEN_UP.wrapping_add(TICK);
    if found < WAYS && there.0 != 0 && waits {
        return Asked::Again;
    }
    let now = now();
    let age = there.age(now);
    // Forgotten, or the verifier would walk what follows for each place.
    let new = Open::new(lookup, set.forget(place() as usize) as u32, counts, now);
    if there.0 == 0 {
        set.set(at, new.0);
        return Asked::New(new);
    }
    // What is asked anew is the newest, too.
    let last = close(set, at);
    set.set(last, new.0);
    // Nobody waited for the oldest any more if it is older than that.
    if age <= TIMEOUT { Asked::Instead { new, forgotten: there } } else { Asked::New(new) }
}

/// Takes a response: the lookup that it ends, or none if its query was not seen.
#[inline(always)]
pub fn answer(set: &mut impl Set, lookup: Lookup) -> Open {
    let at = find(set, lookup);
    let there = Open(if at < WAYS { set.get(at) } else { 0 });
    if there.0 != 0 {
        close(set, at);
    }
    there
}

/// Empties a place: those behind it move up. Returns the place that is empty then.
#[inline(always)]
fn close(set: &mut impl Set, place: usize) -> usize {
    let mut at = place;
    for _ in 0..WAYS {
        at = set.forget(at);
        let behind = at.wrapping_add(1);
        let next = if behind < WAYS { set.get(behind) } else { 0 };
        set.set(at, next);
        if next == 0 {
            break;
        }
        at = behind;
    }
    at
}

/// Lookups that ran out of time, from the counters of open ones.
#[derive(Clone, Debug)]
pub struct Timeouts {
    /// The counters as they were when they were last looked at.
    seen: [u64; Resolver::COUNT * COHORTS],
    /// The first span that was not looked at yet.
    next: u64,
    counts: [u64; Resolver::COUNT],
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { seen: [0; Resolver::COUNT * COHORTS], next: 0, counts: [0; Resolver::COUNT] }
    }
}

impl Timeouts {
    /// Takes the counters of open lookups as they are `now`. Spans that nobody looked at in
    /// time are not lost: they count with the later ones of the same counter.
    pub fn take(&mut self, pending: &[u64; Resolver::COUNT * COHORTS], now: u64) {
        let settled = (now / COHORT).wrapping_add(1).saturating_sub(SETTLED);
        // Before that come spans whose counters hold lookups that are open by now.
        let oldest = settled.saturating_sub(const { COHORTS as u64 - SETTLED });
        for span in self.next.max(oldest)..settled {
            let cohort = usize::try_from(span).unwrap_or(0) % COHORTS;
            let counters = pending.iter().zip(&mut self.seen).skip(cohort).step_by(COHORTS);
            for ((open, seen), count) in counters.zip(&mut self.counts) {
                *count = count.wrapping_add(open.wrapping_sub(*seen));
                *seen = *open;
            }
        }
        self.next = self.next.max(settled);
    }

    /// Lookups that ran out of time so far, by resolver.
    pub const fn counts(&self) -> &[u64; Resolver::COUNT] {
        &self.counts
    }
}

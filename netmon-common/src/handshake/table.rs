//! The entries: sets of four, of which the oldest gives way.
//!
//! An entry is lost when four newer ones fall into its set. With N entries and R
//! requests per second those are a Poisson number of mean 4Rt/N within a time t,
//! so that of handshakes that take t, P(Poisson(4Rt/N) >= 4) are lost: hardly any
//! as long as t is below N/8R (0.2 %). With one entry per set it would be 12 %.

use super::{Flow, Sampling};

/// Entries of a set.
pub const WAYS: usize = 4;

/// Sets in all: half of them for the sample, half for the others. With 32 bytes
/// each, 1 MiB.
pub const SETS: u32 = 2 * SETS_PER_REGION;

/// Entries in one half.
pub(super) const ENTRIES_PER_REGION: u64 = SETS_PER_REGION as u64 * WAYS as u64;

const SETS_PER_REGION: u32 = 1 << SET_BITS;
const SET_BITS: u32 = 14;

/// One set, as it lies in the map.
pub type Set = [u64; WAYS];

/// Which connection was asked for, and when, packed into one word: the mark of
/// its flow in the upper half, the time in the lower one. 0 is an empty entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry(u64);

/// The unit of times in entries is 2^10 ns: about a microsecond, and no division.
/// 32 bits of them wrap after 73 minutes.
const UNIT_BITS: u32 = 10;

/// A request that is older counts as given up. Longer than the 35 s after which
/// Linux sends its last SYN but one, about a minute.
const GIVEN_UP: u32 = 1 << 26;

impl Entry {
    /// No connection.
    pub const EMPTY: Self = Self(0);

    /// A word of the table.
    #[inline(always)]
    pub const fn from_word(word: u64) -> Self {
        Self(word)
    }

    /// The packed form.
    #[inline(always)]
    pub const fn to_word(self) -> u64 {
        self.0
    }

    /// For how long it has been there, in nanoseconds, unless it is too old to be
    /// meant.
    #[inline(always)]
    pub const fn age(self, nanoseconds: u64) -> Option<u64> {
        let age = self.units_before(time(nanoseconds));
        if age < GIVEN_UP { Some((age as u64).wrapping_shl(UNIT_BITS)) } else { None }
    }

    #[inline(always)]
    const fn mark(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// The higher, the sooner it gives way: an empty entry before any other, then
    /// the oldest. Calculated rather than asked, for the sake of the verifier: it
    /// would walk both answers for each of four entries.
    #[inline(always)]
    const fn seniority(self, now: u32) -> u64 {
        let empty = (self.mark() as u64).wrapping_sub(1) >> 63;
        empty << 32 | self.units_before(now) as u64
    }

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "the lower half is what is wanted")]
    const fn units_before(self, now: u32) -> u32 {
        now.wrapping_sub(self.0 as u32)
    }
}

/// A time as entries hold it.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "times are compared modulo 2^32")]
const fn time(nanoseconds: u64) -> u32 {
    (nanoseconds >> UNIT_BITS) as u32
}

impl Flow {
    /// The set in which its entry is, below [`SETS`].
    #[inline(always)]
    pub fn set(self, sampling: Sampling) -> u32 {
        let [.., high, low] = (self.hash >> (u64::BITS - SET_BITS)).to_be_bytes();
        let set = u32::from(u16::from_be_bytes([high, low]));
        if sampling.holds(self) { set } else { set | SETS_PER_REGION }
    }

    /// What tells it from other flows of its set; never 0.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "the bits below those of the set")]
    pub(super) const fn mark(self) -> u32 {
        (self.hash >> (u32::BITS - SET_BITS)) as u32 | 1
    }

    /// A request: what becomes of which entry of its set, if anything does. One
    /// that was sent before keeps its time.
    #[inline(always)]
    pub fn requested(self, set: Set, nanoseconds: u64) -> Option<(usize, Entry)> {
        let (mark, now) = (self.mark(), time(nanoseconds));
        let entry = Entry(u64::from(mark) << 32 | u64::from(now));
        if let Some((at, known)) = self.answered(set) {
            return (known.units_before(now) >= GIVEN_UP).then_some((at, entry));
        }
        let [first, ..] = set;
        let (mut place, mut oldest) = (0, Entry(first).seniority(now));
        for (at, word) in set.into_iter().enumerate().skip(1) {
            let seniority = Entry(word).seniority(now);
            if seniority > oldest {
                (place, oldest) = (at, seniority);
            }
        }
        Some((place, entry))
    }

    /// An answer: the entry of its request, and where it is, to be emptied.
    #[inline(always)]
    pub fn answered(self, set: Set) -> Option<(usize, Entry)> {
        let mark = self.mark();
        let found = set.into_iter().enumerate().find(|(_, word)| Entry(*word).mark() == mark);
        found.map(|(at, word)| (at, Entry(word)))
    }
}

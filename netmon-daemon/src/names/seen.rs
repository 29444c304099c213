//! A set of the names that were seen lately, small enough to be kept by the thousand.
//!
//! Knows hashes, no names. Invariant: a name that is in the set is new for a minute
//! after it was first seen and never again for an hour, and one that was asked for
//! again is not new any more.

use super::slow;

/// How long a name is new, in seconds.
pub(super) const NEW: u16 = 60;

/// How long a short name must be in the set before it counts, in seconds: time enough
/// for whoever works through a list to come by again.
const GRACE: u16 = 3;

/// A name of so many bytes counts at once. Nobody lists such names.
const LONG: u8 = 32;

/// A name of fewer bytes is hardly one of a tunnel: no host has a longer one that people
/// type, and with every message a tunnel needs room for the number of that message.
const SHORT: u8 = 8;

/// Whoever asks again later than this many seconds did not repeat a lost query, nor
/// did the same packet cross two devices.
const AGAIN: u16 = 2;

/// After so many seconds a name is forgotten.
const FORGOTTEN: u16 = 3600;

/// The bit of [`Seen::hash`] that says that it was asked for again.
const REPEATED: u32 = 1 << 31;

/// A name that was seen.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    /// 0 where there is none.
    hash: u32,
    /// When it was first seen, in seconds, the lower bits.
    first: u16,
    /// Its length below the registered domain.
    len: u8,
    /// QTYPE, 0 where that needs more bits.
    kind: u8,
}

/// A name that is shown to a set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown {
    pub(super) hash: u32,
    pub(super) now: u16,
    pub(super) len: u8,
    pub(super) kind: u16,
    pub(super) is_query: bool,
    /// Whether it is known not to be new, set or not.
    pub(super) is_known: bool,
}

/// How much in a set is new.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) names: u32,
    /// Those among them that are short.
    pub(super) short: u32,
    pub(super) bytes: u32,
}

impl Extent {
    /// How many names it is worth: a short one counts half.
    pub(super) const fn worth(self) -> u32 {
        self.names - self.short / 2
    }
}

impl Seen {
    /// None.
    pub(super) const NONE: Self = Self { hash: 0, first: 0, len: 0, kind: 0 };

    /// Its hash.
    pub(super) const fn hash(self) -> u32 {
        self.hash
    }

    /// Its length, 0 where there is none.
    pub(super) const fn bytes(self) -> u32 {
        self.len as u32
    }

    /// A name that is seen for the first time.
    pub(super) fn new(shown: Shown) -> Self {
        Self {
            hash: (shown.hash & !REPEATED) | 1,
            first: shown.now,
            len: shown.len,
            kind: u8::try_from(shown.kind).unwrap_or(0),
        }
    }

    const fn age(self, now: u16) -> u16 {
        now.wrapping_sub(self.first)
    }

    /// Nobody works through a list of names by such types.
    const fn carries(self) -> bool {
        slow::carries(self.kind as u16)
    }

    fn is_new(self, now: u16) -> bool {
        self.hash != 0
            && self.hash & REPEATED == 0
            && self.age(now) < NEW
            && (self.len >= LONG || self.carries() || self.age(now) >= GRACE)
    }
}

/// Whether a name was in a set; if so, that is noted.
pub(super) fn knows(set: &mut [Seen], shown: Shown) -> bool {
    let hash = (shown.hash & !REPEATED) | 1;
    let Some(seen) = set.iter_mut().find(|seen| seen.hash & !REPEATED == hash) else {
        return false;
    };
    if shown.is_query && seen.age(shown.now) >= AGAIN {
        seen.hash |= REPEATED;
    }
    true
}

/// The place for a new name: a free one, or that of the oldest.
pub(super) fn oldest(set: &mut [Seen], now: u16) -> Option<&mut Seen> {
    set.iter_mut().max_by_key(|seen| (seen.hash == 0, seen.age(now)))
}

/// How many places are free.
pub(super) fn free(set: &[Seen]) -> usize {
    set.iter().filter(|seen| seen.hash == 0).count()
}

/// How much is new.
pub(super) fn extent(set: &[Seen], now: u16) -> Extent {
    set.iter().filter(|seen| seen.is_new(now)).fold(Extent::default(), |sum, seen| Extent {
        names: sum.names + 1,
        short: sum.short + u32::from(seen.len < SHORT),
        bytes: sum.bytes + u32::from(seen.len),
    })
}

/// The type that most new names were asked for, and how many of them.
pub(super) fn commonest(set: &[Seen], now: u16) -> (u16, u32) {
    let mut counts = [0_u32; 256];
    for seen in set.iter().filter(|seen| seen.is_new(now)) {
        if let Some(count) = counts.get_mut(usize::from(seen.kind)) {
            *count += 1;
        }
    }
    let kinds = (0..).zip(counts);
    kinds.max_by_key(|(kind, count)| (*count, std::cmp::Reverse(*kind))).unwrap_or_default()
}

/// Forgets what was first seen long ago.
pub(super) fn forget(set: &mut [Seen], now: u16) {
    for seen in set.iter_mut().filter(|seen| seen.age(now) >= FORGOTTEN) {
        *seen = Seen::default();
    }
}

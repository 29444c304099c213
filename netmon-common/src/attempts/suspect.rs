//! What is kept of somebody who asks, within one window.

use crate::sketch::Marks;

/// Tables that take turns.
pub const BANKS: u32 = 2;

/// Sets of a table, and suspects of a set.
pub const SETS: usize = 256;
/// See [`SETS`].
pub const WAYS: usize = 4;

/// Suspects of one table.
pub const SUSPECTS: usize = SETS * WAYS;

/// Suspects of all tables.
pub const PLACES: u32 = {
    assert!(SUSPECTS <= 1 << 16);
    #[expect(clippy::cast_possible_truncation, reason = "asserted")]
    let suspects = SUSPECTS as u32;
    suspects.wrapping_mul(BANKS)
};

/// Words that say who stands where in one table.
pub const TAGS: usize = SUSPECTS;

/// Where a suspect of one of the tables stands among those of both.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "below the number of suspects")]
pub const fn place_of(bank: u32, at: usize) -> u32 {
    bank.wrapping_mul(SUSPECTS as u32).wrapping_add(at as u32)
}

/// As whom somebody asks, and of what he is suspected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Kind {
    /// From outside: of asking for many ports, of whomever.
    Outside = 0,
    /// From this host or its containers: of asking many hosts for one port.
    Across = 1,
    /// From this host or its containers: of asking one host for many ports.
    Along = 2,
    /// Of sending UDP to many ports on which nobody listens.
    Udp = 3,
}

impl Kind {
    /// Every kind, in the order of their numbers.
    pub const ALL: [Self; 4] = [Self::Outside, Self::Across, Self::Along, Self::Udp];
}

/// Somebody who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Suspect {
    /// His address in the order of the network, IPv4 mapped into IPv6.
    pub client: [u32; 4],
    /// The last one whom he asked.
    pub server: [u32; 4],
    /// From the lowest bit: the last port that he asked for (16 bits), his [`Kind`] (16
    /// bits), segments that no TCP stack sends (32 bits).
    pub about: u64,
    /// Control group of the socket that asked, 0 where it is not known.
    pub workload: u64,
    /// What he asked for.
    pub asked: Marks<8>,
    /// What agreed.
    pub answered: Marks<8>,
}

impl Suspect {
    /// Nobody.
    pub const NOBODY: Self = Self {
        client: [0; 4],
        server: [0; 4],
        about: 0,
        workload: 0,
        asked: Marks::EMPTY,
        answered: Marks::EMPTY,
    };

    /// How many words of 64 bits he takes.
    pub const WORDS: usize = size_of::<Self>() / size_of::<u64>();

    /// The suspect that lies in memory as these words.
    pub fn from_words(words: &[u64; Self::WORDS]) -> Self {
        let half = |index: usize| {
            let [first @ .., _, _, _, _] = words.get(index / 2).copied().unwrap_or(0).to_ne_bytes();
            let [_, _, _, _, second @ ..] =
                words.get(index / 2).copied().unwrap_or(0).to_ne_bytes();
            u32::from_ne_bytes(if index & 1 == 0 { first } else { second })
        };
        let word = |index: usize| words.get(index).copied().unwrap_or(0);
        let marks = |first: usize| {
            Marks::from_words(core::array::from_fn(|at| word(first.wrapping_add(at))))
        };
        Self {
            client: core::array::from_fn(half),
            server: core::array::from_fn(|at| half(at.wrapping_add(4))),
            about: word(4),
            workload: word(5),
            asked: marks(6),
            answered: marks(14),
        }
    }

    /// The last port that he asked for.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "the lowest bits are what is wanted")]
    pub const fn port(&self) -> u16 {
        self.about as u16
    }

    /// As whom he asked.
    pub fn kind(&self) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| *kind as u64 == self.about >> 16 & 0xffff)
    }

    /// Segments of his that no TCP stack sends.
    pub const fn stealth(&self) -> u64 {
        self.about >> 32
    }
}

/// Bits of a tag: the number of a window, how many bits the suspect has, who he is.
const COUNT: u32 = 32;
const WHO: u32 = 40;
const COUNT_MASK: u64 = 0xff << COUNT;

/// The tag of a suspect with this hash in a window.
#[inline(always)]
pub(super) const fn tag(hash: u64, window: u32) -> u64 {
    // Below the bits that choose the set.
    (hash >> 32 & 0xff_ffff) << WHO | window as u64
}

/// The set of a suspect with this hash.
#[inline(always)]
pub(super) const fn set(hash: u64) -> usize {
    const { assert!(SETS == 1 << 8) };
    (hash >> 56) as usize
}

/// Whether a tag is one of this window.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "the lowest bits are what is wanted")]
pub const fn is_of(tag: u64, window: u32) -> bool {
    tag != 0 && tag as u32 == window
}

/// Whether two tags are of the same suspect in the same window.
#[inline(always)]
pub(super) const fn is_same(tag: u64, other: u64) -> bool {
    (tag ^ other) & !COUNT_MASK == 0
}

/// What would be lost with a suspect: nothing if he is of another window.
#[inline(always)]
pub(super) const fn worth(tag: u64, window: u32) -> u64 {
    let bits = (tag & COUNT_MASK) >> COUNT;
    if is_of(tag, window) { bits.wrapping_add(1) } else { 0 }
}

/// The tag of a suspect who has one bit more.
#[inline(always)]
pub(super) const fn with_one_more(tag: u64) -> u64 {
    tag.wrapping_add(((tag & COUNT_MASK != COUNT_MASK) as u64) << COUNT)
}

//! Which counters a device owns.
//!
//! The kernel finds them by `ifindex`: entry `ifindex % SLOT_TABLE_LEN` of the
//! slot table says whether it speaks of this very device, and where it counts.

use super::labels::Direction;
use crate::packet::Link;

/// Entries of the slot table; a power of two.
pub const SLOT_TABLE_LEN: u32 = 4096;

/// Devices that can have counters of their own, beside the shared slots.
pub const DEVICE_SLOTS: u32 = 64;

/// Slot that counts devices which the table does not know.
pub const OTHER_SLOT: u32 = 0;

/// Shared slots below the first device slot: "other", and one overflow slot per
/// vantage (boundary, internal, loopback, none).
pub const SHARED_SLOTS: u32 = 5;

/// Slots in all.
pub const SLOTS: u32 = SHARED_SLOTS + DEVICE_SLOTS;

/// Entries of the tally map: one per slot and direction.
pub const TALLIES: u32 = SLOTS * 2;

/// The bit of an entry that says whether there are tables to look into.
const TABLES: u32 = 24;

/// The bit of an entry that says whether sockets of this kernel are behind it.
const OWN: u32 = 25;

/// The two bits of an entry that say from which vantage the device sees.
const VANTAGE: u32 = 26;

/// The vantages as numbers; 0 is none.
pub const BOUNDARY: u32 = 1;
/// See [`BOUNDARY`].
pub const INTERNAL: u32 = 2;
/// See [`BOUNDARY`].
pub const LOOPBACK: u32 = 3;

/// One entry of the slot table, packed into a word so that the kernel reads it
/// whole: `ifindex` in the upper half, then whose sockets are behind it, whether
/// there are tables to look into, link type and slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotEntry {
    /// Index of the device, never 0.
    pub ifindex: u32,
    /// Where it counts, below [`SLOTS`].
    pub slot: u16,
    /// How its frames begin.
    pub link: Link,
    /// Whether there are [`Networks`](super::networks::Networks) to look a remote address
    /// up in, or ports on which DNS is spoken beside 53. It stands here because this word is
    /// read anyway.
    pub tables: bool,
    /// Whether sockets of this kernel are behind the device, whose connections other
    /// hooks follow: it is the port of a container.
    pub own: bool,
    /// The number of the vantage, 0 where it has none.
    pub vantage: u32,
}

impl SlotEntry {
    /// The index of the table entry that may speak of this device.
    #[inline(always)]
    pub const fn position(ifindex: u32) -> u32 {
        ifindex & (SLOT_TABLE_LEN - 1)
    }

    /// The entry as a word; 0 is an empty entry.
    pub const fn to_word(self) -> u64 {
        ((self.ifindex as u64) << 32)
            | ((self.tables as u64) << TABLES)
            | ((self.own as u64) << OWN)
            | ((self.vantage as u64 & 3) << VANTAGE)
            | ((self.link.index() as u64) << 16)
            | self.slot as u64
    }

    /// The device of a word.
    #[inline(always)]
    pub const fn word_ifindex(word: u64) -> u32 {
        (word >> 32) as u32
    }

    /// The slot of a word.
    #[inline(always)]
    pub const fn word_slot(word: u64) -> u32 {
        (word & 0xffff) as u32
    }

    /// The link type index of a word.
    #[inline(always)]
    pub const fn word_link(word: u64) -> usize {
        ((word >> 16) & 0xff) as usize
    }

    /// Whether a word says that there are tables to look into.
    #[inline(always)]
    pub const fn word_tables(word: u64) -> bool {
        word & (1 << TABLES) != 0
    }

    /// Whether a word says that sockets of this kernel are behind the device.
    #[inline(always)]
    pub const fn word_own(word: u64) -> bool {
        word & (1 << OWN) != 0
    }

    /// The number of the vantage of a word, 0 where it has none.
    #[inline(always)]
    pub const fn word_vantage(word: u64) -> u32 {
        (word >> VANTAGE & 3) as u32
    }
}

/// The key of the tally of a slot and direction.
#[inline(always)]
pub const fn tally_key(slot: u32, direction: Direction) -> u32 {
    slot.wrapping_mul(2).wrapping_add(direction as u32)
}

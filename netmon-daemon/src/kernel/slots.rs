//! Which counters a device gets. Pure: the kernel's table is written elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use netmon_common::abi::slot::{OTHER_SLOT, SHARED_SLOTS, SLOTS, SlotEntry};

use crate::snapshot::Vantage;

/// Where a device counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In a slot of its own.
    Own(u32),
    /// In the slot that all further devices of its vantage share.
    Shared(u32),
    /// In the slot of unknown devices, because another device has its entry in
    /// the table.
    Unknown,
}

impl Place {
    /// The slot.
    pub(super) const fn slot(self) -> u32 {
        match self {
            Self::Own(slot) | Self::Shared(slot) => slot,
            Self::Unknown => OTHER_SLOT,
        }
    }
}

/// The slots in use.
#[derive(Debug)]
pub(super) struct Slots {
    free: BTreeSet<u32>,
    /// Devices by their entry in the kernel's table.
    entries: BTreeMap<u32, u32>,
    /// Devices that found no entry or no slot of their own.
    failures: u64,
}

impl Default for Slots {
    fn default() -> Self {
        Self { free: (SHARED_SLOTS..SLOTS).collect(), entries: BTreeMap::new(), failures: 0 }
    }
}

impl Slots {
    /// Finds a place for a device.
    pub(super) fn take(&mut self, ifindex: u32, vantage: Option<Vantage>) -> Place {
        let position = SlotEntry::position(ifindex);
        if self.entries.contains_key(&position) {
            self.failures = self.failures.saturating_add(1);
            return Place::Unknown;
        }
        self.entries.insert(position, ifindex);
        if let Some(slot) = self.free.pop_first() {
            return Place::Own(slot);
        }
        self.failures = self.failures.saturating_add(1);
        Place::Shared(shared(vantage))
    }

    /// Gives a place back; true if the table held an entry of this device.
    pub(super) fn give_back(&mut self, ifindex: u32, place: Place) -> bool {
        if let Place::Own(slot) = place {
            self.free.insert(slot);
        }
        place != Place::Unknown && self.entries.remove(&SlotEntry::position(ifindex)).is_some()
    }

    /// Slots of their own that devices have.
    pub(super) fn used(&self) -> u64 {
        u64::from(SLOTS - SHARED_SLOTS) - self.free.len() as u64
    }

    /// How often a device found no place of its own.
    pub(super) const fn failures(&self) -> u64 {
        self.failures
    }
}

/// The slot that devices of a vantage share when there are too many.
pub(super) const fn shared(vantage: Option<Vantage>) -> u32 {
    match vantage {
        Some(Vantage::Boundary) => 1,
        Some(Vantage::Internal) => 2,
        Some(Vantage::Loopback) => 3,
        None => 4,
    }
}

#[cfg(test)]
mod tests {
    use netmon_common::abi::slot::{DEVICE_SLOTS, SLOT_TABLE_LEN};

    use super::*;

    #[test]
    fn places() {
        let mut slots = Slots::default();
        let first = slots.take(1, Some(Vantage::Loopback));
        assert_eq!(first, Place::Own(SHARED_SLOTS));
        assert_eq!(slots.take(1 + SLOT_TABLE_LEN, None), Place::Unknown, "same entry");
        for ifindex in 2..=DEVICE_SLOTS {
            assert!(matches!(slots.take(ifindex, None), Place::Own(_)), "{ifindex}");
        }
        let crowded = slots.take(200, Some(Vantage::Internal));
        assert_eq!(crowded, Place::Shared(2));
        assert_eq!((slots.used(), slots.failures()), (u64::from(DEVICE_SLOTS), 2));

        assert!(slots.give_back(1, first));
        assert!(!slots.give_back(1 + SLOT_TABLE_LEN, Place::Unknown), "never had an entry");
        assert!(slots.give_back(200, crowded));
        assert_eq!(slots.take(201, None), first, "the slot that became free");
    }
}

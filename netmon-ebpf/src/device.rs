//! What the table of devices says of a device.

use netmon_common::abi::slot::SlotEntry;

use crate::maps::SLOTS;

/// The entry of a device; 0, which is that of no device, where the table does not know it.
#[inline(always)]
pub(crate) fn entry(ifindex: u32) -> u64 {
    let word = SLOTS.get(SlotEntry::position(ifindex)).copied().unwrap_or(0);
    if SlotEntry::word_ifindex(word) == ifindex { word } else { 0 }
}

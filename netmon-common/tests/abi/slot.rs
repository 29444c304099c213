//! The slot table: entries survive packing, keys do not collide.

use std::collections::BTreeSet;

use netmon_common::{
    abi::{
        labels::Direction,
        slot::{
            DEVICE_SLOTS, OTHER_SLOT, SHARED_SLOTS, SLOT_TABLE_LEN, SLOTS, SlotEntry, TALLIES,
            tally_key,
        },
    },
    packet::Link,
};
use proptest::{prelude::*, sample::select};

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn entry_round_trips(
        ifindex: u32,
        slot: u16,
        link in select(Link::ALL),
        networks: bool,
        own: bool,
    ) {
        let word = SlotEntry { ifindex, slot, link, tables: networks, own, vantage: 0 }.to_word();
        prop_assert_eq!(SlotEntry::word_ifindex(word), ifindex);
        prop_assert_eq!(SlotEntry::word_slot(word), u32::from(slot));
        prop_assert_eq!(SlotEntry::word_link(word), link.index());
        prop_assert_eq!(SlotEntry::word_tables(word), networks);
        prop_assert_eq!(SlotEntry::word_own(word), own);
    }

    #[test]
    fn position_is_within_the_table(ifindex: u32) {
        let position = SlotEntry::position(ifindex);
        prop_assert!(position < SLOT_TABLE_LEN);
        prop_assert_eq!(position, ifindex % SLOT_TABLE_LEN);
    }
}

#[test]
fn an_empty_entry_names_no_device() {
    assert_eq!(SlotEntry::word_ifindex(0), 0, "no device has index 0");
    assert_eq!(SlotEntry::word_slot(0), OTHER_SLOT);
    let first = SlotEntry {
        ifindex: 1,
        slot: 0,
        link: Link::Ethernet,
        tables: false,
        own: false,
        vantage: 0,
    };
    assert_ne!(first.to_word(), 0);
}

#[test]
fn every_slot_and_direction_has_a_key_of_its_own() {
    let keys: BTreeSet<u32> = (0..SLOTS)
        .flat_map(|slot| Direction::ALL.iter().map(move |direction| tally_key(slot, *direction)))
        .collect();
    assert_eq!(keys, (0..TALLIES).collect());
}

#[test]
fn sizes_fit_together() {
    assert!(SLOT_TABLE_LEN.is_power_of_two());
    assert_eq!(SLOTS, SHARED_SLOTS + DEVICE_SLOTS);
    assert!(SLOTS <= u32::from(u16::MAX) + 1, "a slot is packed into 16 bits");
}

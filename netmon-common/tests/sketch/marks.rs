//! Bits for things.

use std::collections::BTreeSet;

use netmon_common::sketch::Marks;
use proptest::{collection::vec, prelude::*};

use crate::mix;

type Small = Marks<4>;

#[test]
fn every_bit_can_be_set_once() {
    let mut marks = Small::EMPTY;
    assert_eq!(Small::BITS, 256);
    for round in [true, false] {
        for hash in 0..256 {
            assert_eq!(marks.observe(hash), round, "{hash}");
        }
        assert_eq!(marks.ones(), 256);
    }
    // What is above the bits that choose one says nothing.
    assert!(!marks.observe(1 << 8));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn bits_are_a_lower_bound_and_parts_the_whole(things in vec((0..300_u64, any::<bool>()), 0..200)) {
        let [mut one, mut other, mut whole] = [Small::EMPTY; 3];
        let mut news = 0;
        for (thing, first) in &things {
            let part = if *first { &mut one } else { &mut other };
            part.observe(mix(*thing));
            news += u32::from(whole.observe(mix(*thing)));
        }
        let truth: BTreeSet<u64> = things.iter().map(|(thing, _)| *thing).collect();
        prop_assert_eq!(news, whole.ones());
        prop_assert!(whole.ones() as usize <= truth.len());
        one.merge(&other);
        prop_assert_eq!(one, whole);
    }
}

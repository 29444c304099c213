//! What stands in the registers from which the number of different things is estimated.

use netmon_common::sketch::HyperLogLog;
use proptest::{collection::vec, prelude::*};

use crate::mix;

type Small = HyperLogLog<16>;

#[test]
fn a_register_keeps_the_longest_run_of_zeros() {
    let cases: &[(&str, &[u64], usize, u8)] = &[
        ("nothing", &[], 3, 0),
        ("no zero", &[0b1_0011], 3, 1),
        ("two zeros", &[0b100_0011], 3, 3),
        ("the longest of several", &[0b1_0011, 0b1000_0011, 0b10_0011], 3, 4),
        ("another register", &[0b100_0100], 3, 0),
        ("zeros only", &[0b0011], 3, Small::MOST),
        ("all bits", &[u64::MAX], 15, 1),
    ];
    for (name, hashes, register, value) in cases {
        let mut sketch = Small::EMPTY;
        hashes.iter().for_each(|hash| sketch.observe(*hash));
        assert_eq!(sketch.registers()[*register], *value, "{name}");
    }
    assert_eq!(Small::MOST, 61);
    assert_eq!(HyperLogLog::<1024>::MOST, 55);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn order_repetition_and_who_saw_it_do_not_matter(things in vec((0..1000_u64, any::<bool>()), 0..300)) {
        let [mut one, mut other, mut whole, mut again] = [Small::EMPTY; 4];
        for (thing, first) in &things {
            let part = if *first { &mut one } else { &mut other };
            part.observe(mix(*thing));
            whole.observe(mix(*thing));
        }
        for (thing, _) in things.iter().rev().chain(&things) {
            again.observe(mix(*thing));
        }
        one.merge(&other);
        prop_assert_eq!(one, whole);
        prop_assert_eq!(again, whole);
    }
}

//! Estimates of how often things were seen.

use std::collections::HashMap;

use netmon_common::sketch::CountMin;
use proptest::{collection::vec, prelude::*};

use crate::mix;

type Small = CountMin<64, 2>;

/// e, over which a counter holds as much more than it should.
const E: f64 = std::f64::consts::E;

#[test]
fn what_was_not_seen_may_have_been_seen_as_often_as_its_counters_say() {
    let mut counts = Small::EMPTY;
    assert_eq!(counts.estimate(mix(1)), 0);
    assert_eq!([counts.add(mix(1)), counts.add(mix(1)), counts.add(mix(1))], [1, 2, 3]);
    assert_eq!(counts.estimate(mix(1)), 3);
    // Of the bits of a hash only some choose a counter.
    assert_eq!(counts.estimate(mix(1) & 0xfff), 3);
    assert_eq!(counts.estimate(mix(1) ^ 1), 0, "another counter of the first row");
    assert_eq!(counts.estimate(mix(1) ^ 64), 0, "another counter of the second row");
}

#[test]
fn few_estimates_are_far_above_the_truth() {
    // Heavy things among many that are seen once, as in a flood.
    for seed in 0..20 {
        let mut counts = CountMin::<1024, 2>::EMPTY;
        let mut truth = HashMap::new();
        for number in 0..40_000_u64 {
            let thing = if number % 4 == 0 { number % 37 } else { number };
            *truth.entry(thing).or_insert(0_u32) += 1;
            counts.add(mix(seed << 32 | thing));
        }
        let far = E * 40_000.0 / 1024.0;
        let too_far = truth
            .iter()
            .filter(|(thing, seen)| {
                let estimate = counts.estimate(mix(seed << 32 | **thing));
                assert!(estimate >= **seen, "{estimate} of {seen}");
                f64::from(estimate - **seen) > far
            })
            .count();
        // With two rows at most e^-2 of them, 13.5 %.
        assert!((too_far as f64) < 0.135 * truth.len() as f64, "{too_far} of {}", truth.len());
    }
}

#[test]
fn a_counter_that_is_full_stays_full() {
    let mut counts = CountMin::<1, 1>::EMPTY;
    let mut more = CountMin::<1, 1>::EMPTY;
    more.add(0);
    for _ in 0..40 {
        let twice = more;
        more.merge(&twice);
        counts.merge(&more);
    }
    assert_eq!(counts.estimate(0), u32::MAX);
    assert_eq!(counts.add(0), u32::MAX);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn parts_are_the_whole_and_never_too_low(things in vec((0..100_u64, any::<bool>()), 0..400)) {
        let [mut one, mut other, mut whole] = [Small::EMPTY; 3];
        let mut truth = HashMap::new();
        for (thing, first) in things {
            let part = if first { &mut one } else { &mut other };
            part.add(mix(thing));
            let estimate = whole.add(mix(thing));
            prop_assert_eq!(estimate, whole.estimate(mix(thing)));
            *truth.entry(thing).or_insert(0) += 1;
        }
        one.merge(&other);
        prop_assert_eq!(one, whole);
        for (thing, seen) in truth {
            prop_assert!(whole.estimate(mix(thing)) >= seen);
        }
    }
}

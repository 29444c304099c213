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
    assert_eq!([1, 2, 3].map(|_| counts.add(mix(1), 7)), [1, 2, 3]);
    // Of the bits of a hash only some choose a counter.
    assert_eq!(counts.add(mix(1) & 0xfff, 7), 4);
    assert_eq!(counts.add(mix(1) ^ 1, 7), 1, "another counter of the first row");
    assert_eq!(counts.add(mix(1) ^ 64, 7), 1, "another counter of the second row");
}

#[test]
fn what_was_seen_two_windows_ago_is_forgotten() {
    let most = Small::MOST;
    // The windows in which a thing is seen, and what is said of it each time.
    let cases: [(&[u32], &[u32]); 7] = [
        (&[0, 0, 0], &[1, 2, 3]),
        (&[5, 5, 5, 6, 6], &[1, 2, 3, 3, 3]),
        (&[5, 5, 6, 7, 7], &[1, 2, 2, 1, 2]),
        (&[5, 5, 7], &[1, 2, 1]),
        (&[4095, 4095, 4096, 4096, 4096], &[1, 2, 2, 2, 3]),
        (&[u32::MAX, u32::MAX, 0], &[1, 2, 2]),
        // So late that the numbers of the windows meet.
        (&[5, 5, 5 + 4096], &[1, 2, 3]),
    ];
    for (windows, expected) in cases {
        let mut counts = Small::EMPTY;
        let said: Vec<u32> = windows.iter().map(|window| counts.add(mix(3), *window)).collect();
        assert_eq!(said, expected, "{windows:?}");
    }
    let mut counts = Small::EMPTY;
    for _ in 0..5000 {
        counts.add(mix(3), 9);
    }
    assert_eq!([counts.add(mix(3), 9), counts.add(mix(3), 10)], [most, most]);
    assert_eq!([counts.crowded(most, 10), counts.crowded(1, 11)], [[1, 1], [1, 1]]);
    assert_eq!([counts.crowded(2, 11), counts.crowded(1, 12)], [[0, 0], [0, 0]]);
}

#[test]
fn few_estimates_are_far_above_the_truth() {
    // Heavy things among many that are seen once, as in a flood.
    for seed in 0..20 {
        let mut counts = CountMin::<1024, 2>::EMPTY;
        let (mut truth, mut said) = (HashMap::new(), HashMap::new());
        for number in 0..40_000_u64 {
            let thing = if number % 4 == 0 { number % 37 } else { number };
            *truth.entry(thing).or_insert(0_u32) += 1;
            said.insert(thing, counts.add(mix(seed << 32 | thing), 1));
        }
        let far = E * 40_000.0 / 1024.0;
        let too_far = truth
            .iter()
            .filter(|(thing, seen)| {
                let estimate = said[thing];
                assert!(estimate >= **seen, "{estimate} of {seen}");
                f64::from(estimate - **seen) > far
            })
            .count();
        // With two rows at most e^-2 of them, 13.5 %.
        assert!((too_far as f64) < 0.135 * truth.len() as f64, "{too_far} of {}", truth.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn estimates_are_never_too_low(things in vec((0..100_u64, 0..20_u32), 0..400)) {
        let mut counts = Small::EMPTY;
        let mut truth: HashMap<(u64, u32), u32> = HashMap::new();
        let mut window = 0;
        for (thing, later) in things {
            // Mostly the same window, sometimes the next, sometimes one further on.
            window += later.saturating_sub(17);
            *truth.entry((thing, window)).or_default() += 1;
            let seen = |window: Option<u32>| {
                window.and_then(|it| truth.get(&(thing, it))).copied().unwrap_or(0)
            };
            let least = seen(Some(window)).max(seen(window.checked_sub(1)));
            prop_assert!(counts.add(mix(thing), window) >= least);
        }
    }
}

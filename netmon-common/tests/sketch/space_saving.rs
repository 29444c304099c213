//! The heaviest of many things.

use std::collections::HashMap;

use netmon_common::sketch::SpaceSaving;
use proptest::{collection::vec, prelude::*};

use crate::mix;

type Small = SpaceSaving<u64, 8>;

/// What the authors prove of every stream.
fn check<const N: usize>(sketch: &SpaceSaving<u64, N>, truth: &HashMap<u64, u64>) {
    let total: u64 = truth.values().sum();
    assert_eq!(sketch.total(), total);
    assert_eq!(sketch.entries().map(|entry| entry.count).sum::<u64>(), total);
    assert!(sketch.floor() <= total / N as u64, "{} of {total}", sketch.floor());
    for entry in sketch.entries() {
        let weight = truth[&entry.key];
        assert!((entry.least()..=entry.count).contains(&weight), "{weight}: {entry:?}");
        assert!(entry.error <= sketch.floor(), "{entry:?}");
    }
    for (thing, weight) in truth {
        let is_there = sketch.entries().any(|entry| entry.key == *thing);
        assert!(is_there || *weight <= sketch.floor(), "{thing} of {weight}");
    }
    let (top, other) = sketch.top::<4>();
    let top: Vec<_> = top.into_iter().flatten().collect();
    assert!(top.is_sorted_by_key(|entry| std::cmp::Reverse(entry.count)));
    assert_eq!(top.iter().map(|entry| entry.count).sum::<u64>() + other, total);
    assert_eq!(top.len(), truth.len().min(4).min(N));
}

#[test]
fn few_things_are_counted_exactly() {
    let mut sketch = Small::new(0);
    assert_eq!((sketch.total(), sketch.floor(), sketch.entries().count()), (0, 0, 0));
    assert_eq!(sketch.top::<2>(), ([None; 2], 0));
    for (thing, weight) in [(5, 10), (0, 1), (7, 0), (5, 20), (9, 5)] {
        sketch.add(thing, weight);
    }
    // What is called like nobody is somebody, once it weighs something.
    let (top, other) = sketch.top::<3>();
    let found = top.map(|entry| entry.map(|entry| (entry.key, entry.count, entry.error)));
    assert_eq!(found, [Some((5, 30, 0)), Some((9, 5, 0)), Some((0, 1, 0))]);
    assert_eq!((other, sketch.total()), (0, 36));
    assert_eq!(sketch.top::<1>().1, 6);
}

#[test]
fn what_is_heavy_stays_in_a_flood_of_what_comes_once() {
    let mut sketch = SpaceSaving::<u64, 64>::new(0);
    let mut truth = HashMap::new();
    for number in 0..100_000_u64 {
        let (thing, weight) = if number % 50 == 0 { (1, 200) } else { (mix(number), 3) };
        *truth.entry(thing).or_insert(0) += weight;
        sketch.add(thing, weight);
    }
    check(&sketch, &truth);
    let ([heaviest], _) = sketch.top::<1>();
    assert!(heaviest.is_some_and(|it| it.key == 1 && it.least() >= 390_000), "{heaviest:?}");
}

#[test]
fn weights_do_not_wrap() {
    let mut sketch = SpaceSaving::<u64, 1>::new(0);
    for thing in [1, 1, 2] {
        sketch.add(thing, u64::MAX / 2 + 1);
    }
    assert_eq!(sketch.total(), u64::MAX);
    let entry = sketch.entries().next().map(|entry| (entry.key, entry.count));
    assert_eq!(entry, Some((2, u64::MAX)));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn bounds_hold_for_every_stream(things in vec((0..30_u64, 0..1000_u64), 0..300)) {
        let mut sketch = Small::new(0);
        let mut truth = HashMap::new();
        for (thing, weight) in things {
            sketch.add(thing, weight);
            if weight > 0 {
                *truth.entry(thing).or_insert(0) += weight;
            }
        }
        check(&sketch, &truth);
    }
}

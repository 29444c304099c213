//! A set of open lookups is a queue: the oldest first, and the oldest gives way.

use std::collections::VecDeque;

use netmon_common::dns::{Asked, Lookup, Open, TICK, TIMEOUT, WAYS, answer, ask};
use proptest::{collection::vec, prelude::*};

use crate::UNIT;

/// About a second, in whole units.
const SECOND: u64 = 1_000_000 * UNIT;

/// After so long a query begins a lookup anew, in nanoseconds.
const GIVEN_UP: u64 = 1 << 34;

/// Lookups of one set that differ.
fn lookup(number: u64) -> Lookup {
    Lookup { hash: number << 30, server: 0 }
}

fn new(set: &mut [u64; WAYS], number: u64, now: u64) -> Open {
    let asked = ask(set, lookup(number), || 0, true, now, || now);
    let Asked::New(open) = asked else { panic!("{number} at {now}: {asked:?}") };
    open
}

#[test]
fn a_query_is_open_until_its_answer() {
    let mut set = [0; WAYS];
    for (place, counts) in [(0, true), (3, false), (8, true)] {
        let asked = ask(&mut set, lookup(7), || place, counts, SECOND, || SECOND);
        let Asked::New(open) = asked else { panic!("{asked:?}") };
        assert_eq!((open.place(), open.counts()), (place, counts));
        assert!(answer(&mut set, lookup(8)).is_none(), "another one");
        assert_eq!(answer(&mut set, lookup(7)), open);
        assert!(answer(&mut set, lookup(7)).is_none(), "it was answered");
        assert_eq!(set, [0; WAYS]);
    }
}

#[test]
fn what_is_sent_again_keeps_its_first_time() {
    for (later, again) in [
        (0, true),
        (UNIT, true),
        (5 * SECOND, true),
        (GIVEN_UP - UNIT, true),
        (GIVEN_UP, false),
        (60 * SECOND, false),
    ] {
        let mut set = [0; WAYS];
        let first = new(&mut set, 1, SECOND);
        let asked = ask(&mut set, lookup(1), || 0, true, SECOND + later, || SECOND + later);
        assert_eq!(asked == Asked::Again, again, "{later} ns later: {asked:?}");
        let open = answer(&mut set, lookup(1));
        assert_eq!(open == first, again || later == 0, "{later} ns later");
        let age = if again { later } else { 0 };
        assert_eq!(open.age(SECOND + later) / UNIT, age / UNIT, "{later} ns later");
        assert_eq!(set, [0; WAYS], "{later} ns later: it is there once");
    }
}

#[test]
fn a_full_set_forgets_the_oldest() {
    for (age, says_so) in [(9 * UNIT, true), (TIMEOUT - UNIT, true), (TIMEOUT + 2 * UNIT, false)] {
        let mut set = [0; WAYS];
        let opened: Vec<Open> =
            (0..WAYS as u64).map(|number| new(&mut set, number, SECOND + number * UNIT)).collect();
        let asked = ask(&mut set, lookup(100), || 0, true, SECOND + age, || SECOND + age);
        match asked {
            Asked::Instead { forgotten, .. } => {
                assert!(says_so, "{age}");
                assert_eq!(forgotten, opened[0]);
            }
            Asked::New(_) => assert!(!says_so, "{age}"),
            Asked::Again => panic!("{age}"),
        }
        assert!(answer(&mut set, lookup(0)).is_none(), "{age}: it is forgotten");
        for (number, open) in opened.iter().enumerate().skip(1) {
            assert_eq!(answer(&mut set, lookup(number as u64)), *open, "{age}: {number}");
        }
        assert!(!answer(&mut set, lookup(100)).is_none(), "{age}");
    }
}

#[test]
fn a_clock_that_is_behind_still_tells_what_waits() {
    const LATER: u64 = 40 * SECOND;
    for (later, behind, again) in [
        // It was sent after what the clock says.
        (0, TICK, true),
        (UNIT, TICK, true),
        (TICK, TICK, true),
        (GIVEN_UP - UNIT, TICK, true),
        // Up to a tick of the time for which queries wait is lost, or won.
        (GIVEN_UP + TICK, TICK, false),
        (GIVEN_UP, 0, false),
    ] {
        let mut set = [0; WAYS];
        new(&mut set, 1, LATER);
        let now = LATER + later;
        let asked = ask(&mut set, lookup(1), || 0, true, now - behind, || now);
        assert_eq!(asked == Asked::Again, again, "{later} ns later, {behind} behind: {asked:?}");
        let expected = if again { LATER } else { now };
        let open = answer(&mut set, lookup(1));
        assert_eq!(open.age(now) / UNIT, (now - expected) / UNIT, "{later} ns later");
    }
}

#[test]
fn what_is_asked_anew_is_the_newest() {
    let mut set = [0; WAYS];
    new(&mut set, 0, SECOND);
    let later = SECOND + 2 * GIVEN_UP;
    for number in 1..WAYS as u64 {
        new(&mut set, number, later + number * UNIT);
    }
    new(&mut set, 0, later + 100 * UNIT);
    let asked = ask(&mut set, lookup(100), || 0, true, later + 101 * UNIT, || later + 101 * UNIT);
    assert!(matches!(asked, Asked::Instead { .. }), "{asked:?}");
    assert!(answer(&mut set, lookup(1)).is_none(), "the oldest gave way");
    assert!(!answer(&mut set, lookup(0)).is_none(), "the newest did not");
}

#[test]
fn ages_survive_the_end_of_the_clock() {
    // Times have 38 bits and wrap after three days.
    for start in [0, (1 << 48) - UNIT, u64::MAX - UNIT + 1] {
        let mut set = [0; WAYS];
        let open = new(&mut set, 1, start);
        for age in [0, UNIT, SECOND, 5 * SECOND, GIVEN_UP, 1 << 40] {
            assert_eq!(open.age(start.wrapping_add(age)) / UNIT, age / UNIT, "{age} from {start}");
        }
    }
}

/// An open lookup of the model: number, place, whether it counts, and since when.
type Entry = (u64, u32, bool, u64);

#[derive(Clone, Copy, Debug)]
enum Step {
    Ask(u64, u32, bool),
    Answer(u64),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..14_u64, 0..9_u32, any::<bool>()).prop_map(|(n, place, c)| Step::Ask(n, place, c)),
        2 => (0..14_u64).prop_map(Step::Answer),
        2 => (0..6_000_000_u64).prop_map(|units| Step::Wait(units * UNIT)),
        1 => (0..20_000_000_u64).prop_map(|units| Step::Wait(units * UNIT)),
    ]
}

fn same(open: Open, (_, place, counts, since): Entry, now: u64) -> bool {
    !open.is_none()
        && (open.place(), open.counts(), open.age(now)) == (place, counts, (now - since))
}

/// Asks the model, and says whether the set did the same.
fn agrees(model: &mut VecDeque<Entry>, asked: Asked, entry: Entry, now: u64) -> bool {
    let (number, ..) = entry;
    if let Some(at) = model.iter().position(|there| there.0 == number) {
        if now - model[at].3 < GIVEN_UP {
            return asked == Asked::Again;
        }
        model.remove(at);
    }
    let oldest = if model.len() == WAYS { model.pop_front() } else { None };
    model.push_back(entry);
    match (asked, oldest) {
        (Asked::Instead { new, forgotten }, Some(oldest)) => {
            same(new, entry, now) && same(forgotten, oldest, now) && now - oldest.3 <= TIMEOUT
        }
        (Asked::New(new), oldest) => {
            same(new, entry, now) && oldest.is_none_or(|oldest| now - oldest.3 > TIMEOUT)
        }
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn a_set_does_what_a_queue_does(steps in vec(step(), 1..120)) {
        let (mut set, mut model, mut now) = ([0; WAYS], VecDeque::new(), 1 << 40);
        for step in steps {
            match step {
                Step::Ask(number, place, counts) => {
                    let asked = ask(&mut set, lookup(number), || place, counts, now, || now);
                    let entry = (number, place, counts, now);
                    prop_assert!(agrees(&mut model, asked, entry, now), "{asked:?}, {model:?}");
                }
                Step::Answer(number) => {
                    let open = answer(&mut set, lookup(number));
                    let at = model.iter().position(|there| there.0 == number);
                    match at.and_then(|at| model.remove(at)) {
                        Some(entry) => prop_assert!(same(open, entry, now)),
                        None => prop_assert!(open.is_none()),
                    }
                }
                Step::Wait(time) => now += time,
            }
            let open: Vec<u64> = set.iter().copied().take_while(|word| *word != 0).collect();
            prop_assert_eq!(open.len(), model.len());
            prop_assert!(set[open.len()..].iter().all(|word| *word == 0), "no holes");
        }
        for entry in model {
            prop_assert!(same(answer(&mut set, lookup(entry.0)), entry, now));
        }
        prop_assert_eq!(set, [0; WAYS]);
    }
}

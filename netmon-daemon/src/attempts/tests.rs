//! What is remembered of sources, second by second.

use std::ops::Range;

use netmon_common::sketch::Marks;

use super::*;

/// Somebody who asks for these things, of which these agree.
pub(crate) fn suspect(kind: Kind, client: u32, asked: Range<u64>, agreed: Range<u64>) -> Suspect {
    let marks = |things: Range<u64>| {
        let mut marks = Marks::EMPTY;
        for thing in things {
            marks.observe(Key::FIXED.hash(&[&thing.to_be_bytes()]));
        }
        marks
    };
    Suspect {
        client: [0, 0, 0xffff, 0xc000_0200 + client],
        server: [0, 0, 0xffff, 0xc633_6401],
        about: (kind as u64) << 16 | 0x16,
        workload: 0,
        asked: marks(asked),
        answered: marks(agreed),
    }
}

/// What happens, when it is looked at, and what is known then.
type Case<'a> = (&'a str, &'a [Step], u64, [u32; 3], f64);

/// At which second what is asked for, and what of it agrees.
type Step = (u64, Range<u64>, Range<u64>);

/// Failures within a minute, five and an hour, and the excess, at a second after the steps.
fn after(steps: &[Step], second: u64) -> ([u32; 3], f64) {
    let mut attempts = Attempts::new(Key::FIXED);
    for (at, asked, agreed) in steps {
        let suspect = suspect(Kind::Outside, 7, asked.clone(), agreed.clone());
        attempts.observe(Duration::from_secs(*at), &suspect);
    }
    let report = attempts.report(Duration::from_secs(second));
    let found = report.suspicions.first();
    found.map_or(([0; 3], 0.0), |it| (it.failures, it.excess))
}

#[test]
fn failures_are_counted_once_and_by_time() {
    let slow: Vec<Step> = (0..20).map(|at| (at * 100, at..at + 1, 0..0)).collect();
    let cases: [Case<'_>; 12] = [
        ("nothing", &[], 5, [0; 3], 0.0),
        ("all agree", &[(1, 0..9, 0..9)], 5, [0; 3], 0.0),
        ("ten fail", &[(1, 0..10, 0..0)], 5, [10; 3], 10.0),
        ("the same ten again", &[(1, 0..10, 0..0), (9, 0..10, 0..0)], 10, [10; 3], 10.0),
        ("after a minute", &[(1, 0..10, 0..0)], 61, [0, 10, 10], 10.0),
        ("after five minutes", &[(1, 0..10, 0..0)], 301, [0, 0, 10], 10.0),
        ("after an hour", &[(1, 0..10, 0..0)], 3602, [0; 3], 0.0),
        ("some agree", &[(1, 0..10, 5..10)], 5, [5; 3], 0.0),
        ("some agree later", &[(1, 0..10, 0..0), (3, 0..10, 5..10)], 5, [5; 3], 0.0),
        (
            "what agreed fails later",
            &[(1, 0..9, 0..9), (2, 9..10, 0..0), (3, 0..9, 0..0)],
            5,
            [10; 3],
            10.0,
        ),
        (
            "a good past counts little",
            &[(1, 0..1, 0..0), (2, 100..110, 100..110), (3, 1..10, 0..0)],
            5,
            [10; 3],
            5.68,
        ),
        ("slowly", &slow, 1901, [1, 3, 20], 20.0),
    ];
    for (name, steps, second, failures, excess) in cases {
        let found = after(steps, second);
        assert_eq!(found.0, failures, "{name}");
        assert!((found.1 - excess).abs() < 0.1, "{name}: {}", found.1);
    }
}

#[test]
fn a_thing_is_new_again_after_a_while() {
    // Within half an hour, and in the next one, it is known; after an hour it is not.
    for (second, failures) in [(1700, 10), (3500, 10), (5500, 10)] {
        let found = after(&[(10, 0..10, 0..0), (second, 0..10, 0..0)], second + 1);
        let is_new = found.0[0] == 10;
        assert_eq!(is_new, second == 5500, "at {second} s: {found:?}");
        assert_eq!(found.0[2], failures, "at {second} s: {found:?}");
    }
}

#[test]
fn a_scanner_stays_behind_many_who_fail_once() {
    let mut attempts = Attempts::new(Key::FIXED);
    let mut once = 0_u32;
    for second in 0..600 {
        let at = Duration::from_secs(second);
        for _ in 0..1000 {
            once += 1;
            let mut suspect = suspect(Kind::Outside, 0, 0..1, 0..0);
            suspect.client[3] = once.wrapping_mul(0x9e37_79b9);
            attempts.observe(at, &suspect);
        }
        // One probe in two seconds.
        if second.is_multiple_of(2) {
            let thing = second / 2;
            attempts.observe(at, &suspect(Kind::Outside, 7, thing..thing + 1, 0..0));
        }
    }
    let report = attempts.report(Duration::from_secs(600));
    let scanner = report.suspicions.iter().find(|it| it.source.to_string() == "192.0.2.7");
    assert!(scanner.is_some_and(|it| it.failures[2] > 200), "{scanner:?}");
    assert!(report.lost > 0);
    assert!(report.suspicions.len() <= 5 * MOST);
}

#[test]
fn the_worst_of_each_kind_are_reported() {
    let mut attempts = Attempts::new(Key::FIXED);
    for client in 1..=40 {
        for kind in Kind::ALL {
            let things = u64::from(client);
            attempts.observe(Duration::ZERO, &suspect(kind, client, 0..things, 0..0));
        }
    }
    let report = attempts.report(Duration::from_secs(1));
    for kind in Kind::ALL {
        let mut failures: Vec<u32> = report.of(&[kind]).map(|it| it.failures[0]).collect();
        failures.sort_unstable();
        assert!(failures.last().is_some_and(|most| (37..=43).contains(most)), "{failures:?}");
        assert!(failures.len() >= MOST && failures.len() <= 5 * MOST, "{kind:?}: {failures:?}");
    }
}

#[test]
fn sources_are_told_apart_by_what_they_own() {
    let mut attempts = Attempts::new(Key::FIXED);
    for host in 0..20 {
        for kind in [Kind::Outside, Kind::Across] {
            let mut one = suspect(kind, 0, u64::from(host)..u64::from(host) + 1, 0..0);
            one.client = [0x2001_0db8, 0, 0, host];
            attempts.observe(Duration::ZERO, &one);
        }
    }
    let report = attempts.report(Duration::from_secs(1));
    let outside: Vec<_> = report.of(&[Kind::Outside]).map(|it| it.source.to_string()).collect();
    assert_eq!(outside, ["2001:db8::/64"]);
    let inside: Vec<_> = report.of(&[Kind::Across]).map(|it| it.source.to_string()).collect();
    assert!(inside.len() >= 8 && inside.iter().all(|it| !it.contains('/')), "{inside:?}");
}

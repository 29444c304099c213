//! Packet time: bursts, silence, disorder.

use serde_json::Value;

use crate::{
    file::{FIN, RST_ACK, Record, SYN, at, ethernet, simple, tcp},
    flags, report_on,
};

const YEAR: u64 = 365 * 24 * 3600 * 1000;
const MINUTE: u64 = 60 * 1000;

/// So many frames with these flags, at so many milliseconds, one every so many.
fn frames(flags: u8, number: u64, start: u64, step: u64) -> Vec<Record> {
    (0..number).map(|n| at(start + n * step, ethernet(&tcp(flags)))).collect()
}

fn judged(parts: &[Vec<Record>]) -> Value {
    report_on(&simple(&parts.concat()))
}

/// When what this detector raised began.
fn first_seen(capture: &Value, detector: &str) -> Vec<f64> {
    let flags = capture["red_flags"].as_array().unwrap();
    let flags = flags.iter().filter(|flag| flag["detector"] == detector);
    flags.map(|flag| flag["first_seen_seconds"].as_f64().unwrap()).collect()
}

/// When floods of requests began. That nobody answers them is another flag.
fn floods(parts: &[Vec<Record>]) -> Vec<f64> {
    first_seen(&judged(parts), "syn_flood")
}

/// Name, packets, and the seconds at which floods begin. Their window is two
/// seconds long, so that this much is open.
type Case = (&'static str, Vec<Vec<Record>>, &'static [f64]);

#[test]
fn bursts_are_seen_wherever_they_are() {
    let one = || frames(SYN, 1, 0, 0);
    let burst = |start| frames(SYN, 200, start, 1);
    let cases: [Case; 9] = [
        ("at the beginning", vec![burst(0)], &[0.0]),
        ("alone at the end", vec![one(), burst(50_000)], &[50.0]),
        ("between ticks", vec![one(), burst(12_345), frames(SYN, 1, 99_000, 0)], &[12.3]),
        ("after a year", vec![one(), burst(YEAR)], &[31_536_000.0]),
        ("too slow", vec![frames(SYN, 900, 0, 12)], &[]),
        ("in one moment", vec![one(), frames(SYN, 100, 7000, 0)], &[7.0]),
        ("back within the cooldown", vec![burst(0), burst(5 * MINUTE)], &[0.0]),
        ("back after the cooldown", vec![burst(0), burst(20 * MINUTE)], &[0.0, 1200.0]),
        ("back after a year", vec![burst(0), burst(YEAR)], &[0.0, 31_536_000.0]),
    ];
    for (name, parts, expected) in cases {
        let seen = floods(&parts);
        assert_eq!(seen.len(), expected.len(), "{name}: {seen:?}");
        for (seen, expected) in seen.iter().zip(expected) {
            assert!((expected - 2.0..=*expected).contains(seen), "{name}: {seen} s");
        }
    }
}

#[test]
fn years_of_silence_cost_no_more_than_minutes() {
    // Were every tick of these 40 years judged, this would take days.
    let parts: Vec<_> = (0..40).map(|year| frames(RST_ACK, 49, year * YEAR, 10)).collect();
    let capture = judged(&parts);
    assert_eq!(capture["packets"], 40 * 49);
    assert_eq!(flags(&capture), [], "49 resets are none too many, but all of them would be");
}

#[test]
fn flags_of_long_windows_clear_in_silence() {
    let scan = |start| frames(FIN, 3, start, 10);
    let capture = judged(&[scan(0), scan(YEAR)]);
    let seen = first_seen(&capture, "stealth_scan");
    assert_eq!(seen.len(), 2, "{seen:?}");
    assert!(seen[0] < 0.1 && seen[1] > 31_535_939.0, "{seen:?}");
}

#[test]
fn disorder_is_no_burst_and_hides_none() {
    let mut reversed = frames(SYN, 200, 1000, 1);
    reversed.reverse();
    assert_eq!(floods(&[reversed]).len(), 1, "a flood in reverse");

    // Five requests a second, and one packet of a clock that was wrong.
    let slow = || frames(SYN, 500, 0, 200);
    for wrong in [YEAR, 2 * MINUTE + 500 * 200] {
        let found = floods(&[frames(SYN, 1, wrong, 0), slow()]);
        assert!(found.is_empty(), "wrong at first by {wrong} ms");
        let found = floods(&[slow(), frames(SYN, 1, wrong, 0), slow()]);
        assert!(found.is_empty(), "wrong between by {wrong} ms");
    }
}

#[test]
fn duration_is_from_the_lowest_to_the_highest_timestamp() {
    for (times, seconds) in [
        (&[5000, 6500][..], 1.5),
        (&[6500, 5000], 1.5),
        (&[5000, 4000, 9000, 5000], 5.0),
        (&[YEAR, 0], 31_536_000.0),
        (&[7], 0.0),
    ] {
        let parts: Vec<_> = times.iter().map(|time| frames(SYN, 1, *time, 0)).collect();
        let duration = judged(&parts)["duration_seconds"].as_f64().unwrap();
        assert!((duration - seconds).abs() < 1e-6, "{times:?}: {duration} s");
    }
}

//! Times: both resolutions count the same.

use netmon_common::abi::{
    histogram::{DURATION_BOUNDS, HANDSHAKE_BOUNDS, Histogram, RTT_BOUNDS},
    native::{NATIVE_BUCKETS, native_index},
    timing::Timing,
};

const N: usize = HANDSHAKE_BOUNDS.len() + 1;

#[test]
fn bounds_are_those_of_the_metric_list() {
    let seconds = |bounds: &[u64]| bounds.iter().map(|ns| *ns as f64 / 1e9).collect::<Vec<_>>();
    let handshake = seconds(&HANDSHAKE_BOUNDS);
    assert_eq!((handshake[0], handshake[9]), (0.0001, 0.5));
    assert_eq!(handshake[10..], [1.0, 2.0, 3.0, 4.0, 5.0, 7.0, 11.0, 19.0]);
    let duration = [
        0.001, 0.01, 0.1, 1.0, 5.0, 10.0, 15.0, 30.0, 60.0, 75.0, 90.0, 120.0, 300.0, 900.0,
        3600.0, 14_400.0,
    ];
    assert_eq!(seconds(&DURATION_BOUNDS), duration);
    for bounds in [&HANDSHAKE_BOUNDS[..], &RTT_BOUNDS, &DURATION_BOUNDS] {
        assert!(bounds.is_sorted_by(|a, b| a < b));
    }
}

#[test]
fn a_time_is_counted_in_both_resolutions() {
    for (nanoseconds, times) in [(0, 1), (100_000, 1), (100_001, 3), (10_000_000, 16), (1 << 40, 2)]
    {
        let mut timing = Timing::<N>::EMPTY;
        timing.count(&HANDSHAKE_BOUNDS, nanoseconds, times);
        let mut classic = Histogram::<N>::EMPTY;
        classic.count(&HANDSHAKE_BOUNDS, nanoseconds, times);
        classic.sum = nanoseconds * times;
        let mut native = [0; NATIVE_BUCKETS];
        native[native_index(nanoseconds)] = times;
        assert_eq!(timing, Timing { classic, native }, "{nanoseconds} ns");
        assert_eq!(timing.total(), times);
    }
}

#[test]
fn adding_is_word_by_word() {
    let (mut fast, mut slow, mut both) = (Timing::<N>::EMPTY, Timing::EMPTY, Timing::EMPTY);
    fast.observe(&HANDSHAKE_BOUNDS, 40_000);
    slow.observe(&HANDSHAKE_BOUNDS, 3_000_000_000);
    for nanoseconds in [40_000, 3_000_000_000] {
        both.observe(&HANDSHAKE_BOUNDS, nanoseconds);
    }
    fast.add(&slow);
    assert_eq!(fast, both);
    assert_eq!(fast.words().count(), size_of::<Timing<N>>() / 8);
    assert_eq!(fast.total(), 2);
}

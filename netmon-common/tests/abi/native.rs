//! Native buckets: the ones that Prometheus means by schema, index and threshold,
//! to the nanosecond.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::float_cmp,
    clippy::unwrap_used,
    reason = "bounds are compared exactly"
)]

use netmon_common::abi::native::{
    FIRST_INDEX, NATIVE_BUCKETS, SCHEMA, ZERO_THRESHOLD, native_index,
};
use proptest::prelude::*;

const SECOND: f64 = 1e9;

/// Upper bound of a bucket of Prometheus, in seconds: 2^(index / 2^schema).
fn upper(index: i32) -> f64 {
    let per_octave = 1 << SCHEMA;
    // The fractions that the Go client writes down for this schema.
    let fraction = [0.5, 0.594_603_557_501_360_5, 0.707_106_781_186_547_5, 0.840_896_415_253_714_5];
    let (octave, step) = (index.div_euclid(per_octave), index.rem_euclid(per_octave));
    fraction[usize::try_from(step).unwrap()] * 2_f64.powi(octave + 1)
}

/// Upper bound of one of our buckets, in seconds.
fn bound(bucket: usize) -> f64 {
    match bucket.checked_sub(1) {
        None => ZERO_THRESHOLD,
        Some(behind_zero) => upper(FIRST_INDEX + i32::try_from(behind_zero).unwrap()),
    }
}

/// The bucket by its definition: the first one that a time is not above.
fn defined(nanoseconds: u64) -> usize {
    let seconds = nanoseconds as f64 / SECOND;
    (0..NATIVE_BUCKETS - 1).find(|bucket| seconds <= bound(*bucket)).unwrap_or(NATIVE_BUCKETS - 1)
}

#[test]
fn the_range_is_a_microsecond_to_a_minute() {
    assert_eq!(ZERO_THRESHOLD, 2_f64.powi(-20));
    assert_eq!(upper(FIRST_INDEX - 1), ZERO_THRESHOLD, "no gap above what counts as zero");
    assert_eq!(bound(NATIVE_BUCKETS - 1), 64.0);
    let ratio = bound(NATIVE_BUCKETS - 1) / bound(NATIVE_BUCKETS - 2);
    assert!((ratio - 2_f64.powf(0.25)).abs() < 1e-12, "{ratio}");
}

#[test]
fn around_every_bound() {
    for bucket in 0..NATIVE_BUCKETS {
        let edge = (bound(bucket) * SECOND) as u64;
        for nanoseconds in [edge - 1, edge, edge + 1, edge + 2] {
            assert_eq!(native_index(nanoseconds), defined(nanoseconds), "{nanoseconds} ns");
        }
        let above = (bucket + 1).min(NATIVE_BUCKETS - 1);
        assert_eq!((native_index(edge), native_index(edge + 1)), (bucket, above), "{edge} ns");
    }
}

#[test]
fn what_is_out_of_range_is_kept() {
    for (nanoseconds, bucket) in [
        (0, 0),
        (953, 0),
        (954, 1),
        (64_000_000_001, NATIVE_BUCKETS - 1),
        (u64::MAX / 2, NATIVE_BUCKETS - 1),
        (u64::MAX, NATIVE_BUCKETS - 1),
    ] {
        assert_eq!(native_index(nanoseconds), bucket, "{nanoseconds} ns");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_time_lands_where_prometheus_would_put_it(
        mantissa in any::<u64>(),
        shift in 0..64_u32,
    ) {
        let nanoseconds = mantissa >> shift;
        prop_assert_eq!(native_index(nanoseconds), defined(nanoseconds));
    }
}

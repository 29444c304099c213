//! Histograms: every value lands in the first bucket whose bound is not below.

use netmon_common::abi::histogram::{
    CONNECTION_BYTES_BOUNDS, DNS_SIZE_BOUNDS, DURATION_BOUNDS, HANDSHAKE_BOUNDS, Histogram,
    PACKET_SIZE_BOUNDS, RTT_BOUNDS,
};
use proptest::prelude::*;

#[test]
fn bounds_are_those_of_the_metric_list() {
    assert_eq!(PACKET_SIZE_BOUNDS, [64, 128, 256, 512, 1024, 1280, 1500, 4096, 9000, 65_535]);
    assert_eq!(DNS_SIZE_BOUNDS, [64, 128, 256, 512, 1232, 4096, 16_384, 65_535]);
}

#[test]
fn around_every_bound() {
    check::<11>(&PACKET_SIZE_BOUNDS);
    check::<9>(&DNS_SIZE_BOUNDS);
    check::<19>(&HANDSHAKE_BOUNDS);
    check::<15>(&RTT_BOUNDS);
    check::<17>(&DURATION_BOUNDS);
    check::<9>(&CONNECTION_BYTES_BOUNDS);
}

fn check<const N: usize>(bounds: &[u64]) {
    assert_eq!(bounds.len() + 1, N);
    assert!(bounds.is_sorted_by(|a, b| a < b));
    let edges = bounds.iter().flat_map(|bound| [bound - 1, *bound, bound + 1]);
    for value in edges.chain([0, 1, u64::MAX]) {
        let mut histogram = Histogram::<N>::EMPTY;
        histogram.observe(bounds, value);
        let mut expected = [0; N];
        expected[linear_search(bounds, value)] = 1;
        assert_eq!(histogram, Histogram { buckets: expected, sum: value }, "{value}");
    }
}

fn linear_search(bounds: &[u64], value: u64) -> usize {
    for (bucket, bound) in bounds.iter().enumerate() {
        if value <= *bound {
            return bucket;
        }
    }
    bounds.len()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn many_values(values in proptest::collection::vec((0..70_000_u64, 0..9_u64), 0..50)) {
        let mut histogram = Histogram::<11>::EMPTY;
        let mut expected = [0; 11];
        for (value, times) in &values {
            histogram.count(&PACKET_SIZE_BOUNDS, *value, *times);
            expected[linear_search(&PACKET_SIZE_BOUNDS, *value)] += times;
        }
        prop_assert_eq!(histogram.buckets, expected);
        prop_assert_eq!(histogram.total(), values.iter().map(|(_, times)| times).sum::<u64>());
        prop_assert_eq!(histogram.sum, 0, "counting leaves the sum to the caller");
    }
}

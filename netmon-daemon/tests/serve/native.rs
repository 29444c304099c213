//! Native buckets reach a server as they were counted.

use std::sync::Arc;

use netmon::metrics::{
    client,
    family::{Family, Kind::Histogram, seconds},
    model::Model,
    text,
};
use netmon_common::abi::{
    histogram::HANDSHAKE_BOUNDS,
    native::{FIRST_INDEX, NATIVE_BUCKETS, SCHEMA, ZERO_THRESHOLD},
    timing::Timing,
};
use prometheus_client::encoding::prometheus_protobuf::prometheus_data_model::{
    Histogram as Served, MetricFamily,
};
use proptest::prelude::*;
use prost::Message as _;

use crate::formats::agree;

const N: usize = HANDSHAKE_BOUNDS.len() + 1;
static BOUNDS: [f64; HANDSHAKE_BOUNDS.len()] = seconds(HANDSHAKE_BOUNDS);
const FAMILY: Family =
    Family::new(Histogram(&BOUNDS), "tcp_handshake_seconds", "Times.", &["service_port"], 210)
        .open(0);

/// One histogram per service, in all formats, and as a server decodes it.
fn serve(timings: &[(&str, Timing<N>)], max: usize) -> Vec<Served> {
    let mut model = Model::default();
    let mut rows = model.family(&FAMILY);
    for (service, timing) in timings {
        rows.timing(&[service], timing);
    }
    model.bound(max);
    let model = Arc::new(model);
    let mut text = Vec::new();
    text::encode(&model, &mut text);
    let (openmetrics, protobuf) =
        (client::openmetrics(&model).unwrap(), client::protobuf(&model).unwrap());
    agree(&text, openmetrics.as_bytes(), &protobuf);
    let family = MetricFamily::decode_length_delimited(&*protobuf).unwrap();
    family.metric.into_iter().map(|metric| metric.histogram.unwrap()).collect()
}

fn timing(nanoseconds: &[u64]) -> Timing<N> {
    let mut timing = Timing::EMPTY;
    for nanoseconds in nanoseconds {
        timing.observe(&HANDSHAKE_BOUNDS, *nanoseconds);
    }
    timing
}

/// The buckets of a message, as the definition of the format expands them.
fn expand(served: &Served) -> Vec<u64> {
    let mut buckets = vec![0; NATIVE_BUCKETS];
    buckets[0] = served.zero_count;
    let (mut index, mut count) = (0, 0_i64);
    let mut deltas = served.positive_delta.iter();
    for (at, span) in served.positive_span.iter().enumerate() {
        assert!(at == 0 || span.offset >= 0, "spans follow each other");
        index += span.offset;
        for _ in 0..span.length {
            count += deltas.next().unwrap();
            let bucket = usize::try_from(index - FIRST_INDEX + 1).unwrap();
            buckets[bucket] = u64::try_from(count).unwrap();
            index += 1;
        }
    }
    assert_eq!(deltas.next(), None, "a bucket without a span");
    buckets
}

/// Name, times in nanoseconds, how many count as zero, spans, deltas.
type Case<'a> = (&'a str, &'a [u64], u64, &'a [(i32, u32)], &'a [i64]);

#[test]
fn sparse_buckets() {
    // 1 s is the upper bound of bucket 0, 2^(0/4); 10 ms lies in bucket -26, up to
    // 2^(-26/4) = 11 ms.
    let cases: [Case<'_>; 6] = [
        ("none", &[], 0, &[], &[]),
        ("one second", &[1_000_000_000], 0, &[(0, 1)], &[1]),
        ("10 ms", &[10_000_000; 3], 0, &[(-26, 1)], &[3]),
        ("as good as zero", &[100], 1, &[], &[]),
        ("neighbours", &[1_000_000_000, 1_000_000_001, 999], 0, &[(-79, 1), (78, 2)], &[1, 0, 0]),
        (
            "a short gap",
            &[1_000_000_000, 2_000_000_000, 1_500_000_000],
            0,
            &[(0, 5)],
            &[1, -1, 0, 1, 0],
        ),
    ];
    for (name, times, zero, spans, deltas) in cases {
        let served = serve(&[("tcp/443", timing(times))], 8000).remove(0);
        assert_eq!(served.schema, SCHEMA, "{name}");
        assert_eq!(served.zero_threshold, ZERO_THRESHOLD, "{name}");
        assert_eq!(served.zero_count, zero, "{name}");
        let found: Vec<(i32, u32)> =
            served.positive_span.iter().map(|span| (span.offset, span.length)).collect();
        assert_eq!(found, spans, "{name}");
        assert_eq!(served.positive_delta, deltas, "{name}");
        assert!(served.negative_span.is_empty(), "{name}");
    }
}

#[test]
fn merged_rows_add_up_in_both_resolutions() {
    let times = |milliseconds: u64| timing(&[milliseconds * 1_000_000; 2]);
    let timings = [("tcp/1", times(1)), ("tcp/2", times(20)), ("tcp/3", times(300))];
    let room_for_two = 2 * FAMILY.kind.series();
    let served = serve(&timings, room_for_two);
    assert_eq!(served.len(), 2);
    let mut expected = times(20);
    expected.add(&times(300));
    assert_eq!(expand(&served[1]), expected.native);
    assert_eq!(served[1].sample_count, 4);
    assert_eq!(served[1].sample_sum, 0.64);
}

proptest! {
    #[test]
    fn spans_and_deltas_are_the_buckets(
        counts in proptest::collection::vec(prop_oneof![2 => Just(0), 1 => 1..1_000_u64], NATIVE_BUCKETS),
    ) {
        let mut timing = Timing::EMPTY;
        timing.native.copy_from_slice(&counts);
        // Torn from its classic buckets, as a read amid counting can be.
        let served = serve(&[("tcp/443", timing)], 8000).remove(0);
        prop_assert_eq!(served.sample_count, counts.iter().sum::<u64>());
        prop_assert_eq!(expand(&served), counts);
    }
}

//! The three formats say the same, whatever stands in a label.

use std::{collections::BTreeMap, sync::Arc};

use netmon::{
    metrics::{
        client,
        exporter::Format,
        family::{
            Family,
            Kind::{Counter, Gauge, Histogram, Info},
        },
        model::Model,
        text,
    },
    view::View,
};
use prometheus_client::encoding::prometheus_protobuf::prometheus_data_model::{
    MetricFamily, MetricType,
};
use proptest::prelude::*;
use prost::Message as _;

use crate::{
    exposition::{Exposition, Series, parse},
    views,
};

/// Takes a protobuf scrape apart, into the samples that a server makes of it.
fn decode(mut bytes: &[u8]) -> BTreeMap<Series, f64> {
    let mut samples = BTreeMap::new();
    while !bytes.is_empty() {
        let family = MetricFamily::decode_length_delimited(&mut bytes).unwrap();
        for metric in &family.metric {
            let labels: BTreeMap<String, String> =
                metric.label.iter().map(|pair| (pair.name.clone(), pair.value.clone())).collect();
            assert_eq!(labels.len(), metric.label.len(), "a label twice");
            let mut put = |suffix: &str, bound: Option<f64>, value: f64| {
                let mut labels = labels.clone();
                labels.extend(bound.map(|bound| ("le".to_owned(), le(bound))));
                let before = samples.insert((format!("{}{suffix}", family.name), labels), value);
                assert_eq!(before, None, "served twice");
            };
            match family.r#type() {
                MetricType::Counter => put("", None, metric.counter.as_ref().unwrap().value),
                MetricType::Gauge => put("", None, metric.gauge.as_ref().unwrap().value),
                MetricType::Histogram => {
                    let histogram = metric.histogram.as_ref().unwrap();
                    for bucket in &histogram.bucket {
                        let count = u32::try_from(bucket.cumulative_count).unwrap();
                        put("_bucket", Some(bucket.upper_bound), f64::from(count));
                    }
                    put("_sum", None, histogram.sample_sum);
                    put("_count", None, f64::from(u32::try_from(histogram.sample_count).unwrap()));
                }
                other => panic!("no such type: {other:?}"),
            }
        }
    }
    samples
}

fn le(bound: f64) -> String {
    if bound.is_infinite() { "+Inf".to_owned() } else { format!("{bound:?}") }
}

/// The samples of all three formats, which must be the same ones.
pub(crate) fn agree(text: &[u8], openmetrics: &[u8], protobuf: &[u8]) -> Exposition {
    let text = parse(std::str::from_utf8(text).unwrap());
    let openmetrics = std::str::from_utf8(openmetrics).unwrap();
    assert!(openmetrics.ends_with("# EOF\n"));
    assert_eq!(text.samples, parse(openmetrics).samples, "text and OpenMetrics");
    assert_eq!(text.samples, decode(protobuf), "text and protobuf");
    text
}

fn agree_on(view: &View) -> Exposition {
    let [text, openmetrics, protobuf] = [Format::Text, Format::OpenMetrics, Format::Protobuf]
        .map(|format| views::scrape(view, format, 8000));
    agree(&text, &openmetrics, &protobuf)
}

#[test]
fn all_formats_agree_on_a_rich_view() {
    let found = agree_on(&views::rich());
    assert!(found.samples.len() > 700, "{} samples", found.samples.len());
}

/// Text as hostile as it gets: what formats, shells and terminals trip over.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("\\".to_owned()),
        Just("\"".to_owned()),
        Just("\n".to_owned()),
        Just("\\n".to_owned()),
        Just("\\x1b".to_owned()),
        Just("\"} 1\nnetmon_forged_total{a=\"".to_owned()),
        Just("{},= #".to_owned()),
        Just("\0".to_owned()),
        Just("other".to_owned()),
        "[\u{1}-\u{1f}\u{7f}-\u{9f}]",
        any::<char>().prop_map(String::from),
    ];
    proptest::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

const OPEN: &[&str] = &["device", "direction"];
static FAMILIES: [Family; 4] = [
    Family::new(Counter, "packets", "Packets.", OPEN, 10_000).open(0),
    Family::new(Gauge, "load", "Load.", OPEN, 10_000).open(0),
    Family::new(Info, "facts", "Facts.", OPEN, 10_000).open(0),
    Family::new(Histogram(&[0.5, 64.0, 1e6]), "sizes", "Sizes.", OPEN, 10_000).open(0),
];

proptest! {
    #[test]
    fn any_label_value_survives_in_all_formats(
        names in proptest::collection::vec((hostile(), hostile(), 0_u32..100), 0..20),
    ) {
        let mut model = Model::default();
        for family in &FAMILIES {
            let mut rows = model.family(family);
            for (device, direction, value) in &names {
                let labels = [device.as_str(), direction.as_str()];
                match family.kind {
                    Counter => rows.integer(&labels, u64::from(*value)),
                    Gauge => rows.float(&labels, f64::from(*value) / 3.0),
                    Info => rows.info(&labels),
                    Histogram(_) => {
                        let value = u64::from(*value);
                        rows.histogram(&labels, &[value, 0, 1, 2], 0.25);
                    }
                }
            }
        }
        let model = Arc::new(model);
        let mut text = Vec::new();
        text::encode(&model, &mut text);
        let openmetrics = client::openmetrics(&model).unwrap();
        let found = agree(&text, openmetrics.as_bytes(), &client::protobuf(&model).unwrap());
        // Nothing is lost, forged or changed but for NUL.
        let mut wanted: BTreeMap<(String, String), f64> = BTreeMap::new();
        for (device, direction, value) in &names {
            let key = (device.replace('\0', "\u{fffd}"), direction.replace('\0', "\u{fffd}"));
            *wanted.entry(key).or_default() += f64::from(*value);
        }
        prop_assert_eq!(found.count("netmon_packets_total"), wanted.len());
        for ((device, direction), value) in wanted {
            let labels = [("device", &*device), ("direction", &*direction)];
            prop_assert_eq!(found.value("netmon_packets_total", &labels), Some(value));
            prop_assert_eq!(found.value("netmon_facts_info", &labels), Some(1.0));
        }
        prop_assert!(!found.samples.keys().any(|(name, _)| name.contains("forged")));
    }

    #[test]
    fn any_device_name_leaves_the_scrape_valid(names in proptest::collection::vec(hostile(), 1..5)) {
        let devices = (1..).zip(&names).map(|(index, name)| views::device(name, index)).collect();
        let found = agree_on(&views::of_devices(devices));
        let sum: u32 = (1..).take(names.len()).sum();
        let received: f64 = found
            .samples
            .iter()
            .filter(|((name, labels), _)| {
                name == "netmon_interface_packets_total" && labels["direction"] == "ingress"
            })
            .map(|(_, value)| value)
            .sum();
        prop_assert_eq!(received, f64::from(sum));
    }
}

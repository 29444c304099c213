//! Caps: whatever is counted, the number of series has a limit and the sums
//! stay exact.

use netmon::metrics::{
    budget::OTHER,
    exporter::Format,
    family::{
        Family,
        Kind::{Counter, Gauge, Histogram},
    },
    model::{Model, Reading},
};

use crate::{
    exposition::{Exposition, parse},
    views,
};

const LABELS: &[&str] = &["device", "direction"];

/// Rows of one family: labels and value as they are after `max` was enforced.
fn bounded(family: &Family, rows: &[(&str, &str, u64)], max: usize) -> (Vec<String>, u64) {
    let mut model = Model::default();
    let mut adder = model.family(family);
    for (device, direction, value) in rows {
        match family.kind {
            Histogram(_) => adder.histogram(&[device, direction], &[*value, 1], 0.5),
            _ => adder.integer(&[device, direction], *value),
        }
    }
    let lost = model.bound(max).iter().map(|overflow| overflow.rows).sum();
    let shown = model
        .families()
        .flat_map(|(_, samples)| samples)
        .map(|sample| {
            let labels: Vec<&str> = sample.labels().map(|(_, value)| value).collect();
            match sample.reading() {
                Reading::Integer(value) => format!("{} {value}", labels.join(" ")),
                Reading::Float(value) => format!("{} {value}", labels.join(" ")),
                Reading::Histogram { buckets, sum, .. } => {
                    format!("{} {buckets:?} {sum}", labels.join(" "))
                }
            }
        })
        .collect();
    (shown, lost)
}

/// A family, its rows, a limit, the rows that stay, and how many lost theirs.
type Case<'a> = (Family, &'a [(&'a str, &'a str, u64)], usize, &'a [&'a str], u64);

#[test]
fn rows_that_find_no_room_become_other() {
    let rows = [
        ("a", "in", 1),
        ("a", "out", 2),
        ("b", "in", 4),
        ("b", "out", 8),
        ("c", "in", 16),
        ("c", "out", 32),
    ];
    let with_other = [("a", "in", 1), ("b", "in", 2), (OTHER, "in", 4), ("c", "in", 8)];
    let counter = |cap| Family::new(Counter, "x", "X.", LABELS, cap).open(0);
    let closed = |cap| Family::new(Counter, "x", "X.", LABELS, cap);
    let gauge = |cap| Family::new(Gauge, "x", "X.", LABELS, cap).open(0);
    let histogram = |cap| Family::new(Histogram(&[1.0]), "x", "X.", LABELS, cap).open(0);
    let cases: [Case<'_>; 11] = [
        (
            counter(6),
            &rows,
            100,
            &["a in 1", "a out 2", "b in 4", "b out 8", "c in 16", "c out 32"],
            0,
        ),
        (counter(4), &rows, 100, &["a in 1", "a out 2", "other in 20", "other out 40"], 4),
        // One row could stay, but `other` needs two.
        (counter(3), &rows, 100, &["a in 1", "other out 42", "other in 20"], 5),
        (counter(2), &rows, 100, &["other in 21", "other out 42"], 6),
        // Not even `other` has room: one row for all.
        (counter(1), &rows, 100, &["other other 63"], 6),
        (counter(4), &with_other, 100, &["a in 1", "b in 2", "other in 4", "c in 8"], 0),
        (counter(3), &with_other, 100, &["a in 1", "b in 2", "other in 12"], 1),
        (closed(3), &rows, 100, &["a in 1", "a out 2", "other other 60"], 4),
        (gauge(4), &rows, 100, &["a in 1", "a out 2", "other in 16", "other out 32"], 4),
        // A histogram of one bound is four series.
        (histogram(8), &rows, 100, &["other in [21, 3] 1.5", "other out [42, 3] 1.5"], 6),
        (counter(6), &rows, 0, &[], 6),
    ];
    for (family, rows, max, wanted, lost) in cases {
        let shown = bounded(&family, rows, max);
        assert_eq!(shown, (wanted.iter().map(ToString::to_string).collect(), lost), "{family:?}");
    }
}

#[test]
fn equal_labels_are_one_row() {
    let counter = Family::new(Counter, "x", "X.", LABELS, 9);
    let gauge = Family::new(Gauge, "x", "X.", LABELS, 9);
    let twice = [("a", "in", 3), ("b", "in", 1), ("a", "in", 4)];
    assert_eq!(bounded(&counter, &twice, 9), (vec!["a in 7".into(), "b in 1".into()], 0));
    assert_eq!(bounded(&gauge, &twice, 9), (vec!["a in 4".into(), "b in 1".into()], 0));
}

#[test]
fn ten_thousand_series_are_bounded_and_exact() {
    for (cap, max) in [(10_000, 8000), (64, 8000), (64, 50), (3, 100)] {
        let mut model = Model::default();
        for name in ["one", "two"] {
            let family = Family::new(Counter, name, "X.", LABELS, cap).open(0);
            let mut rows = model.family(&family);
            for device in 0..5000_u64 {
                rows.integer(&[&format!("d{device}"), "in"], device);
            }
        }
        let lost: u64 = model.bound(max).iter().map(|overflow| overflow.rows).sum();
        let series: usize = model.series().map(|(_, series)| series).sum();
        assert!(series <= max.min(2 * cap), "{series} series");
        assert!(lost > 0);
        for (_, samples) in model.families() {
            let sum: u64 = samples
                .map(|sample| match sample.reading() {
                    Reading::Integer(value) => value,
                    _ => 0,
                })
                .sum();
            assert_eq!(sum, (0..5000).sum::<u64>());
        }
    }
}

fn scrape(max: usize) -> Exposition {
    let text = views::scrape(&views::rich(), Format::Text, max);
    parse(std::str::from_utf8(&text).unwrap())
}

#[test]
fn a_scrape_keeps_to_the_configured_limit() {
    for max in [8000, 1000, 700, 400, 200, 100] {
        let found = scrape(max);
        assert!(found.samples.len() <= max, "{} of {max}", found.samples.len());
        let told = found.value("netmon_series_limit", &[]);
        assert_eq!(told.map(|limit| format!("{limit}")), Some(max.to_string()));
    }
    let whole = scrape(8000);
    assert_eq!(whole.sum("netmon_series_overflow_total"), 0.0);
    assert!(scrape(700).sum("netmon_series_overflow_total") > 0.0);
    assert_eq!(
        scrape(700).sum("netmon_host_packets_total"),
        whole.sum("netmon_host_packets_total"),
        "sums stay exact"
    );
}

#[test]
fn series_are_counted_as_they_are() {
    let found = scrape(8000);
    for family in netmon::metrics::families() {
        let name = family.full_name();
        let told = found.value("netmon_series", &[("family", &name)]).unwrap_or(0.0);
        let seen = found.count(&name)
            + ["_bucket", "_sum", "_count"]
                .map(|suffix| found.count(&format!("{name}{suffix}")))
                .iter()
                .sum::<usize>();
        assert_eq!(format!("{told}"), seen.to_string(), "{name}");
    }
    let sum = found.sum("netmon_series");
    assert_eq!(format!("{sum}"), found.samples.len().to_string());
}

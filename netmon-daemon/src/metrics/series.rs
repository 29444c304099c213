//! The metrics about the metrics: how many series, and what found no room.
//!
//! Unlike the other groups it is collected after the bounds were enforced.

use std::collections::BTreeMap;

use super::{
    family::{
        Family,
        Kind::{Counter, Gauge},
    },
    model::Model,
};

const SERIES: Family =
    Family::new(Gauge, "series", "Series of a family in this scrape.", &["family"], 90).open(0);
const LIMIT: Family =
    Family::new(Gauge, "series_limit", "Series that a scrape may have in all.", &[], 1);
const OVERFLOW: Family = Family::new(
    Counter,
    "series_overflow",
    "Series that found no room of their own, summed over scrapes.",
    &["family"],
    40,
)
.open(0);

/// The families of this group.
pub fn families() -> Vec<Family> {
    vec![SERIES, LIMIT, OVERFLOW]
}

/// How many series this group takes at most, to be left free for it.
pub fn reserve(model: &Model, overflows: &BTreeMap<String, u64>) -> usize {
    // One row per family and per overflow, three for the group itself, and the
    // limit.
    model.series().count() + overflows.len() + 4
}

/// Adds their rows.
pub fn collect(model: &mut Model, limit: usize, overflows: &BTreeMap<String, u64>) {
    let mut counts: Vec<(String, usize)> =
        model.series().map(|(family, series)| (family.full_name(), series)).collect();
    let kept = overflows.len().min(OVERFLOW.cap);
    let own = if kept > 0 { 3 } else { 2 };
    counts.push((SERIES.full_name(), (counts.len() + own).min(SERIES.cap)));
    counts.push((LIMIT.full_name(), 1));
    if kept > 0 {
        counts.push((OVERFLOW.full_name(), kept));
    }
    let mut rows = model.family(&SERIES);
    for (family, series) in &counts {
        rows.integer(&[family], *series as u64);
    }
    model.family(&LIMIT).integer(&[], limit as u64);
    let mut rows = model.family(&OVERFLOW);
    for (family, count) in overflows {
        rows.integer(&[family], *count);
    }
}

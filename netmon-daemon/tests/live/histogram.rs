//! A histogram of a scrape, and the same of what a capture shows.
//!
//! Invariant: buckets are cumulated and in the order of their bounds, and both
//! kinds have the same ones, so that quantiles can be compared by bucket.

use std::collections::BTreeMap;

use crate::exposition::{Exposition, Labels};

/// Observations: all, and by the upper bound of their bucket, cumulated.
#[derive(Debug)]
pub(crate) struct Histogram {
    pub(crate) count: u64,
    buckets: Vec<(f64, u64)>,
}

impl Histogram {
    /// What was counted between two scrapes, over all series with these labels.
    pub(crate) fn between(
        before: &Exposition,
        after: &Exposition,
        family: &str,
        labels: Labels<'_>,
    ) -> Self {
        let read = |scrape: &Exposition, suffix: &str| -> BTreeMap<String, f64> {
            let mut sums = BTreeMap::new();
            for (series, value) in scrape.matching(&format!("{family}_{suffix}"), labels) {
                let bound = series.rsplit_once("le=\"").map_or("", |(_, rest)| rest);
                let bound = bound.split('"').next().unwrap_or_default();
                *sums.entry(bound.to_owned()).or_insert(0.0) += value;
            }
            sums
        };
        // What has not occurred yet is absent.
        let moved = |suffix: &str| {
            let was = read(before, suffix);
            let now = read(after, suffix).into_iter();
            now.map(|(bound, value)| {
                let moved = value - was.get(&bound).copied().unwrap_or(0.0);
                (bound.parse().unwrap_or(f64::INFINITY), whole(moved))
            })
            .collect::<Vec<_>>()
        };
        let mut buckets = moved("bucket");
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        Self { count: moved("count").iter().map(|(_, moved)| moved).sum(), buckets }
    }

    /// What a capture shows, in the buckets of another.
    pub(crate) fn captured(values: &[f64], like: &Self) -> Self {
        let below = |bound: f64| values.iter().filter(|value| **value <= bound).count() as u64;
        let buckets = like.buckets.iter().map(|(bound, _)| (*bound, below(*bound))).collect();
        Self { count: values.len() as u64, buckets }
    }

    /// The bucket in which a quantile lies.
    pub(crate) fn quantile(&self, part: f64) -> usize {
        let wanted = self.count as f64 * part;
        let found = self.buckets.iter().position(|(_, count)| *count as f64 >= wanted);
        found.unwrap_or_else(|| panic!("no bucket holds {part} of {self:?}"))
    }

    /// How many were up to a bound.
    pub(crate) fn up_to(&self, bound: f64) -> u64 {
        self.buckets.iter().find(|(upper, _)| *upper >= bound).unwrap().1
    }

    /// Asserts that half and 99 of 100 observations lie where a capture says, give
    /// or take a bucket: the two look at a packet one after the other.
    pub(crate) fn agrees(&self, values: &[f64], what: &str) {
        let truth = Self::captured(values, self);
        for part in [0.5, 0.99] {
            let (found, truth) = (self.quantile(part), truth.quantile(part));
            assert!(found.abs_diff(truth) <= 1, "{what}: {part}: bucket {found}, not {truth}");
        }
    }
}

/// A count.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "asserted")]
fn whole(number: f64) -> u64 {
    assert!(number >= 0.0 && number.fract() == 0.0, "{number}");
    number as u64
}

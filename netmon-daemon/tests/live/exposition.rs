//! A scrape in the text format, as far as the tests ask it for counts.

use std::collections::BTreeMap;

/// What one scrape said, by series.
#[derive(Clone, Debug)]
pub(crate) struct Exposition {
    series: BTreeMap<String, f64>,
}

/// Labels that a series must have to be asked for, others it may have.
pub(crate) type Labels<'a> = &'a [(&'a str, &'a str)];

impl Exposition {
    /// Reads a scrape. Panics when a line is neither comment nor sample.
    pub(crate) fn parse(text: &str) -> Self {
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        let series = samples
            .map(|line| {
                let (name, value) = line.rsplit_once(' ').unwrap();
                (name.to_owned(), value.parse().unwrap())
            })
            .collect();
        Self { series }
    }

    /// The sum of a count over all series that have these labels. Panics when
    /// there is none: what is absent is not 0.
    pub(crate) fn sum(&self, name: &str, labels: Labels<'_>) -> u64 {
        let mut found = self.matching(name, labels).peekable();
        assert!(found.peek().is_some(), "no series {name} with {labels:?}");
        let sum: f64 = found.map(|(_, value)| value).sum();
        assert!(sum >= 0.0 && sum.fract() == 0.0 && sum < 2_f64.powi(53), "{name}: {sum}");
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "asserted")]
        let sum = sum as u64;
        sum
    }

    /// The same of a family whose series appear with the first event.
    pub(crate) fn so_far(&self, name: &str, labels: Labels<'_>) -> u64 {
        let occurred = self.matching(name, labels).next().is_some();
        if occurred { self.sum(name, labels) } else { 0 }
    }

    /// The series of a family that have these labels, and their values.
    pub(crate) fn matching(
        &self,
        name: &str,
        labels: Labels<'_>,
    ) -> impl Iterator<Item = (&str, f64)> {
        let wanted: Vec<String> =
            labels.iter().map(|(label, value)| format!("{label}=\"{value}\"")).collect();
        self.series.iter().filter_map(move |(series, value)| {
            let labels = series.split_once('{').map_or("", |(_, labels)| labels);
            let labels = labels.trim_end_matches('}');
            let has = |one: &String| labels.split(',').any(|label| label == one);
            (family(series) == name && wanted.iter().all(has)).then_some((series.as_str(), *value))
        })
    }

    /// The series wanted, by name and labels, that were not there in `earlier`.
    pub(crate) fn new_since(&self, earlier: &Self, wanted: impl Fn(&str) -> bool) -> Vec<&str> {
        let new = self.series.keys().filter(|series| !earlier.series.contains_key(*series));
        new.map(String::as_str).filter(|series| wanted(series)).collect()
    }

    /// The counters wanted that are lower than in `earlier`, or gone.
    pub(crate) fn fallen(&self, earlier: &Self, wanted: impl Fn(&str) -> bool) -> Vec<String> {
        let counters = earlier.series.iter();
        counters
            .filter(|(series, _)| family(series).ends_with("_total") && wanted(series))
            .filter(|(series, was)| self.series.get(*series).is_none_or(|now| now < *was))
            .map(|(series, was)| format!("{series}: {was}, then {:?}", self.series.get(series)))
            .collect()
    }
}

fn family(series: &str) -> &str {
    series.split('{').next().unwrap_or(series)
}

//! How regular calls are: four scores, each from 0 to 1.
//!
//! Pure. The scores are those of RITA (Active Countermeasures), made independent of how
//! long the interval is: what a program does by itself it does at equal distances, with
//! equal messages, all the time.

/// What is said of calls.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rhythm {
    /// Seconds from one call to the next: the median.
    pub interval: f64,
    /// How evenly the shorter and the longer intervals lie around it: 1 less Bowley's
    /// skewness.
    pub symmetry: f64,
    /// How little they differ from it: 1 less the median of the differences (MAD), as a
    /// part of it.
    pub steadiness: f64,
    /// The same of the bytes that are sent.
    pub sameness: f64,
    /// In how much of the time there are calls.
    pub coverage: f64,
}

impl Rhythm {
    /// A quarter of each score.
    pub const fn score(&self) -> f64 {
        (self.symmetry + self.steadiness + self.sameness + self.coverage) / 4.0
    }
}

/// The rhythm of calls, given when they were made, in seconds and in order, up to `now`;
/// and how many bytes were sent with each. Their coverage is no more than `active`.
pub(super) fn rhythm(starts: &[u32], sizes: &[u32], now: u32, active: f64) -> Rhythm {
    let intervals = starts.windows(2).map(|pair| f64::from(pair[1].saturating_sub(pair[0])));
    let intervals = sorted(intervals.collect());
    let [first, median, third] = [1, 2, 3].map(|quarter| quantile(&intervals, quarter));
    let spread = third - first;
    // Without a spread there is nothing to be skewed.
    let skew = if spread > 0.0 { (first + third - 2.0 * median) / spread } else { 0.0 };
    let sizes = sorted(sizes.iter().copied().map(f64::from).collect());
    Rhythm {
        interval: median,
        symmetry: 1.0 - skew.abs(),
        steadiness: likeness(&intervals, median),
        sameness: likeness(&sizes, quantile(&sizes, 2)),
        coverage: coverage(starts, now).min(active),
    }
}

/// In how many parts of the time from the first call to now there are calls; there are half
/// as many parts as calls, so that one call may come a little early or late.
fn coverage(starts: &[u32], now: u32) -> f64 {
    let (Some(first), parts) = (starts.first(), starts.len() / 2) else { return 0.0 };
    let span = f64::from(now.saturating_sub(*first)).max(1.0);
    let mut seen = vec![false; parts];
    for start in starts {
        let at = f64::from(start - first) / span * parts as f64;
        let place = (0..parts).rev().find(|part| at >= *part as f64);
        if let Some(part) = place.and_then(|part| seen.get_mut(part)) {
            *part = true;
        }
    }
    seen.iter().filter(|part| **part).count() as f64 / (parts as f64).max(1.0)
}

/// 1 where all values are the median, 0 where half of them differ from it by all of it.
fn likeness(values: &[f64], median: f64) -> f64 {
    let differences = sorted(values.iter().map(|value| (value - median).abs()).collect());
    let deviation = quantile(&differences, 2);
    if deviation > 0.0 { (1.0 - deviation / median.max(1.0)).max(0.0) } else { 1.0 }
}

fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values
}

/// So many quarters of the values are no greater; between two of them, in proportion.
fn quantile(values: &[f64], quarters: usize) -> f64 {
    let last = values.len().saturating_sub(1);
    let (whole, rest) = (last * quarters / 4, last * quarters % 4);
    let value = |at: usize| values.get(at.min(last)).copied().unwrap_or(0.0);
    value(whole) + (value(whole + 1) - value(whole)) * rest as f64 / 4.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles() {
        for (values, expected) in [
            (&[][..], [0.0, 0.0, 0.0]),
            (&[7.0], [7.0, 7.0, 7.0]),
            (&[1.0, 2.0], [1.25, 1.5, 1.75]),
            (&[1.0, 2.0, 3.0, 4.0, 5.0], [2.0, 3.0, 4.0]),
        ] {
            let found = [1, 2, 3].map(|quarter| quantile(values, quarter));
            assert!(
                found.iter().zip(expected).all(|(it, other)| (it - other).abs() < 1e-9),
                "{found:?}"
            );
        }
    }

    #[test]
    fn a_clock_has_all_scores_and_half_the_time_half_the_coverage() {
        let starts: Vec<u32> = (0..64).map(|it| 1000 + it * 300).collect();
        let sizes = [120; 64];
        let end = 1000 + 64 * 300;
        let clock = rhythm(&starts, &sizes, end, 1.0);
        assert!(
            (clock.score() - 1.0).abs() < 1e-9 && (clock.interval - 300.0).abs() < 1e-9,
            "{clock:?}"
        );
        let over = rhythm(&starts, &sizes, end + 64 * 300, 1.0);
        assert!((over.coverage - 0.5).abs() < 0.05, "{over:?}");
        assert!((rhythm(&starts, &sizes, end, 0.25).coverage - 0.25).abs() < 1e-9);
    }

    #[test]
    fn scores_stay_within_their_bounds() {
        let odd: [(&[u32], &[u32]); 5] = [
            (&[], &[]),
            (&[5], &[5]),
            (&[5, 5, 5, 5], &[0, 0, 0, 0]),
            (&[0, 1, 2, u32::MAX], &[0, 0, 7, u32::MAX]),
            (&[0, 1, 100, 101, 200, 201], &[1, 1000, 1, 1000, 1, 1000]),
        ];
        for (starts, sizes) in odd {
            let it = rhythm(starts, sizes, 300, 1.0);
            for score in [it.symmetry, it.steadiness, it.sameness, it.coverage, it.score()] {
                assert!((0.0..=1.0).contains(&score), "{starts:?}: {it:?}");
            }
        }
    }
}

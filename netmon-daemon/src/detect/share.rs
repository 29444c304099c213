//! Shares of a whole: how far a few observations can be trusted, and whether they
//! last.

use crate::rates::Window;

/// The last five minutes, one by one.
const MINUTES: [Window; 5] = [
    Window::last(60),
    Window::before(60, 60),
    Window::before(60, 120),
    Window::before(60, 180),
    Window::before(60, 240),
];

/// How many of them must be bad. What lasts for a minute touches two.
const BAD_MINUTES: f64 = 3.0;

/// `part / whole`, and 0 where there is no whole.
pub(super) fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// The least share of which `part` of `whole` is proof: the lower bound of the
/// Wilson score interval at 95 % (E. B. Wilson, JASA 22, 1927). Ten failures of ten
/// prove 72 %, one failure of one proves no more than 21 %.
///
/// 0 where there is no whole; a part that exceeds its whole counts as all of it.
pub(super) fn proven_share(part: u64, whole: u64) -> f64 {
    /// Quantile of the normal distribution: 95 % lie within so many deviations.
    const Z: f64 = 1.96;
    let n = part.max(whole) as f64;
    if part == 0 {
        return 0.0;
    }
    let p = part as f64 / n;
    let spread = (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    (p + Z * Z / (2.0 * n) - Z * spread) / (1.0 + Z * Z / n)
}

/// 1 where a share was at or above a threshold in three of the last five minutes at
/// least, else less.
pub(super) fn lasting(threshold: f64, share_in: impl Fn(Window) -> f64) -> f64 {
    let bad = MINUTES.into_iter().filter(|minute| share_in(*minute) >= threshold);
    bad.count() as f64 / BAD_MINUTES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_observations_prove_little() {
        // Found by bisection, from the definition of the interval: what was observed
        // is 1.96 deviations above the share that it proves.
        let cases = [
            (0, 0, 0.0),
            (0, 1000, 0.0),
            (1, 1, 0.2065),
            (10, 10, 0.7225),
            (2, 10, 0.0567),
            (5, 10, 0.2366),
            (20, 1000, 0.0130),
            (200, 1000, 0.1764),
            (20_000, 100_000, 0.1975),
            // Never more than all.
            (9, 3, 0.7008),
        ];
        for (part, whole, proven) in cases {
            let found = proven_share(part, whole);
            assert!((found - proven).abs() < 0.0001, "{part} of {whole}: {found}");
            assert!(found <= share(part, whole).max(share(part, part)));
        }
        assert_eq!(format!("{:?}", [share(1, 0), share(1, 4)]), "[0.0, 0.25]");
    }
}

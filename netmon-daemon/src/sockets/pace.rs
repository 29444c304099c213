//! How often a census is taken. Pure.

use std::time::Duration;

/// The least time from the beginning of one census to that of the next.
const PERIOD: Duration = Duration::from_secs(5);
/// One part in so many of one CPU may go to it: 2 %.
const SHARE: u32 = 50;

/// How long after the beginning of a census the next one is due, when this one
/// took so long.
pub fn next_census(took: Duration) -> Duration {
    PERIOD.max(took.saturating_mul(SHARE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_census_costs_two_percent_at_most() {
        let ms = Duration::from_millis;
        for (took, due) in [
            (ms(0), ms(5000)),
            (ms(1), ms(5000)),
            (ms(100), ms(5000)),
            (ms(101), ms(5050)),
            (ms(2000), ms(100_000)),
            (Duration::MAX, Duration::MAX),
        ] {
            assert_eq!(next_census(took), due, "{took:?}");
        }
    }
}

//! Durations with their unit.

use std::{fmt, str::FromStr, time::Duration};

use super::setting::{quoted, textual};

/// A duration with its unit, such as `"1s"` or `"250ms"`, in whole milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Interval(pub Duration);

impl Interval {
    /// That many milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        if millis.is_multiple_of(1000) {
            write!(f, "{}s", millis / 1000)
        } else {
            write!(f, "{millis}ms")
        }
    }
}

impl FromStr for Interval {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refusal = |why: &str| format!("{} {why}, such as \"250ms\" or \"1s\"", quoted(text));
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, unit) = text.split_at(digits);
        if number.is_empty() {
            return Err(refusal("is no duration"));
        }
        let scale = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return Err(refusal("needs a unit (ms, s, m or h)")),
        };
        number
            .parse::<u64>()
            .ok()
            .and_then(|number| number.checked_mul(scale))
            .map(Self::from_millis)
            .ok_or_else(|| refusal("is too long for a duration"))
    }
}

textual!(Interval, "a duration such as \"1s\"");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_unit_and_survive_a_round_trip() {
        for (text, millis) in [("250ms", 250), ("1s", 1_000), ("2m", 120_000), ("1h", 3_600_000)] {
            let interval = Interval::from_millis(millis);
            assert_eq!(text.parse(), Ok(interval), "{text}");
            assert_eq!(interval.to_string().parse(), Ok(interval), "{text}");
        }
        for text in ["", "1", "s", "-1s", "1.5s", "1 s", "1d", "99999999999999999999ms"] {
            assert!(text.parse::<Interval>().is_err(), "{text:?}");
        }
        assert!(format!("{}h", u64::MAX).parse::<Interval>().is_err());
    }
}

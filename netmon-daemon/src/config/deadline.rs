//! When something ends: a day, or a moment, by the wall clock.

use std::{cmp::Ordering, fmt, str::FromStr, time::Duration};

use toml::value::{Datetime, Offset};

use super::setting::quoted;

/// A day of UTC, which counts to its end, or a moment with its offset from UTC.
#[derive(Clone, Debug)]
pub struct Deadline {
    written: Datetime,
    /// Seconds since 1970.
    ends: i64,
}

impl Deadline {
    /// Whether it has passed at a time since 1970.
    pub fn is_past(&self, unix: Duration) -> bool {
        i64::try_from(unix.as_secs()).is_ok_and(|now| now >= self.ends)
    }
}

impl PartialEq for Deadline {
    fn eq(&self, other: &Self) -> bool {
        self.ends == other.ends
    }
}

impl PartialOrd for Deadline {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.ends.cmp(&other.ends))
    }
}

impl fmt::Display for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.written.fmt(f)
    }
}

impl FromStr for Deadline {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXAMPLES: &str = "\"2027-01-31\" or \"2027-01-31T18:00:00Z\"";
        let found = quoted(text);
        let written: Datetime = text
            .parse()
            .map_err(|_| format!("{found} is neither a day nor a time: write {EXAMPLES}"))?;
        let Some(date) = written.date else {
            return Err(format!("{found} is a time of no day: write {EXAMPLES}"));
        };
        let midnight = days(date.year.into(), date.month.into(), date.day.into()) * DAY;
        let ends = match (written.time, written.offset) {
            (None, _) => midnight + DAY,
            (Some(time), Some(offset)) => {
                let minutes = match offset {
                    Offset::Z => 0,
                    Offset::Custom { minutes } => i64::from(minutes),
                };
                let hours = i64::from(time.hour) * 60 + i64::from(time.minute) - minutes;
                midnight + hours * 60 + time.second.map_or(0, i64::from)
            }
            (Some(_), None) => {
                return Err(format!(
                    "{found} does not say in which time zone: write it with \"Z\" or an offset \
                     such as \"+01:00\" behind it"
                ));
            }
        };
        Ok(Self { written, ends })
    }
}

/// Seconds of a day.
const DAY: i64 = 86_400;

/// Days from 1970-01-01 to a day of the Gregorian calendar. The year is taken to begin in
/// March, so that the leap day is its last one.
const fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let since_march = (month + 9) % 12;
    let in_year = (153 * since_march + 2) / 5 + day - 1;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + in_year
        - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_are_moments() {
        for (text, ends) in [
            ("1970-01-01", 86_400),
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29", 951_868_800),
            ("2000-03-01T00:00:00Z", 951_868_800),
            ("2027-01-31", 1_801_440_000),
            ("2027-01-31T18:00:00Z", 1_801_418_400),
            ("2027-01-31T18:00:00+01:00", 1_801_414_800),
            ("2027-01-31T18:00:00.5-08:30", 1_801_449_000),
            ("2100-03-01T00:00:00Z", 4_107_542_400),
        ] {
            let deadline = text.parse::<Deadline>();
            assert_eq!(deadline.as_ref().map(|it| it.ends), Ok(ends), "{text}");
            let Ok(deadline) = deadline else { continue };
            assert_eq!(deadline.to_string(), text);
            let at = |seconds: i64| Duration::from_secs(seconds.try_into().unwrap_or(0));
            assert!(deadline.is_past(at(ends)) && (ends == 0 || !deadline.is_past(at(ends - 1))));
        }
    }

    #[test]
    fn what_is_no_deadline_is_refused_with_advice() {
        for (text, hint) in [
            ("", "2027-01-31"),
            ("tomorrow", "2027-01-31"),
            ("2027-02-30", "2027-01-31"),
            ("2027-13-01", "2027-01-31"),
            ("18:00:00", "no day"),
            ("2027-01-31T18:00:00", "time zone"),
            ("2027-01-31 18:00:00", "time zone"),
            ("\u{1b}[2J", "2027-01-31"),
        ] {
            let refusal = text.parse::<Deadline>().err().unwrap_or_default();
            assert!(refusal.contains(hint), "{text:?}: {refusal}");
        }
    }
}

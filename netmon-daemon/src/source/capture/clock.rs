//! Packet time: from timestamps as they were written to a time that never
//! falls and begins at 0.

use std::time::Duration;

use crate::rates::LONGEST_WINDOW;

/// Time stands still here, so that no later sum can overflow: it takes a file
/// made for the purpose to come so far.
const LATEST: Duration = Duration::from_secs(1 << 60);

/// The clock of one capture.
#[derive(Debug, Default)]
pub(super) struct Clock {
    /// The time of the last packet, from the first one on.
    now: Duration,
    /// The first timestamp.
    first: Option<Duration>,
    /// The newest timestamp of the clock that is followed.
    newest: Option<Duration>,
    /// The lowest and the highest timestamp of all.
    range: Option<(Duration, Duration)>,
}

impl Clock {
    /// The time of a packet with this timestamp. One without a timestamp came
    /// together with its predecessor.
    ///
    /// A timestamp below an earlier one is disorder, and the packet counts as
    /// of now. When it is below by more than any window is long, the clock was
    /// set or files were joined: time then goes on from there, or else all that
    /// follows would seem to happen in one moment.
    pub(super) fn time(&mut self, stamp: Option<Duration>) -> Duration {
        let Some(stamp) = stamp else { return self.now };
        let (lowest, highest) = self.range.unwrap_or((stamp, stamp));
        self.range = Some((lowest.min(stamp), highest.max(stamp)));
        self.first.get_or_insert(stamp);
        let newest = *self.newest.get_or_insert(stamp);
        if stamp > newest {
            self.now = self.now.saturating_add(stamp.saturating_sub(newest)).min(LATEST);
            self.newest = Some(stamp);
        } else if newest.saturating_sub(stamp) > LONGEST_WINDOW {
            self.newest = Some(stamp);
        }
        self.now
    }

    /// What a wall clock that runs like packet time showed at a time, if any packet has a
    /// timestamp.
    pub(super) fn wall(&self, at: Duration) -> Option<Duration> {
        self.first.map(|first| first.saturating_add(at))
    }

    /// From the lowest to the highest timestamp.
    pub(super) fn range(&self) -> Duration {
        self.range.map_or(Duration::ZERO, |(lowest, highest)| highest.saturating_sub(lowest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_never_falls() {
        // Timestamps in seconds, the times they mean, and their range.
        let cases: &[(&[u64], &[u64], u64)] = &[
            (&[], &[], 0),
            (&[100, 101, 105], &[0, 1, 5], 5),
            (&[100, 90, 105, 104, 106], &[0, 0, 5, 5, 6], 16),
            (&[100, 40, 101], &[0, 0, 1], 61),
            (&[100, 39, 40, 45], &[0, 0, 1, 6], 61),
            (&[9_000_000, 10, 11, 12], &[0, 0, 1, 2], 8_999_990),
            (&[10, 9_000_000, 11, 12], &[0, 8_999_990, 8_999_990, 8_999_991], 8_999_990),
        ];
        for (stamps, times, range) in cases {
            let mut clock = Clock::default();
            for (stamp, time) in stamps.iter().zip(*times) {
                let now = clock.time(Some(Duration::from_secs(*stamp)));
                assert_eq!(now.as_secs(), *time, "{stamps:?}");
                assert_eq!(clock.time(None), now, "{stamps:?}");
            }
            assert_eq!(clock.range().as_secs(), *range, "{stamps:?}");
            let later = stamps.first().map(|first| Duration::from_secs(first + 7));
            assert_eq!(clock.wall(Duration::from_secs(7)), later, "{stamps:?}");
        }
    }
}

//! The daemon's own pulse: ticks, lags, how long the stages take. Pure.

use std::time::{Duration, SystemTime};

use crate::view::{Pulse, STAGE_BOUNDS, StageTimes};

impl Pulse {
    /// Before the first tick of a daemon that starts `now` by the wall clock.
    pub fn new(now: SystemTime) -> Self {
        Self {
            started: now,
            ticks: 0,
            missed_ticks: 0,
            lag: Duration::ZERO,
            read: StageTimes::default(),
            judge: StageTimes::default(),
            reload_ok: true,
            config_loaded: now,
            state: None,
        }
    }

    /// One tick, `lag` behind its time, `after` the time of the tick before it
    /// and due every `period`.
    pub fn beat(&mut self, lag: Duration, after: Option<Duration>, period: Duration) {
        self.ticks = self.ticks.saturating_add(1);
        self.lag = lag;
        // Half a period of slack: ticks come a little early or late.
        let periods = after.map_or(1, |after| {
            (after + period / 2).as_nanos().checked_div(period.as_nanos()).unwrap_or(1)
        });
        let missed = u64::try_from(periods.saturating_sub(1)).unwrap_or(u64::MAX);
        self.missed_ticks = self.missed_ticks.saturating_add(missed);
    }
}

impl StageTimes {
    /// Counts one pass through the stage.
    pub fn observe(&mut self, took: Duration) {
        let seconds = took.as_secs_f64();
        let index = STAGE_BOUNDS.iter().position(|bound| seconds <= *bound);
        if let Some(bucket) = self.buckets.get_mut(index.unwrap_or(STAGE_BOUNDS.len())) {
            *bucket = bucket.saturating_add(1);
        }
        self.sum += seconds;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missed_ticks() {
        let ms = Duration::from_millis;
        for (after, missed) in [
            (None, 0),
            (Some(ms(1000)), 0),
            (Some(ms(1004)), 0),
            (Some(ms(996)), 0),
            (Some(ms(2000)), 1),
            (Some(ms(60_000)), 59),
        ] {
            let mut pulse = Pulse::new(SystemTime::UNIX_EPOCH);
            pulse.beat(ms(3), after, ms(1000));
            assert_eq!((pulse.ticks, pulse.missed_ticks), (1, missed), "{after:?}");
            assert_eq!(pulse.lag, ms(3));
        }
    }

    #[test]
    fn stage_times_fall_into_buckets() {
        let mut times = StageTimes::default();
        for micros in [100, 101, 2_000_000] {
            times.observe(Duration::from_micros(micros));
        }
        assert_eq!((times.buckets[0], times.buckets[1]), (1, 1));
        assert_eq!(times.buckets[STAGE_BOUNDS.len()], 1);
        assert!((times.sum - 2.000_201).abs() < 1e-9);
    }
}

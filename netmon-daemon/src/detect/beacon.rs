//! Somebody outside who is called as if by a clock.
//!
//! What asks its master for orders does it by itself: at equal distances, with equal
//! messages, all day. Four scores say how far calls are like that (RITA, Active
//! Countermeasures); what a person does is like none of it, and whatever is busy has no
//! pauses that could be equal.

use std::time::Duration;

use super::{
    Verdict, Watch,
    habit::party,
};
use crate::{
    config::section::section, estimate::whole, flows::habits::report::Beacon, rates::HostRates, signal::Signal,
};

section! {
    /// A destination that this host calls in a rhythm: a beacon.
    ///
    /// Of the last 64 connections of one workload to one port of one public address, the
    /// mean of four scores from 0 to 1: how evenly the intervals lie around their median
    /// (Bowley's skewness), how little they differ from it (MAD), how little the bytes
    /// differ that are sent, and how much of the time has calls in it. The intervals must be
    /// steady by themselves, and ten seconds or longer: what calls more often is a busy
    /// application. From 0.5 on the score is worth a look, and nothing is raised. A critical
    /// flag needs a destination that is new: called for at most a week, and not within the
    /// first 24 hours that netmon watched, because that may be older.
    ///
    /// TCP connections count, when they end. Who sleeps for more than an hour between two
    /// calls is seen after a day, who keeps one connection open never.
    ///
    /// Known false positives: whatever rightly calls by a clock and hangs up each time,
    /// such as looking for updates, agents of a monitoring service, jobs of cron, and pools
    /// that open a connection anew whenever it was idle for too long. Put their
    /// addresses into `exempt`.
    pub struct Config {
        /// Whether to judge at all.
        enabled: bool = true;
        /// Score for a warning.
        warning: f64 = 0.7, in 0.5..=1.0;
        /// The same for a critical flag.
        critical: f64 = 0.9, in 0.5..=1.0;
        /// Least calls.
        calls: f64 = 24.0, in 24.0..=1e6;
        /// Least hours from the first call to the last.
        hours: f64 = 4.0, in 1.0..=168.0;
        /// Whether only public addresses are looked at.
        public_only: bool = true;
    }
}

/// The score of the intervals by themselves: times that are independent of each other reach
/// 0.3, a jitter of half an interval up and down 0.75.
const LEAST_STEADINESS: f64 = 0.6;

/// The least interval, in seconds.
const LEAST_INTERVAL: f64 = 10.0;

/// A destination is new for so long.
const NEW: Duration = Duration::from_secs(7 * 86_400);

/// What was there when netmon had watched for less may be older.
const LEARNING: Duration = Duration::from_secs(86_400);

impl Watch for Config {
    const HOST: &'static [&'static [Signal]] =
        &[&[Signal::ConnectionRecords], &[Signal::ConnectionRecordSample]];
    const SPAN: Duration = Duration::from_secs(600);

    fn thresholds(&self) -> [f64; 2] {
        [self.warning, self.critical]
    }

    fn judge_each(&self, rates: &HostRates<'_>) -> Vec<Verdict> {
        let Some(report) = rates.flows() else { return vec![Verdict::blind()] };
        let beacons = report.habits.beacons.iter();
        beacons.map(|beacon| self.judge_beacon(rates, beacon)).collect()
    }
}

impl Config {
    fn judge_beacon(&self, rates: &HostRates<'_>, beacon: &Beacon) -> Verdict {
        let Beacon { calls, since, rhythm, port, remote, .. } = *beacon;
        let hours = since.as_secs_f64() / 3600.0;
        let conditions = [
            f64::from(calls) / self.calls,
            hours / self.hours,
            rhythm.steadiness / LEAST_STEADINESS,
            rhythm.interval / LEAST_INTERVAL,
        ];
        let condition = conditions.into_iter().fold(f64::INFINITY, f64::min);
        let is_new = beacon.known <= NEW && beacon.watched >= LEARNING;
        let score = rhythm.score();
        let percent = |part: f64| whole(part * 100.0);
        let evidence = [
            ("calls", u64::from(calls)),
            ("interval_seconds", whole(rhythm.interval)),
            ("symmetry_percent", percent(rhythm.symmetry)),
            ("steadiness_percent", percent(rhythm.steadiness)),
            ("sameness_percent", percent(rhythm.sameness)),
            ("coverage_percent", percent(rhythm.coverage)),
        ];
        let verdict = Verdict {
            statistic: score,
            thresholds: self.thresholds(),
            warning: score / self.warning,
            critical: if is_new { score / self.critical } else { 0.0 },
            detail: format!(
                "{calls} calls to port {port} within {hours:.1} h, one in {:.0} s; intervals {} % \
                 even and {} % steady, bytes sent {} % the same, {} % of the time",
                rhythm.interval,
                percent(rhythm.symmetry),
                percent(rhythm.steadiness),
                percent(rhythm.sameness),
                percent(rhythm.coverage),
            ),
            ..Verdict::blind()
        };
        let subject = party(rates, beacon.workload, beacon.local);
        verdict.only_if(condition).about(subject).with_peer(remote).at_port(port).because(evidence)
    }
}

#[cfg(test)]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "tests")]
mod tests {
    use super::*;
    use crate::{
        detect::{
            Severity,
            habit::trial::{over_hours, record, severity},
        },
        flows::Record,
    };

    const WARNING: Option<Severity> = Some(Severity::Warning);
    const CRITICAL: Option<Severity> = Some(Severity::Critical);

    /// Numbers from 0 to 1 that look as if drawn (Steele, Lea, Flood, 2014).
    struct Dice(u64);

    impl Dice {
        fn roll(&mut self) -> f64 {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let it = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let it = (it ^ it >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((it ^ it >> 31) >> 11) as f64 / (1_u64 << 53) as f64
        }

        /// The time until something happens that happens once in `mean`, whenever it likes.
        fn wait(&mut self, mean: f64) -> f64 {
            -mean * (1.0 - self.roll()).ln()
        }
    }

    /// Calls from one hour to another, one in so many seconds give or take a part of it.
    fn clock(hours: [f64; 2], seconds: f64, jitter: f64) -> Vec<Record> {
        let (mut at, mut dice, mut calls) = (hours[0] * 3600.0, Dice(7), Vec::new());
        while at < hours[1] * 3600.0 {
            calls.push(record(at, 2.0, 443, 300));
            at += seconds * (1.0 + jitter * (2.0 * dice.roll() - 1.0));
        }
        calls
    }

    /// Somebody who comes by a few times a day, looks at some pages, and goes.
    fn person(days: u32) -> Vec<Record> {
        let (mut dice, mut calls) = (Dice(3), Vec::new());
        for day in 0..days {
            for visit in [9.0, 11.5, 14.0, 20.0] {
                let mut at = (f64::from(day) * 24.0 + visit + dice.roll()) * 3600.0;
                for _ in 0..(5.0 + 20.0 * dice.roll()) as u32 {
                    let sent = (400.0 + 3000.0 * dice.roll()) as u64;
                    calls.push(record(at, 1.0 + dice.wait(20.0), 443, sent));
                    at += dice.wait(40.0);
                }
            }
        }
        calls
    }

    /// Requests whenever users like, each with a connection of its own.
    fn service(hours: f64, mean: f64, is_even: bool) -> Vec<Record> {
        let (mut at, mut dice, mut calls) = (0.0, Dice(5), Vec::new());
        while at < hours * 3600.0 {
            let sent = if is_even { 500.0 } else { 200.0 + dice.wait(600.0) };
            calls.push(record(at, 0.2, 443, sent as u64));
            at += dice.wait(mean);
        }
        calls
    }

    /// A pool: each of its connections lasts for as long as there is work, and a while.
    fn pool(hours: f64, size: u32) -> Vec<Record> {
        let mut calls = Vec::new();
        for place in 0..size {
            let mut dice = Dice(u64::from(place));
            let mut at = dice.roll() * 300.0;
            while at < hours * 3600.0 {
                let lasted = 60.0 + dice.wait(900.0);
                calls.push(record(at, lasted, 443, (lasted * 40.0) as u64));
                at += lasted + dice.wait(60.0);
            }
        }
        calls
    }

    #[test]
    fn what_goes_by_a_clock() {
        let week = 7.0 * 24.0;
        // Hours of watching, the connections, and what is raised.
        let cases: [(&str, u64, Vec<Record>, Option<Severity>); 17] = [
            ("nothing", 30, Vec::new(), None),
            ("a minute, no jitter, new", 40, clock([26.0, 40.0], 60.0, 0.0), CRITICAL),
            ("a minute, 10 %", 40, clock([26.0, 40.0], 60.0, 0.1), CRITICAL),
            ("ten minutes, 20 %", 40, clock([26.0, 40.0], 600.0, 0.2), CRITICAL),
            ("ten minutes, 30 %", 40, clock([26.0, 40.0], 600.0, 0.3), CRITICAL),
            ("an hour, 20 %", 60, clock([26.0, 60.0], 3600.0, 0.2), CRITICAL),
            ("since netmon began", 30, clock([0.5, 30.0], 300.0, 0.1), WARNING),
            ("fewer than four hours", 30, clock([26.0, 29.5], 60.0, 0.0), None),
            ("fewer calls", 48, clock([26.0, 47.0], 3600.0, 0.0), None),
            ("every two seconds", 40, clock([26.0, 40.0], 5.0, 0.1), None),
            ("a person", 120, person(5), None),
            ("users, all day", 40, service(40.0, 120.0, false), None),
            ("users, and requests that are all the same", 40, service(40.0, 120.0, true), None),
            ("a busy service", 12, service(12.0, 2.0, true), None),
            ("a pool of eight", 60, pool(60.0, 8), None),
            ("a pool of one", 60, pool(60.0, 1), None),
            ("cron, newly set up", 9 * 24, clock([week, 9.0 * 24.0], 3600.0, 0.0), CRITICAL),
        ];
        for (name, hours, calls, expected) in cases {
            let flags = over_hours(Config::default(), hours, 60, calls);
            assert_eq!(severity(&flags), expected, "{name}: {flags:?}");
        }
    }

    #[test]
    fn what_was_known_for_a_week_is_no_more_than_a_warning() {
        let calls = [clock([25.0, 48.0], 600.0, 0.1), clock([208.0, 240.0], 600.0, 0.1)].concat();
        let flags = over_hours(Config::default(), 240, 60, calls);
        let raised: Vec<_> =
            flags.iter().map(|it| (it.severity, it.raised_at.as_secs() / 86_400)).collect();
        assert_eq!(raised, [(Severity::Critical, 1), (Severity::Warning, 8)]);
    }

    #[test]
    fn one_that_ends_is_over() {
        let flags = over_hours(Config::default(), 60, 60, clock([26.0, 40.0], 600.0, 0.1));
        assert!(flags.iter().all(|flag| !flag.active), "{flags:?}");
        let flag = &flags[0];
        assert_eq!((flag.subject(), flag.peer.as_deref()), ("192.0.2.1", Some("198.51.100.7")));
        assert!(flag.detail.contains("calls to port 443 within"), "{}", flag.detail);
    }
}

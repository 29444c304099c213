//! One source that asks for many ports and is not answered.
//!
//! Two tests at once: distinct ports that did not answer, within a minute, five minutes and
//! an hour; and the sequential test of Jung et al., which needs fewer of them of a source
//! that never finds anything open.

use std::time::Duration;

use netmon_common::attempts::Kind;

use super::{Verdict, Watch, confirm};
use crate::{
    attempts::Suspicion,
    config::section::section,
    rates::HostRates,
    signal::Signal,
};

section! {
    /// A source that tries many ports of one host, or of many, and is not answered.
    ///
    /// Counted are ports of hosts that the source asks for the first time in half an hour
    /// at least and that do not agree (no SYN-ACK) until the end of the next second: those
    /// refused, dropped by a filter, and asked for in ways that no TCP stack knows (NULL,
    /// FIN, XMAS, SYN in a fragment). Of IPv6 a source is a network of 64 bits. Ports that
    /// more than eight ask for in a second on one processor say nothing of any of them, so
    /// that floods and busy servers do not count; who scans nothing but those is not seen.
    /// A source of this host or its containers is judged by the ports of one host, since a
    /// peer-to-peer program asks many hosts in vain.
    ///
    /// Known false positives: a monitor that polls many closed ports, a client that keeps
    /// looking for services that were moved, and vulnerability scanners of one's own, which
    /// are to be exempted.
    pub struct Config {
        /// Whether to judge at all.
        enabled: bool = true;
        /// Ports within five minutes for a warning.
        warning: f64 = 15.0, in 1.0..=1e6;
        /// Ports within a minute for a critical flag.
        critical: f64 = 25.0, in 1.0..=1e6;
        /// Ports within an hour for a critical flag.
        critical_slow: f64 = 100.0, in 1.0..=1e6;
        /// Ports that did not answer in excess of those that did, for a warning (9 is a chance of 1 in 100,000 that a source of which four in five attempts succeed gets there).
        excess: f64 = 9.0, in 1.0..=1e6;
    }
}

impl Watch for Config {
    const HOST: &'static [&'static [Signal]] = &[&[Signal::Attempts]];
    const SPAN: Duration = Duration::from_secs(60);

    fn thresholds(&self) -> [f64; 2] {
        [self.warning, self.critical]
    }

    fn judge_each(&self, rates: &HostRates<'_>) -> Vec<Verdict> {
        let Some(report) = rates.attempts() else { return vec![Verdict::blind()] };
        let suspicions = report.of(&[Kind::Outside, Kind::Along]);
        suspicions.map(|it| self.of(it)).collect()
    }

    fn confirm(&self, verdict: &Verdict) -> String {
        confirm::by_subject(&confirm::requests(), verdict)
    }
}

impl Config {
    fn of(&self, suspicion: &Suspicion) -> Verdict {
        let [minute, five_minutes, hour] = suspicion.failures.map(f64::from);
        // One figure for all tests: how many times the worst one is due.
        let critical = (minute / self.critical).max(hour / self.critical_slow);
        let warning =
            (five_minutes / self.warning).max(suspicion.excess / self.excess).max(critical);
        let (statistic, thresholds) = if critical >= 1.0 && minute < self.critical {
            (hour, [self.warning, self.critical_slow])
        } else if critical >= 1.0 {
            (minute, self.thresholds())
        } else {
            (five_minutes.max(hour), self.thresholds())
        };
        let Suspicion { source, target, failures, .. } = suspicion;
        let [in_minute, in_five, in_hour] = failures;
        let detail = format!(
            "{in_minute} ports in 60 s, {in_five} in 5 min, {in_hour} in 1 h did not answer; \
             last {target} port {}",
            suspicion.port
        );
        let verdict = Verdict { statistic, thresholds, warning, critical, detail, ..Verdict::blind() };
        verdict.about(source.clone()).with_peer(target).because([
            ("ports_minute", u64::from(*in_minute)),
            ("ports_five_minutes", u64::from(*in_five)),
            ("ports_hour", u64::from(*in_hour)),
            ("stealth_segments", u64::from(suspicion.stealth)),
        ])
    }
}

#[cfg(test)]
mod tests {
    use netmon_common::attempts::Suspect;

    use super::*;
    use crate::{
        attempts::tests::suspect,
        detect::{Severity, trial::over_attempts},
    };

    const WARNING: Option<Severity> = Some(Severity::Warning);
    const CRITICAL: Option<Severity> = Some(Severity::Critical);

    /// So many new ports once in so many seconds, from outside, none of which agrees.
    fn ports(ports: u64, every: u64) -> impl Fn(u64) -> Vec<Suspect> {
        move |second| {
            let turn = second / every;
            let is_due = second.is_multiple_of(every);
            let asked = turn * ports..(turn + u64::from(is_due)) * ports;
            vec![suspect(Kind::Outside, 7, asked, 0..0)]
        }
    }

    type Asked = Box<dyn Fn(u64) -> Vec<Suspect>>;

    #[test]
    fn ports_that_do_not_answer() {
        let once = |asked: u64, agreed: u64| -> Asked {
            Box::new(move |second| match second {
                1 => vec![suspect(Kind::Outside, 7, 0..asked, 0..agreed)],
                _ => Vec::new(),
            })
        };
        let many = |kind: Kind, clients: u32| -> Asked {
            Box::new(move |_| (1..=clients).map(|it| suspect(kind, it, 0..1, 0..0)).collect())
        };
        let cases: [(&str, u64, Asked, Option<Severity>); 14] = [
            ("nothing", 60, Box::new(|_| Vec::new()), None),
            ("eight at once", 60, once(8, 0), None),
            ("nine at once", 60, once(9, 0), WARNING),
            ("twenty-two at once", 60, once(22, 0), WARNING),
            ("thirty at once", 60, once(30, 0), CRITICAL),
            ("a hundred that agree", 60, once(100, 100), None),
            ("twelve of a hundred", 60, once(100, 88), None),
            ("eighteen of a hundred", 60, once(100, 82), WARNING),
            ("one in 15 s", 120, Box::new(ports(1, 15)), None),
            ("one in 15 s, for longer", 151, Box::new(ports(1, 15)), WARNING),
            ("one in 33 s, for an hour", 3500, Box::new(ports(1, 33)), CRITICAL),
            ("a hundred sources, one port each", 60, many(Kind::Outside, 100), None),
            ("across hosts", 60, Box::new(|_| vec![suspect(Kind::Across, 7, 0..99, 0..0)]), None),
            ("along a host", 60, Box::new(|_| vec![suspect(Kind::Along, 7, 0..99, 0..0)]), CRITICAL),
        ];
        for (name, seconds, asked, expected) in cases {
            let flags = over_attempts(Config::default(), seconds, asked);
            let severity = flags.iter().map(|flag| flag.severity).max();
            assert_eq!(severity, expected, "{name}: {flags:?}");
            assert!(flags.iter().all(|flag| flag.subject() == "192.0.2.7"), "{name}: {flags:?}");
        }
    }

    #[test]
    fn a_verdict_says_by_what_it_was_judged() {
        let once = |asked: u64| -> Asked {
            let asks = move |second| u64::from(second == 1) * asked;
            Box::new(move |second| vec![suspect(Kind::Outside, 7, 0..asks(second), 0..0)])
        };
        let cases: [(u64, Asked, f64, f64); 3] = [
            (5, once(30), 30.0, 25.0),
            (5, once(18), 18.0, 15.0),
            (3500, Box::new(ports(1, 33)), 106.0, 100.0),
        ];
        for (seconds, asked, statistic, threshold) in cases {
            let flags = over_attempts(Config::default(), seconds, asked);
            let is_near = |flag: &crate::redflag::RedFlag| {
                (flag.statistic - statistic).abs() <= 4.0 && (flag.threshold - threshold).abs() < 0.1
            };
            assert!(flags.len() == 1 && flags.iter().all(is_near), "{flags:?}");
        }
    }
}

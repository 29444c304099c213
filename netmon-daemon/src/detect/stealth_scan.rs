//! Segments with flags that no TCP stack sends and that scanners send to learn
//! which ports are closed without a connection (NULL, FIN alone, FIN+PSH+URG,
//! SYN+FIN, SYN+RST).

use std::time::Duration;

use netmon_common::{abi::tally::Tally, attempts::Kind};

use super::{Verdict, Watch, confirm};
use crate::{
    attempts::Suspicion,
    config::section::section,
    rates::{HostRates, VantageRates, Window},
    signal::Signal,
    snapshot::Vantage,
};

section! {
    /// TCP segments with flag sets that only scanners send.
    ///
    /// NULL, FIN alone, FIN+PSH+URG, SYN+FIN, SYN+RST: they tell which ports are
    /// closed without a connection. They count by source; for the host as a whole where
    /// it is not known, of those that are sent to a port that many ask for, or to one on
    /// which DNS is spoken. Known false positive: damaged frames whose checksum nobody
    /// verified.
    pub struct Config {
        /// Whether to judge at all.
        enabled: bool = true;
        /// Segments in 60 seconds for a warning.
        warning: f64 = 3.0, in 1.0..=1e9;
        /// Segments in 60 seconds for a critical flag.
        critical: f64 = 15.0, in 1.0..=1e9;
    }
}

const WINDOW: Window = Window::last(60);
/// Who sent them is known a moment later, and forgotten a little sooner.
const SETTLED: Window = Window::before(45, 2);

impl Watch for Config {
    const HOST: &'static [&'static [Signal]] = &[&[Signal::Attempts, Signal::Packets]];
    const SPAN: Duration = WINDOW.span;

    fn thresholds(&self) -> [f64; 2] {
        [self.warning, self.critical]
    }

    fn judge(&self, rates: &VantageRates<'_>) -> Verdict {
        self.of(rates.both(WINDOW, |tally| tally.tcp_stealth))
    }

    fn judge_each(&self, rates: &HostRates<'_>) -> Vec<Verdict> {
        let Some(report) = rates.attempts() else { return vec![Verdict::blind()] };
        let known = report.of(&[Kind::Outside, Kind::Along]).filter(|it| it.stealth > 0);
        let mut verdicts: Vec<Verdict> = known.map(|it| self.of_source(it)).collect();
        // What is sent to a port that many ask for is counted, but not by whom.
        let seen = |vantage| {
            let (at, count) = (rates.vantage(vantage), |tally: &Tally| tally.tcp_stealth);
            // One that is forwarded is received and sent.
            at.received(SETTLED, count).max(at.sent(SETTLED, count))
        };
        let seen = Vantage::ALL.into_iter().map(seen).max().unwrap_or(0);
        let nobody = seen.saturating_sub(report.stealth);
        if nobody > 0 {
            verdicts.push(self.of(nobody));
        }
        verdicts
    }

    fn confirm(&self, verdict: &Verdict) -> String {
        // None; FIN alone; FIN, PSH and URG; SYN and FIN; SYN and RST.
        let sets = [(0x3f, 0x00), (0x3f, 0x01), (0x3f, 0x29), (0x03, 0x03), (0x06, 0x06)];
        let sets = sets.map(|(among, flags)| confirm::segments(among, flags));
        confirm::packets(&sets.join(" or "), verdict)
    }
}

impl Config {
    fn of(&self, segments: u64) -> Verdict {
        let detail = format!("{segments} segments with impossible flags in 60 s");
        Verdict::of_count(segments, self.thresholds(), detail).because([("segments", segments)])
    }

    fn of_source(&self, suspicion: &Suspicion) -> Verdict {
        let Suspicion { source, target, failures: [ports, ..], stealth, .. } = suspicion;
        let verdict = self.of(u64::from(*stealth)).about(source.clone()).with_peer(target);
        verdict.because([("segments", u64::from(*stealth)), ("ports", u64::from(*ports))])
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::{
        attempts::{Attempts, tests::suspect},
        detect::{Severity, trial::{raised, worst}},
        key::Key,
        snapshot::{Snapshot, Traffic},
    };

    /// Impossible segments, received.
    fn second(segments: u64) -> Traffic {
        let mut traffic = Traffic::ZERO;
        traffic.ingress.tcp_stealth = segments;
        traffic
    }

    /// For so many seconds: segments.
    type Script = &'static [(u64, u64)];

    #[test]
    fn impossible_segments() {
        let (warning, critical) = (Some(Severity::Warning), Some(Severity::Critical));
        let cases: &[(&str, Script, Option<Severity>)] = &[
            ("silence", &[(9, 0)], None),
            ("two", &[(1, 2), (59, 0)], None),
            ("three", &[(1, 3)], warning),
            ("fourteen", &[(1, 14)], warning),
            ("fifteen", &[(1, 15)], critical),
            ("one in 29 seconds", &[(1, 1), (28, 0), (1, 1), (28, 0), (1, 1)], warning),
            ("one in 30 seconds", &[(1, 1), (29, 0), (1, 1), (29, 0), (1, 1)], None),
            ("one in four seconds", &[(1, 1), (3, 0), (1, 1), (3, 0), (1, 1)], warning),
        ];
        for (name, script, expected) in cases {
            let script: Vec<_> = script.iter().map(|(n, count)| (*n, second(*count))).collect();
            assert_eq!(worst(Config::default, &script), *expected, "{name}");
        }
    }

    #[test]
    fn whoever_sent_them_is_named() {
        let attempts = RefCell::new(Attempts::new(Key::FIXED));
        // Segments in the first second, and how many of them it is known who sent.
        for (segments, known, expected) in [
            (20, 20, &[("192.0.2.7", Severity::Critical)][..]),
            (10, 10, &[("192.0.2.7", Severity::Warning)]),
            (2, 2, &[]),
            (40, 5, &[("192.0.2.7", Severity::Warning), ("host", Severity::Critical)]),
            (22, 20, &[("192.0.2.7", Severity::Critical)]),
            (20, 0, &[("host", Severity::Critical)]),
        ] {
            *attempts.borrow_mut() = Attempts::new(Key::FIXED);
            let first = |snapshot: &mut Snapshot| {
                // It came in at one device and left by another.
                snapshot.vantages.boundary.ingress.tcp_stealth += segments;
                snapshot.vantages.boundary.egress.tcp_stealth += segments;
            };
            let later = |snapshot: &mut Snapshot| {
                let mut attempts = attempts.borrow_mut();
                if snapshot.at == Duration::from_secs(2) {
                    let mut suspect = suspect(Kind::Outside, 7, 0..1, 0..0);
                    suspect.about |= known << 32;
                    attempts.observe(snapshot.at, &suspect);
                }
                snapshot.attempts = Some(attempts.report(snapshot.at));
            };
            let both = |snapshot: &mut Snapshot| {
                first(snapshot);
                later(snapshot);
            };
            let signals = [Signal::Attempts, Signal::Packets];
            let flags = raised(Config::default(), &signals, &[(1, &both), (100, &later)]);
            let found: Vec<_> = flags.iter().map(|flag| (flag.subject(), flag.severity)).collect();
            assert_eq!(found, expected, "{segments} segments, {known} known");
        }
    }
}

//! Connection requests that hardly anyone answers: a flood that means to fill
//! the listeners' queues, or a scan that is fast enough to be one.
//!
//! The requests of one second are held against the answers of that second and
//! the next, so that a slow path does not look like silence.

use std::time::Duration;

use netmon_common::abi::labels::TcpFlag;

use super::{Verdict, Watch, confirm, share};
use crate::{
    config::section::section,
    rates::{VantageRates, Window},
};

section! {
    /// Connection requests (SYN) that hardly anyone answers (SYN-ACK).
    ///
    /// A flood that means to fill the queues of listeners, or a scan that is fast
    /// enough to be one. Known false positive: a service that just went away under
    /// full load, which is worth the same look.
    pub struct Config {
        /// Whether to judge at all.
        enabled: bool = true;
        /// Requests in one second for a warning.
        warning: f64 = 100.0, in 1.0..=1e9;
        /// Requests in one second for a critical flag.
        critical: f64 = 1000.0, in 1.0..=1e9;
        /// Share of requests that must be without an answer.
        unanswered: f64 = 0.5, in 0.001..=0.999;
    }
}

/// Requests are judged once their answers had a second to come.
const REQUESTS: Window = Window::before(1, 1);
const ANSWERS: Window = Window::last(2);

impl Watch for Config {
    const SPAN: Duration = ANSWERS.span;

    fn thresholds(&self) -> [f64; 2] {
        [self.warning, self.critical]
    }

    fn judge(&self, rates: &VantageRates<'_>) -> Verdict {
        let requests = rates.received(REQUESTS, |tally| tally.flag(TcpFlag::Syn));
        let answers = rates.sent(ANSWERS, |tally| tally.flag(TcpFlag::Synack));
        let unanswered = share(requests.saturating_sub(answers), requests);
        let one_sided = unanswered / self.unanswered;
        // Exactly half unanswered is not "under half answered": a burst of
        // requests that is still being answered stays quiet.
        let one_sided = if unanswered > self.unanswered { one_sided } else { one_sided.min(0.99) };
        Verdict {
            statistic: requests as f64,
            thresholds: self.thresholds(),
            warning: (requests as f64 / self.warning).min(one_sided),
            critical: (requests as f64 / self.critical).min(one_sided),
            evidence: vec![("requests", requests), ("answers", answers)],
            detail: format!("{requests} SYN in 1 s, {answers} SYN-ACK in answer"),
            ..Verdict::blind()
        }
    }

    fn confirm(&self, verdict: &Verdict) -> String {
        confirm::packets(&confirm::segments(0x12, 0x02), verdict)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{detect::{Severity, trial::worst}, snapshot::Traffic};

    /// Requests received, answers sent, requests sent.
    fn second(received: u64, answered: u64, sent: u64) -> Traffic {
        let mut traffic = Traffic::ZERO;
        traffic.ingress.tcp_flags[TcpFlag::Syn.index()] = received;
        traffic.egress.tcp_flags[TcpFlag::Synack.index()] = answered;
        traffic.egress.tcp_flags[TcpFlag::Syn.index()] = sent;
        traffic
    }

    /// For so many seconds: received, answered, sent.
    type Script = &'static [(u64, [u64; 3])];

    #[test]
    fn requests_without_answers() {
        let (warning, critical) = (Some(Severity::Warning), Some(Severity::Critical));
        let cases: &[(&str, Script, Option<Severity>)] = &[
            ("silence", &[(9, [0, 0, 0])], None),
            ("99 in a second", &[(9, [99, 0, 0])], None),
            ("100 in one second", &[(1, [100, 0, 0]), (2, [0, 0, 0])], warning),
            ("1000 in one second", &[(1, [1000, 0, 0]), (2, [0, 0, 0])], critical),
            ("all answered", &[(9, [5000, 5000, 0])], None),
            ("answered a second later", &[(1, [500, 0, 0]), (9, [500, 500, 0])], None),
            ("half answered", &[(1, [500, 250, 0]), (2, [0, 0, 0])], None),
            ("less than half answered", &[(1, [500, 249, 0]), (2, [0, 0, 0])], warning),
            ("a tenth answered", &[(1, [9000, 900, 0]), (2, [0, 0, 0])], critical),
            ("the host asks itself", &[(9, [0, 0, 5000])], None),
            ("not yet judged", &[(1, [5000, 0, 0])], None),
        ];
        for (name, script, expected) in cases {
            let script: Vec<_> =
                script.iter().map(|(n, [a, b, c])| (*n, second(*a, *b, *c))).collect();
            assert_eq!(worst(Config::default, &script), *expected, "{name}");
        }
    }
}

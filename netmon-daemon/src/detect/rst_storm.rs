//! Resets far above normal: refused connections, a crashed service, or forged
//! resets that tear connections down.

use std::time::Duration;

use netmon_common::abi::labels::{Protocol, TcpFlag};

use super::{Verdict, Watch, confirm, share};
use crate::{
    config::section::section,
    rates::{VantageRates, Window},
};

section! {
    /// TCP resets far above normal, in either direction.
    ///
    /// Refused connections, a crashed service, or forged resets that tear
    /// connections down. Known false positive: load balancers that probe with a reset
    /// instead of a clean close, which is why the share of all TCP packets counts.
    pub struct Config {
        /// Whether to judge at all.
        enabled: bool = true;
        /// Resets in 10 seconds for a warning.
        warning: f64 = 50.0, in 1.0..=1e9;
        /// Resets in 10 seconds for a critical flag.
        critical: f64 = 500.0, in 1.0..=1e9;
        /// Their least share of all TCP packets for a warning.
        warning_share: f64 = 0.10, in 0.001..=0.999;
        /// Their least share of all TCP packets for a critical flag.
        critical_share: f64 = 0.25, in 0.001..=0.999;
    }
}

const WINDOW: Window = Window::last(10);

impl Watch for Config {
    const SPAN: Duration = WINDOW.span;

    fn thresholds(&self) -> [f64; 2] {
        [self.warning, self.critical]
    }

    fn judge(&self, rates: &VantageRates<'_>) -> Verdict {
        let resets = rates.both(WINDOW, |tally| tally.flag(TcpFlag::Rst));
        let segments = rates.both(WINDOW, |tally| tally.protocol_packets(Protocol::Tcp));
        let share = share(resets, segments);
        let score = |count: f64, least: f64| (resets as f64 / count).min(share / least);
        Verdict {
            statistic: resets as f64,
            thresholds: self.thresholds(),
            warning: score(self.warning, self.warning_share),
            critical: score(self.critical, self.critical_share),
            detail: format!(
                "{resets} RST in 10 s, {:.1} % of {segments} TCP packets",
                share * 100.0
            ),
            evidence: vec![("resets", resets), ("segments", segments)],
            ..Verdict::blind()
        }
    }

    fn confirm(&self, verdict: &Verdict) -> String {
        confirm::packets(&confirm::segments(0x04, 0x04), verdict)
    }
}

#[cfg(test)]
mod tests {
    use netmon_common::{
        abi::{labels::Class, tally::host_cell},
        scope::Scope,
    };

    use super::*;
    use crate::{detect::{Severity, trial::worst}, snapshot::Traffic};

    /// Resets, and all TCP packets; half of each in either direction.
    fn second(resets: u64, segments: u64) -> Traffic {
        let cell = host_cell(Scope::Private.index(), Class::Ipv6Tcp.index());
        let mut traffic = Traffic::ZERO;
        traffic.ingress.tcp_flags[TcpFlag::Rst.index()] = resets / 2;
        traffic.egress.tcp_flags[TcpFlag::Rst.index()] = resets - resets / 2;
        traffic.ingress.host_packets[cell] = segments / 2;
        traffic.egress.host_packets[cell] = segments - segments / 2;
        traffic
    }

    /// For so many seconds: resets, all TCP packets.
    type Script = &'static [(u64, [u64; 2])];

    #[test]
    fn resets_and_their_share() {
        let (warning, critical) = (Some(Severity::Warning), Some(Severity::Critical));
        let cases: &[(&str, Script, Option<Severity>)] = &[
            ("silence", &[(9, [0, 0])], None),
            ("one refused connection", &[(1, [1, 2])], None),
            ("49 of 49", &[(1, [49, 49])], None),
            ("50 of 500", &[(1, [50, 500])], warning),
            ("50 of 501", &[(1, [50, 501])], None),
            ("500 of 2000", &[(1, [500, 2000])], critical),
            ("500 of 2001", &[(1, [500, 2001])], warning),
            ("499 of 499", &[(1, [499, 499])], warning),
            ("5 in each of 10 seconds", &[(10, [5, 40])], warning),
            ("4 in each second", &[(60, [4, 4])], None),
            ("a busy server", &[(60, [90, 10_000])], None),
        ];
        for (name, script, expected) in cases {
            let script: Vec<_> = script.iter().map(|(n, [a, b])| (*n, second(*a, *b))).collect();
            assert_eq!(worst(Config::default, &script), *expected, "{name}");
        }
    }
}

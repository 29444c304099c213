//! Resets far above normal: refused connections, a crashed service, or forged
//! resets that tear connections down.
//!
//! Known false positives: load balancers that probe with a reset instead of a
//! clean close, which is why the share of all TCP packets counts as well.

use std::time::Duration;

use netmon_common::abi::labels::{Protocol, TcpFlag};

use super::{Detector, Severity, Signal, Verdict, share};
use crate::{
    config::section::section,
    rates::{VantageRates, Window},
};

section! {
    /// TCP resets far above normal, in either direction.
    pub struct Config {
        /// Whether to judge at all.
        enabled: bool = true;
        /// Resets in 10 seconds for a warning.
        warning: f64 = 50.0;
        /// Resets in 10 seconds for a critical flag.
        critical: f64 = 500.0;
        /// Their least share of all TCP packets for a warning.
        warning_share: f64 = 0.10;
        /// Their least share of all TCP packets for a critical flag.
        critical_share: f64 = 0.25;
    }
}

const WINDOW: Window = Window::last(10);

/// The detector.
pub struct Watch(pub Config);

impl Detector for Watch {
    fn name(&self) -> &'static str {
        "rst_storm"
    }

    fn signal(&self) -> Signal {
        Signal::Packets
    }

    fn span(&self) -> Duration {
        WINDOW.span
    }

    fn threshold(&self, severity: Severity) -> f64 {
        match severity {
            Severity::Warning => self.0.warning,
            Severity::Critical => self.0.critical,
        }
    }

    fn judge(&self, rates: &VantageRates<'_>) -> Verdict {
        let resets = rates.both(WINDOW, |tally| tally.flag(TcpFlag::Rst));
        let segments = rates.both(WINDOW, |tally| tally.protocol_packets(Protocol::Tcp));
        let share = share(resets, segments);
        let score = |count: f64, least: f64| (resets as f64 / count).min(share / least);
        Verdict {
            statistic: resets as f64,
            warning: score(self.0.warning, self.0.warning_share),
            critical: score(self.0.critical, self.0.critical_share),
            detail: format!(
                "{resets} RST in 10 s, {:.1} % of {segments} TCP packets",
                share * 100.0
            ),
        }
    }
}

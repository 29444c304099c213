//! Segments with flags that no TCP stack sends and that scanners send to learn
//! which ports are closed without a connection (NULL, FIN alone, FIN+PSH+URG,
//! SYN+FIN, SYN+RST).
//!
//! Known false positives: none in ordinary traffic; damaged frames whose
//! checksum nobody verified.

use std::time::Duration;

use super::{Detector, Severity, Signal, Verdict};
use crate::{
    config::section::section,
    rates::{VantageRates, Window},
};

section! {
    /// TCP segments with flag sets that only scanners send.
    pub struct Config {
        /// Whether to judge at all.
        enabled: bool = true;
        /// Segments in 60 seconds for a warning.
        warning: f64 = 3.0;
        /// Segments in 60 seconds for a critical flag.
        critical: f64 = 15.0;
    }
}

const WINDOW: Window = Window::last(60);

/// The detector.
pub struct Watch(pub Config);

impl Detector for Watch {
    fn name(&self) -> &'static str {
        "stealth_scan"
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
        let segments = rates.both(WINDOW, |tally| tally.tcp_stealth);
        Verdict {
            statistic: segments as f64,
            warning: segments as f64 / self.0.warning,
            critical: segments as f64 / self.0.critical,
            detail: format!("{segments} segments with impossible flags in 60 s"),
        }
    }
}

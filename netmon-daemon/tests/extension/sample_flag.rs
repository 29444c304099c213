//! A detector that any packet raises. No part of netmon: the test of extension
//! costs copies this file beside the detectors.

use std::time::Duration;

use super::{Verdict, Watch};
use crate::{
    config::section::section,
    rates::{VantageRates, Window},
};

section! {
    /// Packets, as a sample.
    pub struct Config {
        /// Whether to judge at all.
        enabled: bool = true;
        /// Packets in one second for a warning.
        warning: f64 = 1.0, in 1.0..=1e9;
        /// Packets in one second for a critical flag.
        critical: f64 = 1000.0, in 1.0..=1e9;
    }
}

impl Watch for Config {
    const SPAN: Duration = Duration::from_secs(1);

    fn thresholds(&self) -> [f64; 2] {
        [self.warning, self.critical]
    }

    fn judge(&self, rates: &VantageRates<'_>) -> Verdict {
        let packets = rates.both(Window::last(1), |tally| tally.sample_packets);
        Verdict::of_count(packets, self.thresholds(), format!("{packets} packets in 1 s"))
    }
}

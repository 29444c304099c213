//! Segments with flags that no TCP stack sends and that scanners send to learn
//! which ports are closed without a connection (NULL, FIN alone, FIN+PSH+URG,
//! SYN+FIN, SYN+RST).

use std::time::Duration;

use super::{Verdict, Watch, confirm};
use crate::{
    config::section::section,
    rates::{VantageRates, Window},
};

section! {
    /// TCP segments with flag sets that only scanners send.
    ///
    /// NULL, FIN alone, FIN+PSH+URG, SYN+FIN, SYN+RST: they tell which ports are
    /// closed without a connection. Known false positive: damaged frames whose
    /// checksum nobody verified.
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

impl Watch for Config {
    const SPAN: Duration = WINDOW.span;

    fn thresholds(&self) -> [f64; 2] {
        [self.warning, self.critical]
    }

    fn judge(&self, rates: &VantageRates<'_>) -> Verdict {
        let segments = rates.both(WINDOW, |tally| tally.tcp_stealth);
        let detail = format!("{segments} segments with impossible flags in 60 s");
        Verdict::of_count(segments, self.thresholds(), detail).because([("segments", segments)])
    }

    fn confirm(&self, verdict: &Verdict) -> String {
        // None; FIN alone; FIN, PSH and URG; SYN and FIN; SYN and RST.
        let sets = [(0x3f, 0x00), (0x3f, 0x01), (0x3f, 0x29), (0x03, 0x03), (0x06, 0x06)];
        let sets = sets.map(|(among, flags)| confirm::segments(among, flags));
        confirm::packets(&sets.join(" or "), verdict)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{detect::{Severity, trial::worst}, snapshot::Traffic};

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
}

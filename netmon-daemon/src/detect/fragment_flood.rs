//! Fragments in numbers that no legitimate traffic has, and first fragments that are too
//! short for the header whose flags a filter would look at.

use std::time::Duration;

use super::{Verdict, Watch, confirm};
use crate::{
    config::section::section,
    rates::{VantageRates, Window},
};

section! {
    /// IP fragments by the hundred, or such that hide the transport header.
    ///
    /// A flood that means to fill the memory in which fragments wait for each other, or
    /// a scan behind a filter that does not put them together: then the first fragment
    /// is too short to show ports and flags (RFC 1858). Known false positives: tunnels
    /// and media servers whose packets are larger than the path allows, and NFS over
    /// UDP.
    pub struct Config {
        /// Whether to judge at all.
        enabled: bool = true;
        /// Fragments in 10 seconds for a warning.
        warning: f64 = 500.0, in 1.0..=1e9;
        /// Fragments in 10 seconds for a critical flag.
        critical: f64 = 5000.0, in 1.0..=1e9;
        /// First fragments without a whole transport header in 10 seconds for a warning.
        warning_tiny: f64 = 20.0, in 1.0..=1e9;
        /// First fragments without a whole transport header in 10 seconds for a critical flag.
        critical_tiny: f64 = 200.0, in 1.0..=1e9;
    }
}

const WINDOW: Window = Window::last(10);

impl Watch for Config {
    const SPAN: Duration = WINDOW.span;

    fn thresholds(&self) -> [f64; 2] {
        [self.warning, self.critical]
    }

    fn judge(&self, rates: &VantageRates<'_>) -> Verdict {
        let fragments = rates.both(WINDOW, |tally| tally.fragments.iter().sum());
        let tiny = rates.both(WINDOW, |tally| tally.tiny_first_fragments);
        let verdict = |count: u64, thresholds, what: &str| {
            Verdict::of_count(count, thresholds, format!("{count} {what} in 10 s"))
                .because([("fragments", fragments), ("tiny_first_fragments", tiny)])
        };
        let short = "first fragments without a whole transport header";
        verdict(fragments, self.thresholds(), "fragments")
            .or_worse(verdict(tiny, [self.warning_tiny, self.critical_tiny], short))
    }

    fn confirm(&self, verdict: &Verdict) -> String {
        confirm::packets("ip[6:2] & 0x3fff != 0 or ip6 proto 44", verdict)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{detect::{Severity, trial::worst}, snapshot::Traffic};

    /// Fragments of both IP versions, received and sent, and tiny ones among them.
    fn second(fragments: u64, tiny: u64) -> Traffic {
        let mut traffic = Traffic::ZERO;
        traffic.ingress.fragments = [fragments / 2, fragments - fragments / 2];
        traffic.egress.tiny_first_fragments = tiny / 2;
        traffic.ingress.tiny_first_fragments = tiny - tiny / 2;
        traffic
    }

    /// For so many seconds: fragments, tiny first fragments.
    type Script = &'static [(u64, [u64; 2])];

    #[test]
    fn fragments_and_tiny_ones() {
        let (warning, critical) = (Some(Severity::Warning), Some(Severity::Critical));
        let cases: &[(&str, Script, Option<Severity>)] = &[
            ("silence", &[(9, [0, 0])], None),
            ("a datagram of 64 KiB", &[(1, [45, 0])], None),
            ("499", &[(1, [499, 19])], None),
            ("500", &[(1, [500, 0])], warning),
            ("5000", &[(1, [5000, 0])], critical),
            ("20 tiny ones", &[(1, [40, 20])], warning),
            ("200 tiny ones", &[(1, [400, 200])], critical),
            ("many, of which few are tiny", &[(1, [4999, 20])], warning),
            ("50 in each of 10 seconds", &[(10, [50, 0])], warning),
            ("49 in each second", &[(60, [49, 1])], None),
        ];
        for (name, script, expected) in cases {
            let script: Vec<_> = script.iter().map(|(n, [a, b])| (*n, second(*a, *b))).collect();
            assert_eq!(worst(Config::default, &script), *expected, "{name}");
        }
    }
}

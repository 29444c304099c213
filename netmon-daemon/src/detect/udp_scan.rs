//! One source that sends datagrams to many ports on which nobody listens.

use std::time::Duration;

use netmon_common::attempts::Kind;

use super::{Verdict, Watch, confirm};
use crate::{attempts::Suspicion, config::section::section, rates::HostRates, signal::Signal};

section! {
    /// A source that sends UDP to many ports on which nobody listens.
    ///
    /// Counted are ports that the source tries the first time in half an hour at least, as
    /// the kernel drops its datagrams because there is no socket: the answers to them are
    /// limited to about one a second and would hide a fast scan. In a capture these answers
    /// (ICMP port unreachable) are all that is seen. Of IPv6 a source is a network of 64
    /// bits. Ports that more than eight try in a second on one processor say nothing.
    ///
    /// Known false positives: answers that come after the socket that asked was closed, as
    /// those of slow DNS servers do, each to a port of its own; traceroute, which tries one
    /// port more with each packet.
    pub struct Config {
        /// Whether to judge at all.
        enabled: bool = true;
        /// Ports within a minute for a warning.
        warning: f64 = 15.0, in 1.0..=1e6;
        /// Ports within a minute for a critical flag.
        critical: f64 = 60.0, in 1.0..=1e6;
    }
}

impl Watch for Config {
    const HOST: &'static [&'static [Signal]] = &[&[Signal::Attempts, Signal::RefusedDatagrams]];
    const SPAN: Duration = Duration::from_secs(60);

    fn thresholds(&self) -> [f64; 2] {
        [self.warning, self.critical]
    }

    fn judge_each(&self, rates: &HostRates<'_>) -> Vec<Verdict> {
        let Some(report) = rates.attempts() else { return vec![Verdict::blind()] };
        report.of(&[Kind::Udp]).map(|it| self.of(it)).collect()
    }

    fn confirm(&self, verdict: &Verdict) -> String {
        confirm::by_subject("udp", verdict)
    }
}

impl Config {
    fn of(&self, suspicion: &Suspicion) -> Verdict {
        let Suspicion { source, target, port, failures: [minute, five_minutes, _], .. } = suspicion;
        let detail = format!("{minute} UDP ports without a socket in 60 s; last {target} port {port}");
        let verdict = Verdict::of_count(u64::from(*minute), self.thresholds(), detail);
        verdict.about(source.clone()).with_peer(target).because([
            ("ports_minute", u64::from(*minute)),
            ("ports_five_minutes", u64::from(*five_minutes)),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        attempts::tests::suspect,
        detect::{Severity, trial::over_attempts},
    };

    #[test]
    fn ports_without_a_socket() {
        let (warning, critical) = (Some(Severity::Warning), Some(Severity::Critical));
        // Kind, ports in a second, for how many seconds.
        for (kind, ports, seconds, expected) in [
            (Kind::Udp, 0, 60, None),
            (Kind::Udp, 12, 1, None),
            (Kind::Udp, 18, 1, warning),
            (Kind::Udp, 50, 1, warning),
            (Kind::Udp, 70, 1, critical),
            (Kind::Udp, 1, 12, None),
            (Kind::Udp, 1, 18, warning),
            (Kind::Outside, 70, 1, None),
        ] {
            let flags = over_attempts(Config::default(), 60, |second| {
                let first = (second - 1) * ports;
                let last = if second > seconds { first } else { first + ports };
                vec![suspect(kind, 7, first..last, 0..0)]
            });
            let severity = flags.iter().map(|flag| flag.severity).max();
            assert_eq!(severity, expected, "{ports} ports, {seconds} s, {kind:?}: {flags:?}");
        }
    }
}

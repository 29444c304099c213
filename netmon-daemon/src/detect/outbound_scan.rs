//! This host, or a container of it, asks many hosts for one port and is not answered: what
//! a worm does, and a tool that an intruder runs.

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
    /// A scan by this host: one source of it asks many hosts for one port in vain.
    ///
    /// Counted are hosts that are asked for a port the first time in half an hour at least
    /// and that do not agree (no SYN-ACK) until the end of the next second; by what sockets
    /// sent and by what was put together by hand alike. In a capture, sources with private
    /// addresses that ask public ones count as inside.
    ///
    /// Known false positives: a cluster whose peers are all down, a peer-to-peer program with
    /// one port for everybody, and monitors that look for hosts; they are to be exempted.
    pub struct Config {
        /// Whether to judge at all.
        enabled: bool = true;
        /// Hosts within five minutes for a warning.
        warning: f64 = 25.0, in 1.0..=1e6;
        /// Hosts within a minute for a critical flag.
        critical: f64 = 100.0, in 1.0..=1e6;
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
        report.of(&[Kind::Across]).map(|it| self.of(it, rates.workload(it.workload))).collect()
    }

    fn confirm(&self, verdict: &Verdict) -> String {
        confirm::by_subject(&confirm::requests(), verdict)
    }
}

impl Config {
    fn of(&self, suspicion: &Suspicion, workload: Option<&str>) -> Verdict {
        let Suspicion { source, target, port, failures: [minute, five_minutes, hour], .. } =
            suspicion;
        let critical = f64::from(*minute) / self.critical;
        let warning = (f64::from(*five_minutes) / self.warning).max(critical);
        let statistic = if critical >= 1.0 { minute } else { five_minutes };
        let detail = format!(
            "{minute} hosts in 60 s, {five_minutes} in 5 min did not answer on port {port}; last \
             {target}{}",
            workload.map(|name| format!(", asked by {name}")).unwrap_or_default()
        );
        let verdict = Verdict {
            statistic: f64::from(*statistic),
            thresholds: self.thresholds(),
            warning,
            critical,
            detail,
            ..Verdict::blind()
        };
        verdict.about(source.clone()).with_peer(target).at_port(*port).because([
            ("hosts_minute", u64::from(*minute)),
            ("hosts_five_minutes", u64::from(*five_minutes)),
            ("hosts_hour", u64::from(*hour)),
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
    fn hosts_that_do_not_answer() {
        let (warning, critical) = (Some(Severity::Warning), Some(Severity::Critical));
        // Kind, hosts that are asked in a second, how many of them agree, for how many seconds.
        for (kind, hosts, agree, seconds, expected) in [
            (Kind::Across, 0, 0, 60, None),
            // As many as bits tell, which is one or two more or fewer.
            (Kind::Across, 22, 0, 1, None),
            (Kind::Across, 28, 0, 1, warning),
            (Kind::Across, 90, 0, 1, warning),
            (Kind::Across, 110, 0, 1, critical),
            (Kind::Across, 120, 100, 1, None),
            (Kind::Across, 1, 0, 20, None),
            (Kind::Across, 1, 0, 30, warning),
            (Kind::Along, 200, 0, 1, None),
            (Kind::Outside, 200, 0, 1, None),
        ] {
            let flags = over_attempts(Config::default(), 60, |second| {
                let first = (second - 1) * hosts;
                let all = first..first + hosts;
                let last = if second > seconds { first..first } else { all };
                let agreed = first..first + agree;
                vec![suspect(kind, 7, last, agreed)]
            });
            let severity = flags.iter().map(|flag| flag.severity).max();
            let case = format!("{hosts} hosts a second, {seconds} s, {agree} agree, {kind:?}");
            assert_eq!(severity, expected, "{case}: {flags:?}");
        }
    }
}

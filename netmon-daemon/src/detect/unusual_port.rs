//! A port that this host never turned to before, and that nobody would expect.
//!
//! Judged by what is usual for the host as a whole, not for each of its workloads: control
//! groups have other numbers after each restart of their unit, and containers come and go.

use std::time::Duration;

use super::{
    Verdict, Watch,
    habit::party,
};
use crate::{
    config::section::section, flows::habits::report::First, ports, rates::HostRates,
    signal::Signal,
};

section! {
    /// A connection to a port that this host did not use in two weeks, and that is unusual.
    ///
    /// A point each for a port without registration, a public address, and a port that
    /// intruders are known by (such as 4444 or 31337; a registration does not excuse it).
    /// One more where such a port is in a network (/24, or /48 of IPv6) that this host did
    /// not call in two weeks. The ports that widespread servers use by default count as
    /// registered. A new port or a new network alone is everyday business and gives no
    /// flag. TCP only, and only connections that were open; those that still are count
    /// where they belong to the network namespace of netmon, elsewhere when they end.
    ///
    /// Until netmon has watched for 24 hours it does not know what is usual: then only a
    /// port that intruders are known by, at a public address, calls for a warning and never
    /// for more. So it is in a replay of less than a day. What was open when netmon began is
    /// usual. With a state directory what was learned outlives a restart.
    ///
    /// Known false positives: the first transfers by passive FTP, peer-to-peer programs,
    /// games, and managed databases at ports of their own, until the host has a `habit` of
    /// it; IRC (6667); whoever runs a service of his own at such a port.
    pub struct Config {
        /// Whether to judge at all.
        enabled: bool = true;
        /// Points for a warning.
        warning: f64 = 2.0, in 1.0..=4.0;
        /// The same for a critical flag.
        critical: f64 = 3.0, in 1.0..=5.0;
        /// Of how many different unregistered ports of public addresses in the weeks before it is a habit of this host to use them; then a further one gives no point.
        habit: usize = 3, in 1..=1000;
    }
}

/// Points before netmon knows what is usual.
const UNLEARNT: u64 = 2;

impl Watch for Config {
    const HOST: &'static [&'static [Signal]] =
        &[&[Signal::ConnectionRecords], &[Signal::ConnectionRecordSample]];
    const SPAN: Duration = Duration::from_secs(300);

    fn thresholds(&self) -> [f64; 2] {
        [self.warning, self.critical]
    }

    fn judge_each(&self, rates: &HostRates<'_>) -> Vec<Verdict> {
        let Some(report) = rates.flows() else { return vec![Verdict::blind()] };
        let firsts = report.habits.firsts.iter();
        firsts.filter_map(|first| self.judge_first(rates, first)).collect()
    }
}

impl Config {
    fn judge_first(&self, rates: &HostRates<'_>, first: &First) -> Option<Verdict> {
        let (points, highest) = self.points(first)?;
        let statistic = points as f64;
        let First { port, remote, habit, is_public, is_fresh_network, .. } = *first;
        let [warning, critical] = self.thresholds().map(|threshold| statistic / threshold);
        let kind = if ports::is_notorious(port) {
            "a port that intruders are known by"
        } else {
            "an unregistered port"
        };
        let place = match (is_public, is_fresh_network) {
            (true, true) => "a public address in a network that is new, too",
            (true, false) => "a public address",
            (false, _) => "an address near by",
        };
        let detail = format!("first connection in two weeks to {kind}, {port}, of {place}");
        let evidence = [
            ("points", points),
            ("earlier_unregistered_ports", u64::from(habit)),
            ("fresh_network", u64::from(is_fresh_network)),
        ];
        let verdict = Verdict {
            statistic,
            thresholds: self.thresholds(),
            warning,
            critical: critical.min(highest),
            detail,
            ..Verdict::blind()
        };
        let subject = party(rates, first.workload, first.local);
        Some(verdict.about(subject).with_peer(remote).at_port(port).because(evidence))
    }

    /// The points of a port, and the highest score for a critical flag.
    fn points(&self, first: &First) -> Option<(u64, f64)> {
        let First { port, is_public, is_fresh_network, is_learnt, .. } = *first;
        let is_notorious = ports::is_notorious(port);
        if !is_learnt {
            return (is_notorious && is_public).then_some((UNLEARNT, 0.0));
        }
        let is_habit = usize::try_from(first.habit).is_ok_and(|habit| habit >= self.habit);
        let is_odd = !ports::is_usual(port) && (is_notorious || !is_habit);
        let points = [is_odd, is_public, is_notorious, is_notorious && is_fresh_network];
        Some((points.into_iter().map(u64::from).sum(), f64::INFINITY))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        detect::{
            Severity,
            habit::trial::{over_hours, record, severity},
        },
        flows::Record,
    };

    const WARNING: Option<Severity> = Some(Severity::Warning);
    const CRITICAL: Option<Severity> = Some(Severity::Critical);

    /// A connection in an hour to a port of an address.
    fn to(hour: f64, address: [u8; 4], port: u16) -> Record {
        Record { server: address.into(), ..record(hour * 3600.0, 1.0, port, 100) }
    }

    const KNOWN: [u8; 4] = [198, 51, 100, 1];
    const FRESH: [u8; 4] = [203, 0, 113, 1];
    const NEAR: [u8; 4] = [10, 0, 0, 1];

    #[test]
    fn ports_that_are_new() {
        // What happens after a day in which a known address was called at a usual port.
        let cases: [(&str, &[Record], Option<Severity>); 16] = [
            ("nothing", &[], None),
            ("a browser", &[to(30.0, FRESH, 443), to(30.0, [192, 88, 99, 1], 8443)], None),
            ("mail, whois, git", &[to(30.0, FRESH, 993), to(30.1, FRESH, 43), to(30.2, FRESH, 9418)], None),
            ("a database near by", &[to(30.0, NEAR, 5432)], None),
            ("a service of a cluster near by", &[to(30.0, NEAR, 30_123)], None),
            ("a debugger near by", &[to(30.0, NEAR, 4444)], None),
            ("a managed database", &[to(30.0, FRESH, 25_060)], None),
            ("an unregistered port of a known network", &[to(30.0, KNOWN, 60_123)], WARNING),
            ("an unregistered port of a new network", &[to(30.0, FRESH, 60_123)], WARNING),
            ("a classic of a known network", &[to(30.0, KNOWN, 4444)], WARNING),
            ("a classic of a new network", &[to(30.0, FRESH, 4444)], CRITICAL),
            ("an unregistered classic", &[to(30.0, KNOWN, 54_321)], CRITICAL),
            ("before it is known what is usual", &[to(20.0, FRESH, 60_123)], None),
            ("a classic before that", &[to(20.0, FRESH, 31_337)], WARNING),
            ("what was used before", &[to(2.0, KNOWN, 60_123), to(30.0, FRESH, 60_123)], None),
            (
                "a habit",
                &[to(2.0, KNOWN, 60_001), to(2.0, KNOWN, 60_002), to(2.0, KNOWN, 60_003), to(30.0, FRESH, 60_123)],
                None,
            ),
        ];
        for (name, records, expected) in cases {
            let all = [&[to(1.0, KNOWN, 443)], records].concat();
            let flags = over_hours(Config::default(), 36, 60, all);
            assert_eq!(severity(&flags), expected, "{name}: {flags:?}");
            assert!(flags.iter().all(|flag| !flag.active), "{name} is over");
        }
    }

    #[test]
    fn a_scanner_of_ports_is_raised_a_few_times_at_most() {
        let ports = (0..2000).map(|at| to(30.0 + f64::from(at) / 1000.0, FRESH, 60_000 + at));
        let ports: Vec<_> = [to(1.0, KNOWN, 443)].into_iter().chain(ports).collect();
        assert!(over_hours(Config::default(), 36, 60, ports).len() <= 1);
    }

    #[test]
    fn what_failed_and_what_others_opened_is_nothing() {
        use crate::flows::End;
        use netmon_common::abi::labels::{FailReason, Role};
        let failed = Record { end: End::Failed(FailReason::Refused), ..to(30.0, FRESH, 4444) };
        let [client, server] = [FRESH, [192, 0, 2, 1]].map(Into::into);
        let passive = Record { role: Role::Passive, client, server, ..to(30.1, FRESH, 4444) };
        let old = Record { seen_to_open: false, ..to(30.2, FRESH, 4444) };
        let all = vec![to(1.0, KNOWN, 443), failed, passive, old];
        assert_eq!(severity(&over_hours(Config::default(), 36, 60, all)), None);
    }

    #[test]
    fn the_evidence_names_both_ends() {
        let records = vec![to(1.0, KNOWN, 443), to(30.0, FRESH, 4444)];
        let flags = over_hours(Config::default(), 31, 60, records);
        let flag = &flags[0];
        assert_eq!((flag.subject(), flag.peer.as_deref()), ("192.0.2.1", Some("203.0.113.1")));
        assert_eq!(
            flag.detail,
            "first connection in two weeks to a port that intruders are known by, 4444, of a \
             public address in a network that is new, too"
        );
    }
}

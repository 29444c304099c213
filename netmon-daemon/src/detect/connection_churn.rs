//! Workloads that open a connection for every request, to services whose clients keep
//! theirs.
//!
//! A pool opens few connections, and they live long; a burst of requests opens many, but
//! at once. What opens many, one after the other, and closes each, pays a handshake, a
//! login and a slow start every time.

use std::time::Duration;

use netmon_common::abi::labels::Protocol;

use super::{Verdict, Watch, confirm, habit::party};
use crate::{
    config::{Port, section::section},
    flows::report::{Churn, PARTS},
    rates::HostRates,
    signal::Signal,
};

section! {
    /// Connections opened and closed again and again.
    ///
    /// By workload of this host and service that it uses: connections opened per second,
    /// over the last minute, where most of them lived for less than a second and there
    /// were at least twenty times as many as were ever open at once. It must last for
    /// five of the last six times ten seconds.
    ///
    /// Databases, caches and queues are watched; add the ports of HTTP where connections
    /// to those should be kept as well.
    ///
    /// Known false positives: a tool that measures connections, and a check that connects
    /// to hundreds of servers in turn.
    pub struct Config {
        /// Whether to judge at all.
        enabled: bool = true;
        /// Ports of services whose clients should keep their connections.
        services: Vec<Port> = Port::for_pools(), in 0..=64;
        /// Connections opened in a second for a warning.
        warning: f64 = 10.0, in 5.0..=1e6;
        /// Connections opened in a second for a critical flag.
        critical: f64 = 100.0, in 5.0..=1e6;
        /// How many times as many must be opened in a minute as are open at once.
        turnover: f64 = 20.0, in 1.0..=1e6;
    }
}

/// Seconds that the parts cover.
const WINDOW: f64 = 60.0;

/// Parts in which it must be so, and how much of the rate of a warning that is.
const LASTING: f64 = 5.0;
const BUSY: f64 = 0.5;

/// Share of the connections that must live shortly: the median then does.
const SHORT: f64 = 0.5;

impl Watch for Config {
    const HOST: &'static [&'static [Signal]] =
        &[&[Signal::ConnectionRecords], &[Signal::ConnectionRecordSample]];
    const SPAN: Duration = Duration::from_secs(60);

    fn thresholds(&self) -> [f64; 2] {
        [self.warning, self.critical]
    }

    fn judge_each(&self, rates: &HostRates<'_>) -> Vec<Verdict> {
        let Some(report) = rates.flows() else { return vec![Verdict::blind()] };
        report.churning.iter().map(|churn| self.judge_pair(rates, churn)).collect()
    }

    fn confirm(&self, verdict: &Verdict) -> String {
        confirm::packets(&confirm::requests(), verdict)
    }
}

impl Config {
    fn judge_pair(&self, rates: &HostRates<'_>, churn: &Churn) -> Verdict {
        let Churn { workload, client, server, port, opens, short, peak } = churn;
        let opened: u64 = opens.iter().map(|opens| u64::from(*opens)).sum();
        let rate = opened as f64 / WINDOW;
        let turnover = opened as f64 / f64::from((*peak).max(1));
        let short_lived = *short as f64 / opened.max(1) as f64;
        let least = self.warning * WINDOW / PARTS as f64 * BUSY;
        let busy = opens.iter().filter(|opens| f64::from(**opens) >= least).count() as f64;
        let condition =
            (turnover / self.turnover).min(short_lived / SHORT).min(busy / LASTING);
        let subject = party(rates, *workload, *client);
        let [warning, critical] = self.thresholds().map(|threshold| rate / threshold);
        let detail = format!(
            "{opened} connections to port {port} were opened in 60 s, {short} of them for less \
             than a second, {peak} at once at most"
        );
        Verdict { statistic: rate, warning, critical, detail, ..Verdict::quiet(self.thresholds()) }
            .only_if(condition)
            .about(subject)
            .with_peer(server)
            .at_port(*port)
            .over(Protocol::Tcp)
            .because([
                ("connections", opened),
                ("short_connections", *short),
                ("peak_connections", u64::from(*peak)),
            ])
    }
}

#[cfg(test)]
mod tests {
    use netmon_common::abi::labels::Role;

    use super::*;
    use crate::{
        detect::{
            Severity,
            trial::{over_connections, redis},
        },
        flows::Record,
    };

    const WARNING: Option<Severity> = Some(Severity::Warning);
    const CRITICAL: Option<Severity> = Some(Severity::Critical);

    type Seconds = fn(u64) -> Vec<Record>;

    /// So many connections in a second, one after the other, each open for so long.
    fn in_turn(times: u32, life: Duration) -> Vec<Record> {
        let pace = Duration::from_secs(1) / times;
        let one = |number: u32| {
            let began = pace * number;
            Record { began, ended: began + life, ..redis() }
        };
        (0..times).map(one).collect()
    }

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn churn_and_what_looks_like_it() {
        let cases: [(&str, u64, Seconds, Option<Severity>); 14] = [
            ("nobody", 60, |_| Vec::new(), None),
            ("twelve a second", 90, |_| in_turn(12, MS * 10), WARNING),
            ("a hundred and ten a second", 90, |_| in_turn(110, MS * 2), CRITICAL),
            ("five hundred a second", 90, |_| in_turn(500, MS), CRITICAL),
            ("eight a second", 300, |_| in_turn(8, MS * 10), None),
            ("for 30 seconds", 30, |_| in_turn(200, MS), None),
            ("in three bursts", 120, |at| if at.is_multiple_of(40) { in_turn(900, MS) } else { Vec::new() }, None),
            ("connections that live for two seconds", 90, |_| in_turn(20, MS * 2000), None),
            ("a burst of requests at once", 90, |at| if at.is_multiple_of(6) { vec![Record { ended: MS * 900, ..redis() }; 100] } else { Vec::new() }, None),
            ("a pool that begins", 90, |at| if at < 3 { vec![redis(); 20] } else { Vec::new() }, None),
            ("a web server", 90, |_| in_turn(500, MS).into_iter().map(|it| Record { service_port: 80, ..it }).collect(), None),
            ("clients of this host's service", 90, |_| in_turn(500, MS).into_iter().map(|it| Record { role: Role::Passive, ..it }).collect(), None),
            ("twenty workloads, each slow", 90, |_| in_turn(20, MS).into_iter().zip(1..).map(|(it, workload)| Record { workload, ..it }).collect(), None),
            ("already open when first seen", 90, |_| in_turn(50, MS).into_iter().map(|it| Record { seen_to_open: false, ..it }).collect(), None),
        ];
        for (name, seconds, connections, expected) in cases {
            let flags = over_connections(Config::default(), seconds, 400, connections);
            let severity = flags.iter().map(|flag| flag.severity).max();
            assert_eq!(severity, expected, "{name}: {flags:?}");
            assert!(flags.iter().all(|flag| !flag.active), "{name} is over");
        }
    }

    #[test]
    fn the_evidence_names_client_and_service() {
        let flags = over_connections(Config::default(), 90, 0, |_| in_turn(12, MS * 10));
        assert_eq!(flags.len(), 1);
        let sides = (flags[0].subject(), flags[0].peer.as_deref());
        assert_eq!(sides, ("192.0.2.1", Some("192.0.2.63")));
        let detail = &flags[0].detail;
        assert!(detail.ends_with("for less than a second, 1 at once at most"), "{detail}");
    }
}

//! Guesses at passwords, as the connections show them on which somebody was not let in: by
//! one source again and again, or by many sources in turn.
//!
//! What a service answers is encrypted or has as many forms as there are services. That
//! it ends the talk soon is common to all of them.

use std::time::Duration;

use netmon_common::abi::labels::Protocol;

use super::{Verdict, Watch, confirm};
use crate::{
    config::{Port, section::section},
    flows::report::{Crowd, Logins},
    rates::HostRates,
    signal::Signal,
};

section! {
    /// Guesses at passwords.
    ///
    /// Connections to a service of this host that asks for passwords, which were closed
    /// within 10 seconds after less than 8 KiB of the service, as it is for those whom it
    /// does not let in: by source (for IPv6 the network of 64 bits) and service, or by how
    /// many sources come to one service within ten minutes. Attempts that were never
    /// connected count as nothing, nor do connections on which the client said nothing
    /// (checks that a port is open), those over loopback, and those of workloads of this
    /// host to its own databases and caches (the services of `connection_churn`).
    ///
    /// Ports of HTTP are not among the services, because a page that many fetch looks the
    /// same; add them where a form asks for passwords.
    ///
    /// Known false positives: applications on other hosts that open a connection to a
    /// database for every request (which `connection_churn` tells of there), scripts that
    /// log in by key again and again, many mailboxes that are looked at from one address
    /// or, on a large mail or directory server, from hundreds of them.
    pub struct Config {
        /// Whether to judge at all.
        enabled: bool = true;
        /// Ports of services that ask for passwords.
        services: Vec<Port> = Port::asking_for_passwords(), in 0..=64;
        /// Connections of one source in 2 minutes for a warning.
        warning: f64 = 10.0, in 1.0..=1e6;
        /// Connections of one source in 30 minutes for a warning.
        warning_slow: f64 = 30.0, in 1.0..=1e6;
        /// Connections of one source in 10 minutes for a critical flag.
        critical: f64 = 100.0, in 1.0..=1e6;
        /// Sources that come to one service in 10 minutes for a critical flag.
        critical_sources: f64 = 100.0, in 2.0..=5000.0;
    }
}

impl Watch for Config {
    const HOST: &'static [&'static [Signal]] =
        &[&[Signal::ConnectionRecords], &[Signal::ConnectionRecordSample]];
    const SPAN: Duration = Duration::from_secs(120);

    fn thresholds(&self) -> [f64; 2] {
        [self.warning, self.critical]
    }

    fn judge_each(&self, rates: &HostRates<'_>) -> Vec<Verdict> {
        let Some(report) = rates.flows() else { return vec![Verdict::blind()] };
        let sources = report.logins.iter().map(|logins| self.judge_source(logins));
        let crowds = report.crowds.iter().map(|crowd| self.judge_crowd(crowd));
        sources.chain(crowds).collect()
    }

    fn confirm(&self, verdict: &Verdict) -> String {
        // Requests, which tell how often somebody comes.
        confirm::packets(&confirm::requests(), verdict)
    }
}

impl Config {
    fn judge_source(&self, logins: &Logins) -> Verdict {
        let Logins { source, server, port, two_minutes, ten_minutes, thirty_minutes } = logins;
        let windows = [
            (*two_minutes, "2 min", [self.warning, self.critical]),
            (*ten_minutes, "10 min", [self.critical, self.critical]),
            // What was critical in one of them is so in all three.
            (*thirty_minutes, "30 min", [self.warning_slow, self.critical * 3.0]),
        ];
        let verdicts = windows.map(|(count, window, thresholds)| {
            let detail = format!(
                "{count} connections to port {port} in {window} ended in less than 10 s, after \
                 less than 8 KiB of the server"
            );
            Verdict::of_count(count, thresholds, detail)
        });
        let worst = verdicts.into_iter().reduce(Verdict::or_worse);
        worst
            .unwrap_or_else(|| Verdict::quiet(self.thresholds()))
            .about(source.clone())
            .with_peer(server)
            .at_port(*port)
            .over(Protocol::Tcp)
            .because([
                ("connections_2_minutes", *two_minutes),
                ("connections_10_minutes", *ten_minutes),
                ("connections_30_minutes", *thirty_minutes),
            ])
    }

    fn judge_crowd(&self, crowd: &Crowd) -> Verdict {
        let Crowd { server, port, sources, attempts } = crowd;
        let detail = format!(
            "{attempts} connections of about {sources} sources to port {port} in 10 min ended in \
             less than 10 s, after less than 8 KiB of the server"
        );
        Verdict::of_count(u64::from(*sources), [self.critical_sources; 2], detail)
            .about(server)
            .at_port(*port)
            .over(Protocol::Tcp)
            .because([("sources", u64::from(*sources)), ("connections_10_minutes", *attempts)])
    }
}

#[cfg(test)]
mod tests {
    use netmon_common::abi::labels::{CloseReason, FailReason, Role};

    use super::*;
    use crate::{
        detect::{
            Severity,
            trial::{over_connections, ssh},
        },
        flows::{End, Record},
    };

    const WARNING: Option<Severity> = Some(Severity::Warning);
    const CRITICAL: Option<Severity> = Some(Severity::Critical);

    type Seconds = fn(u64) -> Vec<Record>;

    /// One connection in so many seconds.
    fn every<const SECONDS: u64>(at: u64) -> Vec<Record> {
        if at.is_multiple_of(SECONDS) { vec![ssh(7)] } else { Vec::new() }
    }

    #[test]
    fn guesses_and_what_looks_like_them() {
        let cases: [(&str, u64, Seconds, Option<Severity>); 22] = [
            ("nobody", 60, |_| Vec::new(), None),
            ("one a second, for 8 seconds", 8, |_| vec![ssh(7)], None),
            ("one a second, for 12 seconds", 12, |_| vec![ssh(7)], WARNING),
            ("one a second", 110, |_| vec![ssh(7)], CRITICAL),
            ("twenty at once", 2, |at| vec![ssh(7); if at == 0 { 20 } else { 0 }], WARNING),
            ("a hundred at once", 2, |at| vec![ssh(7); if at == 0 { 100 } else { 0 }], CRITICAL),
            ("one in 12 seconds", 150, every::<12>, WARNING),
            ("one in 15 seconds", 400, every::<15>, None),
            ("the same, for half an hour", 1800, every::<15>, WARNING),
            ("one in 65 seconds", 3600, every::<65>, None),
            ("five who mistype", 60, |at| (0..5).filter(|it| at == it * 3).map(|it| ssh(u8::try_from(it).unwrap_or(0))).collect(), None),
            ("sessions", 120, |_| vec![Record { server_bytes: 9000, ..ssh(7) }], None),
            ("long connections", 120, |_| vec![Record { ended: Duration::from_secs(11), ..ssh(7) }], None),
            ("checks of the port", 120, |_| vec![Record { client_bytes: 0, ..ssh(7) }], None),
            ("connections of this host as client", 120, |_| vec![Record { role: Role::Active, ..ssh(7) }], None),
            ("over loopback", 120, |_| vec![Record { client: [127, 0, 0, 1].into(), ..ssh(7) }], None),
            ("never connected", 120, |_| vec![Record { end: End::Failed(FailReason::Refused), ..ssh(7) }], None),
            ("an application of this host and its database", 120, |_| [Role::Active, Role::Passive].map(|role| Record { role, service_port: 5432, workload: 9, ..ssh(7) }).to_vec(), None),
            ("a guest of this host and its SSH", 12, |_| [Role::Active, Role::Passive].map(|role| Record { role, workload: 9, ..ssh(7) }).to_vec(), WARNING),
            ("an application elsewhere", 12, |_| vec![Record { service_port: 5432, workload: 9, ..ssh(7) }], WARNING),
            ("a web server", 120, |_| vec![Record { service_port: 443, ..ssh(7) }; 500], None),
            ("already open when it was first seen", 120, |_| vec![Record { seen_to_open: false, ..ssh(7) }], None),
        ];
        for (name, seconds, connections, expected) in cases {
            let flags = over_connections(Config::default(), seconds, 2500, connections);
            let severity = flags.iter().map(|flag| flag.severity).max();
            assert_eq!(severity, expected, "{name}: {flags:?}");
            assert!(flags.iter().all(|flag| !flag.active), "{name} is over");
        }
    }

    #[test]
    fn many_sources_in_turn() {
        let from = |numbers: std::ops::Range<u64>| {
            let one = |number: u64| {
                let [.., high, low] = number.to_be_bytes();
                Record { client: [203, 0, high, low].into(), ..ssh(7) }
            };
            numbers.map(one).collect::<Vec<_>>()
        };
        let flags = over_connections(Config::default(), 100, 0, |at| from(at * 2..at * 2 + 2));
        assert_eq!(flags.iter().map(|flag| flag.severity).collect::<Vec<_>>(), [Severity::Critical]);
        assert_eq!((flags[0].subject(), flags[0].peer.as_deref()), ("192.0.2.22", None));
        assert!(flags[0].detail.contains(" sources to port 22 in 10 min"), "{}", flags[0].detail);
        let few = over_connections(Config::default(), 80, 0, |at| from(at..at + 1));
        assert_eq!(few, [], "80 sources, each of them once");
    }

    #[test]
    fn sources_of_ipv6_are_networks() {
        let hop = |at: u64| {
            let client = std::net::Ipv6Addr::from_bits(0x2001_0db8 << 96 | u128::from(at * 977));
            vec![Record { client: client.into(), end: End::Closed(CloseReason::ResetSent), ..ssh(7) }]
        };
        let flags = over_connections(Config::default(), 12, 0, hop);
        assert_eq!((flags[0].subject(), flags[0].severity), ("2001:db8::/64", Severity::Warning));
    }

    #[test]
    fn the_evidence_names_source_and_server() {
        let flags = over_connections(Config::default(), 20, 10, |_| vec![ssh(7)]);
        assert_eq!(flags.len(), 1);
        assert_eq!((flags[0].subject(), flags[0].peer.as_deref()), ("192.0.2.7", Some("192.0.2.22")));
        assert_eq!(
            flags[0].detail,
            "20 connections to port 22 in 2 min ended in less than 10 s, after less than 8 KiB of \
             the server"
        );
    }
}

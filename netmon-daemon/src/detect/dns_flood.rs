//! DNS queries that hardly anyone answers: a flood that means to keep a name server
//! busy, or a host whose software asks without end where nobody is.
//!
//! The queries of one second are held against the responses of that second and the next,
//! as with connection requests. Which way they go makes no difference: this host may be
//! the one that is asked, the one that asks, or between the two.

use std::time::Duration;

use super::{Verdict, Watch, confirm, share};
use crate::{
    config::section::section,
    rates::{VantageRates, Window},
};

section! {
    /// DNS queries that hardly anyone answers.
    ///
    /// A flood that means to keep a name server busy, random names that exhaust a
    /// resolver, or software on this host that asks without end where nobody is. Queries
    /// of one second, over UDP and TCP, are held against the responses of that second and
    /// the next.
    ///
    /// Known false positives: a resolver that just went away while many ask it, which is
    /// worth the same look; a server that limits its answers and does so for good reason;
    /// and a capture or a mirrored port that shows one direction only.
    pub struct Config {
        /// Whether to judge at all.
        enabled: bool = true;
        /// Queries in one second for a warning.
        warning: f64 = 500.0, in 1.0..=1e9;
        /// Queries in one second for a critical flag.
        critical: f64 = 5000.0, in 1.0..=1e9;
        /// Share of queries from which on they count as answered.
        answered: f64 = 0.1, in 0.001..=0.999;
    }
}

/// Queries are judged once their responses had a second to come.
const QUERIES: Window = Window::before(1, 1);
const RESPONSES: Window = Window::last(2);

impl Watch for Config {
    const SPAN: Duration = RESPONSES.span;

    fn thresholds(&self) -> [f64; 2] {
        [self.warning, self.critical]
    }

    fn judge(&self, rates: &VantageRates<'_>) -> Verdict {
        let received = self.judge_way(
            [
                rates.received(QUERIES, |tally| sum(&tally.dns_queries)),
                rates.dns_received(QUERIES, |tcp| tcp.queries),
            ],
            [
                rates.sent(RESPONSES, |tally| sum(&tally.dns_responses)),
                rates.dns_sent(RESPONSES, |tcp| tcp.responses),
            ],
            "received",
        );
        let sent = self.judge_way(
            [
                rates.sent(QUERIES, |tally| sum(&tally.dns_queries)),
                rates.dns_sent(QUERIES, |tcp| tcp.queries),
            ],
            [
                rates.received(RESPONSES, |tally| sum(&tally.dns_responses)),
                rates.dns_received(RESPONSES, |tcp| tcp.responses),
            ],
            "sent",
        );
        received.or_worse(sent)
    }

    fn confirm(&self, verdict: &Verdict) -> String {
        confirm::packets("port 53", verdict)
    }
}

impl Config {
    /// Judges the queries that go one way, by transport, and the responses to them.
    fn judge_way(
        &self,
        [udp_queries, tcp_queries]: [u64; 2],
        [udp_responses, tcp_responses]: [u64; 2],
        way: &str,
    ) -> Verdict {
        let queries = udp_queries.saturating_add(tcp_queries);
        let responses = udp_responses.saturating_add(tcp_responses);
        let answered = share(responses.min(queries), queries);
        // Exactly a tenth answered is not "under a tenth answered".
        let one_sided = if queries > 0 && answered < self.answered {
            (1.0 - answered) / (1.0 - self.answered)
        } else {
            (1.0 - answered).min(0.99)
        };
        let score = |threshold: f64| (queries as f64 / threshold).min(one_sided);
        Verdict {
            statistic: queries as f64,
            thresholds: self.thresholds(),
            warning: score(self.warning),
            critical: score(self.critical),
            evidence: vec![("queries", queries), ("responses", responses)],
            detail: format!("{queries} DNS queries {way} in 1 s, {responses} responses to them"),
            ..Verdict::blind()
        }
    }
}

fn sum(cells: &[u64]) -> u64 {
    cells.iter().fold(0, |sum, cell| sum.wrapping_add(*cell))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use netmon_common::abi::labels::{Direction, IpVersion, Rcode};

    use super::*;
    use crate::{
        detect::{Severity, named, trial::worst},
        redflag::{Board, RedFlag},
        replay,
        snapshot::{Snapshot, Traffic, Vantage},
        source::scripted::Scripted,
    };

    const WARNING: Option<Severity> = Some(Severity::Warning);
    const CRITICAL: Option<Severity> = Some(Severity::Critical);

    /// For so many seconds: queries and responses.
    type Script = &'static [(u64, [u64; 2])];

    /// What raises, what just does not; the same whichever way the queries go, and over
    /// UDP as over TCP.
    const CASES: &[(&str, Script, Option<Severity>)] = &[
        ("silence", &[(9, [0, 0])], None),
        ("499 in a second", &[(9, [499, 0])], None),
        ("500 in one second", &[(1, [500, 0]), (2, [0, 0])], WARNING),
        ("4999 in one second", &[(1, [4999, 0]), (2, [0, 0])], WARNING),
        ("5000 in one second", &[(1, [5000, 0]), (2, [0, 0])], CRITICAL),
        ("500 answered ones", &[(9, [500, 500])], None),
        ("many answered ones", &[(9, [90_000, 90_000])], None),
        ("answered a second later", &[(1, [5000, 0]), (9, [5000, 5000])], None),
        ("answered too late", &[(1, [5000, 0]), (2, [0, 0]), (1, [0, 5000])], CRITICAL),
        ("a tenth answered", &[(1, [5000, 500]), (2, [0, 0])], None),
        ("less than a tenth", &[(1, [5000, 499]), (2, [0, 0])], CRITICAL),
        ("less, and a second later", &[(1, [500, 0]), (1, [0, 49]), (2, [0, 0])], WARNING),
        ("more responses than queries", &[(9, [500, 9000])], None),
        ("responses that nobody asked for", &[(9, [0, 9000])], None),
        ("not yet judged", &[(1, [5000, 0])], None),
    ];

    fn udp([queries, responses]: [u64; 2], asks: bool) -> Traffic {
        let mut traffic = Traffic::ZERO;
        let Traffic { ingress, egress } = &mut traffic;
        let (asked, answered) = if asks { (egress, ingress) } else { (ingress, egress) };
        asked.dns_queries[IpVersion::V6.index()] = queries;
        answered.dns_responses[Rcode::NxDomain.index()] = responses;
        traffic
    }

    #[test]
    fn queries_without_answers() {
        for (name, script, expected) in CASES {
            for asks in [false, true] {
                let script: Vec<_> = script.iter().map(|(n, it)| (*n, udp(*it, asks))).collect();
                assert_eq!(worst(Config::default, &script), *expected, "{name}, asks: {asks}");
            }
        }
    }

    /// The flags over seconds of messages over TCP.
    fn over_tcp(script: &[(u64, [u64; 2])], asks: bool, directed: bool) -> Vec<RedFlag> {
        let mut first = Snapshot::empty(Duration::ZERO);
        first.directed = directed;
        let mut snapshots = vec![first];
        let seconds = script.iter().flat_map(|(seconds, it)| (0..*seconds).map(move |_| it));
        for [queries, responses] in seconds {
            let mut next = snapshots[snapshots.len() - 1].clone();
            next.at += Duration::from_secs(1);
            let mut dns = (*next.dns).clone();
            let ways = match (directed, asks) {
                (false, _) => [Direction::Ingress; 2],
                (true, false) => [Direction::Ingress, Direction::Egress],
                (true, true) => [Direction::Egress, Direction::Ingress],
            };
            // The last type over TCP and IPv6.
            dns.of_mut(Vantage::Loopback, ways[0]).queries[51] += queries;
            dns.of_mut(Vantage::Loopback, ways[1]).tcp_responses[0] += responses;
            next.dns = Arc::new(dns);
            snapshots.push(next);
        }
        let mut board = Board::new(vec![named("trial", Config::default())]);
        let Ok(outcome) = replay::run(&mut Scripted::new(snapshots), &mut board);
        outcome.red_flags
    }

    #[test]
    fn tcp_is_no_way_out() {
        for (name, script, expected) in CASES {
            for (asks, directed) in [(false, true), (true, true), (false, false)] {
                let flags = over_tcp(script, asks, directed);
                let severity = flags.iter().map(|flag| flag.severity).max();
                assert_eq!(severity, *expected, "{name}, asks: {asks}, directed: {directed}");
            }
        }
    }

    #[test]
    fn a_flood_that_ends_is_cleared_and_told() {
        let flags = over_tcp(&[(3, [800, 8]), (9, [0, 0])], true, true);
        assert_eq!((flags.len(), flags[0].active), (1, false));
        assert_eq!(flags[0].detail, "800 DNS queries sent in 1 s, 16 responses to them");
    }

    #[test]
    fn settings_are_heeded() {
        let severe = Config { warning: 10.0, critical: 20.0, answered: 0.5, ..Config::default() };
        for (script, expected) in [
            ([9, 0], None),
            ([10, 5], None),
            ([10, 4], WARNING),
            ([20, 9], CRITICAL),
            ([20, 10], None),
        ] {
            let script = [(1, udp(script, false)), (2, udp([0, 0], false))];
            assert_eq!(worst(|| severe.clone(), &script), expected);
        }
    }
}

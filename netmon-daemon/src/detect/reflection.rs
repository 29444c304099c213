//! Answers to what nobody asked: somebody asks many servers in the name of this host, and
//! they answer to it.
//!
//! Answers of one second are held against the requests of that second and the two before
//! it, so that a slow path does not look like reflection.

use std::{fmt::Write as _, time::Duration};

use netmon_common::{abi::labels::TcpFlag, wire::udp::AMPLIFIERS};

use super::{Verdict, Watch, confirm, share};
use crate::{
    config::section::section,
    rates::{VantageRates, Window},
};

section! {
    /// Answers that nobody asked for: SYN-ACK, DNS responses, other services over UDP.
    ///
    /// Somebody sends requests with a forged source, and the servers answer to whoever
    /// that source is. They count where most answers of their kind were not asked for.
    /// Over UDP these are, beside DNS, the services at the ports 19, 123, 161, 389, 1900,
    /// 3702 and 11211; there a flag is also critical by bytes. Known false positives: a
    /// host that sees one direction only, because the other one takes another path; a
    /// client of memcached over UDP, or a search by multicast (SSDP, WS-Discovery) among
    /// very many devices, where one request has many answers.
    pub struct Config {
        /// Whether to judge at all.
        enabled: bool = true;
        /// Answers of one kind that nobody asked for, in one second, for a warning.
        warning: f64 = 100.0, in 1.0..=1e9;
        /// Answers of one kind that nobody asked for, in one second, for a critical flag.
        critical: f64 = 1000.0, in 1.0..=1e9;
        /// Bytes in one second of answers over UDP but DNS that nobody asked for, for a critical flag.
        critical_bytes: f64 = 1e6, in 1.0..=1e12;
        /// Their least share of all answers of that kind.
        unasked: f64 = 0.5, in 0.001..=0.999;
    }
}

const ANSWERS: Window = Window::last(1);
const REQUESTS: Window = Window::last(3);

impl Watch for Config {
    const SPAN: Duration = REQUESTS.span;

    fn thresholds(&self) -> [f64; 2] {
        [self.warning, self.critical]
    }

    fn judge(&self, rates: &VantageRates<'_>) -> Verdict {
        // Which way they go makes no difference: a guest is at the other end of its port.
        let handshakes = [
            [
                rates.received(ANSWERS, |tally| tally.flag(TcpFlag::Synack)),
                rates.sent(REQUESTS, |tally| tally.flag(TcpFlag::Syn)),
            ],
            [
                rates.sent(ANSWERS, |tally| tally.flag(TcpFlag::Synack)),
                rates.received(REQUESTS, |tally| tally.flag(TcpFlag::Syn)),
            ],
        ];
        let handshakes = handshakes.map(|[answers, requests]| {
            self.verdict(answers.saturating_sub(requests), answers, "SYN-ACK without SYN")
        });
        let lookups = [
            [
                rates.dns_received(ANSWERS, |dns| dns.unmatched),
                rates.received(ANSWERS, |tally| tally.dns_responses.iter().sum()),
            ],
            [
                rates.dns_sent(ANSWERS, |dns| dns.unmatched),
                rates.sent(ANSWERS, |tally| tally.dns_responses.iter().sum()),
            ],
        ];
        let lookups = lookups.map(|[unmatched, responses]| {
            self.verdict(unmatched, responses, "DNS responses without a query")
        });
        let datagrams = [
            [
                rates.received(ANSWERS, |tally| tally.amplifier_answers),
                rates.sent(REQUESTS, |tally| tally.amplifier_requests),
                rates.received(ANSWERS, |tally| tally.amplifier_answer_bytes),
            ],
            [
                rates.sent(ANSWERS, |tally| tally.amplifier_answers),
                rates.received(REQUESTS, |tally| tally.amplifier_requests),
                rates.sent(ANSWERS, |tally| tally.amplifier_answer_bytes),
            ],
        ];
        let datagrams = datagrams.map(|it| self.datagrams(it));
        let [one, other] = handshakes;
        lookups.into_iter().chain(datagrams).fold(one.or_worse(other), Verdict::or_worse)
    }

    fn confirm(&self, verdict: &Verdict) -> String {
        // In a filter of tcpdump a number takes the qualifiers of the one before it.
        let mut answers = format!("{} or udp src port 53", confirm::segments(0x12, 0x12));
        for port in AMPLIFIERS {
            // Writing to a string cannot fail.
            let _ = write!(answers, " or {port}");
        }
        confirm::packets(&answers, verdict)
    }
}

impl Config {
    /// Of the services that answer over UDP with much, by answers or by their bytes.
    fn datagrams(&self, [answers, requests, bytes]: [u64; 3]) -> Verdict {
        let unasked = answers.saturating_sub(requests);
        let verdict = self.verdict(unasked, answers, "answers over UDP without a request");
        // Which of the answers were asked for is not known: their mean size is taken.
        let unasked_bytes = bytes as f64 * share(unasked, answers);
        let most = share(unasked, answers) / self.unasked;
        let critical = (unasked_bytes / self.critical_bytes).min(most).max(verdict.critical);
        let evidence = verdict.evidence.iter().copied().chain([("answer_bytes", bytes)]).collect();
        Verdict { critical, evidence, ..verdict }
    }

    fn verdict(&self, unasked: u64, answers: u64, what: &str) -> Verdict {
        let most = share(unasked, answers) / self.unasked;
        let [warning, critical] =
            self.thresholds().map(|threshold| (unasked as f64 / threshold).min(most));
        let statistic = unasked as f64;
        let thresholds = self.thresholds();
        let detail = format!("{unasked} {what} in 1 s, of {answers}");
        let evidence = vec![("unasked", unasked), ("answers", answers)];
        Verdict { statistic, thresholds, warning, critical, evidence, detail, ..Verdict::blind() }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use netmon_common::abi::labels::Direction;

    use super::*;
    use crate::{
        detect::{Severity, named, trial::worst},
        redflag::Board,
        replay,
        snapshot::{Snapshot, Traffic, Vantage},
        source::scripted::Scripted,
    };

    const WARNING: Option<Severity> = Some(Severity::Warning);
    const CRITICAL: Option<Severity> = Some(Severity::Critical);

    /// Requests sent, answers received, and the same the other way round.
    fn second([asked, answers, requests, answered]: [u64; 4]) -> Traffic {
        let mut traffic = Traffic::ZERO;
        traffic.egress.tcp_flags[TcpFlag::Syn.index()] = asked;
        traffic.ingress.tcp_flags[TcpFlag::Synack.index()] = answers;
        traffic.ingress.tcp_flags[TcpFlag::Syn.index()] = requests;
        traffic.egress.tcp_flags[TcpFlag::Synack.index()] = answered;
        traffic
    }

    /// For so many seconds: what [`second`] takes.
    type Script = &'static [(u64, [u64; 4])];

    #[test]
    fn handshakes_that_nobody_began() {
        let cases: &[(&str, Script, Option<Severity>)] = &[
            ("silence", &[(9, [0, 0, 0, 0])], None),
            ("99 answers", &[(9, [0, 99, 0, 0])], None),
            ("100 answers", &[(1, [0, 100, 0, 0])], WARNING),
            ("1000 answers", &[(1, [0, 1000, 0, 0])], CRITICAL),
            ("to a guest", &[(1, [0, 0, 0, 100])], WARNING),
            ("500 connections a second", &[(60, [500, 500, 0, 0])], None),
            ("500 that are answered a second later", &[(1, [500, 0, 0, 0]), (1, [0, 500, 0, 0])], None),
            ("two seconds later", &[(1, [500, 0, 0, 0]), (1, [0; 4]), (1, [0, 500, 0, 0])], None),
            ("a server", &[(60, [0, 0, 5000, 5000])], None),
            ("answers of the other way are none", &[(1, [0, 200, 200, 0])], WARNING),
            ("half of them asked for", &[(1, [200, 400, 0, 0])], WARNING),
            ("more than half asked for", &[(1, [201, 400, 0, 0])], None),
        ];
        for (name, script, expected) in cases {
            let script: Vec<_> = script.iter().map(|(n, it)| (*n, second(*it))).collect();
            assert_eq!(worst(Config::default, &script), *expected, "{name}");
        }
    }

    /// Answers of services over UDP, received and sent: how many requests and answers, and
    /// how long an answer is.
    fn datagrams([asked, answers, requests, answered]: [u64; 4], len: u64) -> Traffic {
        let mut traffic = Traffic::ZERO;
        traffic.egress.amplifier_requests = asked;
        traffic.ingress.amplifier_answers = answers;
        traffic.ingress.amplifier_answer_bytes = answers * len;
        traffic.ingress.amplifier_requests = requests;
        traffic.egress.amplifier_answers = answered;
        traffic.egress.amplifier_answer_bytes = answered * len;
        traffic
    }

    #[test]
    fn answers_over_udp_that_nobody_asked_for() {
        let cases: &[(&str, Script, u64, Option<Severity>)] = &[
            ("NTP, 99 answers", &[(9, [0, 99, 0, 0])], 482, None),
            ("NTP, 100 answers", &[(1, [0, 100, 0, 0])], 482, WARNING),
            ("NTP, 1,000 answers", &[(1, [0, 1000, 0, 0])], 482, CRITICAL),
            ("to a guest", &[(1, [0, 0, 0, 100])], 482, WARNING),
            ("a busy NTP server", &[(60, [0, 0, 5000, 5000])], 90, None),
            ("servers of NTP among themselves", &[(60, [200, 200, 200, 200])], 90, None),
            ("500 SNMP agents a second", &[(60, [500, 500, 0, 0])], 1400, None),
            ("2,000 SNMP answers, a second late", &[(9, [2000, 0, 0, 0]), (60, [2000; 4])], 1400, None),
            ("SSDP chatter", &[(60, [3, 40, 20, 0])], 400, None),
            ("CLDAP, 200 answers", &[(1, [0, 200, 0, 0])], 1400, WARNING),
            ("memcached, 714 answers", &[(1, [0, 714, 0, 0])], 1400, WARNING),
            ("memcached, 715 answers", &[(1, [0, 715, 0, 0])], 1400, CRITICAL),
            ("memcached, 1,000 answers", &[(1, [0, 1000, 0, 0])], 1400, CRITICAL),
            ("large ones, most of them asked for", &[(1, [501, 1000, 0, 0])], 14_000, None),
        ];
        for (name, script, len, expected) in cases {
            let script: Vec<_> = script.iter().map(|(n, it)| (*n, datagrams(*it, *len))).collect();
            assert_eq!(worst(Config::default, &script), *expected, "{name}");
        }
    }

    /// The worst flag over a second with so many DNS responses, of which some match nothing.
    fn lookups(responses: u64, unmatched: u64) -> Option<Severity> {
        let mut moved = Snapshot::empty(Duration::from_secs(1));
        moved.vantages.of_mut(Vantage::Boundary).ingress.dns_responses[0] = responses;
        let dns = Arc::make_mut(&mut moved.dns);
        dns.of_mut(Vantage::Boundary, Direction::Ingress).unmatched = unmatched;
        let snapshots = vec![Snapshot::empty(Duration::ZERO), moved];
        let mut board = Board::new(vec![named("trial", Config::default())]);
        let Ok(outcome) = replay::run(&mut Scripted::new(snapshots), &mut board);
        outcome.red_flags.iter().map(|flag| flag.severity).max()
    }

    #[test]
    fn responses_that_nobody_asked_for() {
        for (responses, unmatched, expected) in [
            (99, 99, None),
            (100, 100, WARNING),
            (1000, 1000, CRITICAL),
            (200, 100, WARNING),
            // As at the start of netmon on a busy resolver.
            (20_000, 400, None),
        ] {
            let found = lookups(responses, unmatched);
            assert_eq!(found, expected, "{unmatched} of {responses}");
        }
    }
}

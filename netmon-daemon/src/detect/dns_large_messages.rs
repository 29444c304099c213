//! Many large DNS answers from one server, or one very large message over TCP: data that
//! is carried out or in as records, or a server that is used to amplify.
//!
//! Longer than 512 bytes means nothing any more. Since the DNS flag day of 2020 answers
//! over UDP end at 1,232 bytes where somebody cares, and what does not fit comes over TCP.

use std::time::Duration;

use super::{Verdict, Watch, confirm};
use crate::{
    config::section::section,
    rates::{HostRates, Window},
    signal::Signal,
};

section! {
    /// Large DNS answers.
    ///
    /// Answers over UDP of more than 1,232 bytes, which is as much as passes everywhere
    /// unbroken, from one server within 60 seconds; and responses over TCP of 16 KiB and
    /// more within the same time, unless they are part of a zone transfer. Data that is
    /// carried as records looks so, and a server that others use to amplify. Servers are
    /// told apart by 64 hashes, so that in a rare case two of them count as one.
    ///
    /// Known false positives: resolvers that ask for DNSSEC with an EDNS buffer above 1,232
    /// bytes, such as the old default of 4,096, get large signed answers, most of all for
    /// DNSKEY; and domains with very many TXT records. Let them ask with 1,232, or raise the
    /// thresholds.
    pub struct Config {
        /// Whether to judge at all.
        enabled: bool = true;
        /// Answers over UDP of more than 1,232 bytes from one server in 60 seconds for a warning.
        warning: f64 = 20.0, in 1.0..=1e9;
        /// The same for a critical flag.
        critical: f64 = 200.0, in 1.0..=1e9;
        /// Responses over TCP of 16 KiB and more in 60 seconds for a critical flag.
        tcp: f64 = 1.0, in 1.0..=1e9;
    }
}

const WINDOW: Window = Window::last(60);

impl Watch for Config {
    const HOST: &'static [&'static [Signal]] = &[&[Signal::Packets]];
    const SPAN: Duration = WINDOW.span;

    fn thresholds(&self) -> [f64; 2] {
        [self.warning, self.critical]
    }

    fn judge_host(&self, rates: &HostRates<'_>) -> Verdict {
        let (udp, tcp) = (rates.large_dns_answers(WINDOW), rates.large_dns_streams(WINDOW));
        let verdict = |count: u64, thresholds, what: &str| {
            Verdict::of_count(count, thresholds, format!("{count} {what} in 60 s"))
                .because([("udp_answers", udp), ("tcp_messages", tcp)])
        };
        let answers = "DNS answers over UDP of more than 1232 bytes from one server";
        let messages = "DNS responses over TCP of 16 KiB and more, zone transfers excepted,";
        verdict(udp, self.thresholds(), answers).or_worse(verdict(tcp, [self.tcp; 2], messages))
    }

    fn confirm(&self, verdict: &Verdict) -> String {
        // As much longer as the shortest headers below.
        confirm::packets("(udp src port 53 and greater 1274) or tcp src port 53", verdict)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use netmon_common::abi::labels::Direction;

    use super::*;
    use crate::{
        detect::{
            Severity,
            trial::{Script, raised},
        },
        snapshot::{Dns, Snapshot, Vantage},
    };

    fn change(snapshot: &mut Snapshot, change: impl Fn(&mut Dns)) {
        change(Arc::make_mut(&mut snapshot.dns));
    }

    /// Large answers over UDP from a server.
    fn answers(server: usize, count: u64) -> impl Fn(&mut Snapshot) {
        move |snapshot| change(snapshot, |dns| dns.lookups.large[server] += count)
    }

    /// Large messages over TCP at two vantages.
    fn streams(count: u64) -> impl Fn(&mut Snapshot) {
        move |snapshot| {
            change(snapshot, |dns| {
                dns.of_mut(Vantage::Boundary, Direction::Ingress).large_tcp += count;
                dns.of_mut(Vantage::Internal, Direction::Egress).large_tcp += count;
            });
        }
    }

    /// What a zone transfer, signed answers and small ones leave behind.
    fn harmless(snapshot: &mut Snapshot) {
        change(snapshot, |dns| {
            let received = dns.of_mut(Vantage::Boundary, Direction::Ingress);
            received.tcp_responses[0] += 1000;
            received.tcp_message_bytes.buckets[7] += 1000;
            received.tcp_message_bytes.sum += 1000 * 65_000;
        });
        snapshot.vantages.boundary.ingress.dns_message_bytes.buckets[4] += 1000;
    }

    fn nothing(_: &mut Snapshot) {}

    #[test]
    fn answers_and_messages() {
        let (warning, critical) = (Some(Severity::Warning), Some(Severity::Critical));
        let cases: &[(&str, Script<'_>, Option<Severity>)] = &[
            ("silence", &[(90, &nothing)], None),
            ("zone transfers and 1,232 bytes", &[(90, &harmless)], None),
            ("19 answers", &[(1, &answers(5, 19)), (90, &nothing)], None),
            ("20 answers", &[(1, &answers(5, 20))], warning),
            ("one every three seconds", &[
                (1, &answers(5, 1)), (2, &nothing), (1, &answers(5, 1)), (57, &nothing),
            ], None),
            ("one a second", &[(20, &answers(63, 1))], warning),
            ("199 answers", &[(1, &answers(5, 199)), (90, &nothing)], warning),
            ("200 answers", &[(1, &answers(5, 200))], critical),
            ("19 from each of many", &[
                (1, &answers(0, 19)), (1, &answers(1, 19)), (1, &answers(2, 19)), (90, &nothing),
            ], None),
            ("19 a minute, twice", &[
                (1, &answers(5, 19)), (60, &nothing), (1, &answers(5, 19)), (90, &nothing),
            ], None),
            ("one message over TCP", &[(1, &streams(1))], critical),
            ("both", &[(1, &answers(5, 20)), (1, &streams(1))], critical),
        ];
        for (name, script, expected) in cases {
            let flags = raised(Config::default(), &[Signal::Packets], script);
            assert_eq!(flags.iter().map(|flag| flag.severity).max(), *expected, "{name}: {flags:?}");
        }
    }

    #[test]
    fn what_is_over_is_cleared() {
        let cases: [(&str, Script<'_>); 2] = [
            ("answers", &[(1, &answers(5, 500)), (180, &nothing)]),
            ("a message", &[(1, &streams(1)), (180, &nothing)]),
        ];
        for (name, script) in cases {
            let flags = raised(Config::default(), &[Signal::Packets], script);
            assert_eq!((flags.len(), flags[0].active), (1, false), "{name}: {flags:?}");
        }
    }

    #[test]
    fn the_evidence_is_that_of_the_worse() {
        let cases: [(Script<'_>, &str, [f64; 2]); 3] = [
            (
                &[(1, &answers(5, 40))],
                "40 DNS answers over UDP of more than 1232 bytes from one server in 60 s",
                [40.0, 20.0],
            ),
            (
                &[(1, &streams(2))],
                "2 DNS responses over TCP of 16 KiB and more, zone transfers excepted, in 60 s",
                [2.0, 1.0],
            ),
            (
                &[(1, &|it: &mut Snapshot| (answers(5, 30)(it), streams(1)(it)).0)],
                "1 DNS responses over TCP of 16 KiB and more, zone transfers excepted, in 60 s",
                [1.0, 1.0],
            ),
        ];
        for (script, detail, [statistic, threshold]) in cases {
            let flags = raised(Config::default(), &[Signal::Packets], script);
            let flag = &flags[0];
            assert_eq!(flag.detail, detail);
            assert_eq!(
                format!("{} {}", flag.statistic, flag.threshold),
                format!("{statistic} {threshold}")
            );
        }
    }

    #[test]
    fn settings_are_heeded() {
        let patient = Config { warning: 100.0, critical: 300.0, tcp: 3.0, ..Config::default() };
        let (warning, critical) = (Some(Severity::Warning), Some(Severity::Critical));
        let cases: &[(Script<'_>, Option<Severity>)] = &[
            (&[(1, &answers(5, 99))], None),
            (&[(1, &answers(5, 299))], warning),
            (&[(1, &answers(5, 300))], critical),
            (&[(1, &streams(2))], None),
            (&[(1, &streams(3))], critical),
        ];
        for (script, expected) in cases {
            let flags = raised(patient.clone(), &[Signal::Packets], script);
            assert_eq!(flags.iter().map(|flag| flag.severity).max(), *expected, "{flags:?}");
        }
    }
}

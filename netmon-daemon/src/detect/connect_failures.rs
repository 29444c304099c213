//! Connections that cannot be opened: those of this host, by service, and those of
//! others to ports on which nobody listens.
//!
//! An attempt that this host or its application gave up by itself counts for nothing:
//! of two attempts that race, the loser ends like that. Where the kernel tells
//! nothing, requests without an answer stand in.

use std::time::Duration;

use netmon_common::abi::labels::{FailReason, TcpFlag};

use super::{
    Verdict, Watch, confirm,
    share::{proven_share, share},
};
use crate::{
    config::section::section,
    rates::{HostRates, Outcomes, VantageRates, Window},
    signal::Signal,
};

section! {
    /// Connections that cannot be opened.
    ///
    /// Of this host, by service: of all attempts within five minutes, the share that
    /// was refused, reset, unreachable or timed out, as far as so many attempts can
    /// prove it (Wilson score, 95 %). To this host: segments that it refused because
    /// nobody listens there, ten seconds of them against the minute before, not
    /// judged within the first minute. In a capture, and where the kernel does not
    /// tell how connections end, requests (SYN) that are not answered (SYN-ACK)
    /// within a minute stand in, and that never calls for more than a warning.
    /// Known false positives: a health check that polls a service which is down on
    /// purpose, and a scan of this host.
    pub struct Config {
        /// Whether to judge at all.
        enabled: bool = true;
        /// Share of failed attempts for a warning.
        warning: f64 = 0.2, in 0.001..=0.999;
        /// Share of failed attempts for a critical flag.
        critical: f64 = 0.5, in 0.001..=0.999;
        /// Least attempts to one service in 5 minutes.
        attempts: f64 = 10.0, in 1.0..=1e9;
        /// How many times as many refused segments as in the minute before are too many.
        refused_factor: f64 = 10.0, in 1.0..=1e6;
        /// Refused segments a second that are normal however few they were before.
        refused_floor: f64 = 5.0, in 0.1..=1e9;
        /// Least requests in 60 seconds, where only packets are seen.
        requests: f64 = 20.0, in 1.0..=1e9;
        /// Share of requests that must be without an answer, where only packets are seen.
        unanswered: f64 = 0.5, in 0.001..=0.999;
    }
}

const ATTEMPTS: Window = Window::last(300);
const REFUSED: Window = Window::last(10);
const REFUSED_BEFORE: Window = Window::before(60, 10);
/// After the start nobody knows yet what is normal.
const WARM_UP: Duration = Duration::from_secs(60);
/// Requests are judged once their answers had a second to come.
const REQUESTS: Window = Window::before(59, 1);
const ANSWERS: Window = Window::last(60);

impl Watch for Config {
    const HOST: &'static [&'static [Signal]] =
        &[&[Signal::Connections, Signal::ResetsSent], &[Signal::Connections]];
    const SPAN: Duration = ATTEMPTS.span;

    fn thresholds(&self) -> [f64; 2] {
        [self.warning, self.critical]
    }

    fn judge_each(&self, rates: &HostRates<'_>) -> Vec<Verdict> {
        let services = rates.names().services.iter().enumerate();
        let outbound = services.map(|(at, name)| (name, Attempts::on(rates, at)));
        let tried = outbound.filter(|(_, attempts)| attempts.all() > 0);
        let outbound = tried.map(|(name, attempts)| self.judge_service(name, &attempts));
        outbound.chain([self.judge_refusals(rates)]).collect()
    }

    fn confirm(&self, verdict: &Verdict) -> String {
        // Requests and resets: whoever asks, and who says no.
        let filter = "tcp[13] & 0x06 != 0 or (ip6[6] = 6 and ip6[53] & 0x06 != 0)";
        confirm::packets(filter, verdict)
    }

    fn judge(&self, rates: &VantageRates<'_>) -> Verdict {
        let requests = rates.sent(REQUESTS, |tally| tally.flag(TcpFlag::Syn));
        let answers = rates.received(ANSWERS, |tally| tally.flag(TcpFlag::Synack));
        let unanswered = share(requests.saturating_sub(answers), requests);
        let one_sided = unanswered / self.unanswered;
        // Exactly half unanswered is not "under half answered".
        let one_sided = if unanswered > self.unanswered { one_sided } else { one_sided.min(0.99) };
        Verdict {
            statistic: requests as f64,
            thresholds: [self.requests, f64::INFINITY],
            warning: (requests as f64 / self.requests).min(one_sided),
            critical: 0.0,
            evidence: vec![("requests", requests), ("answers", answers)],
            detail: format!("{requests} SYN in 60 s, {answers} SYN-ACK in answer"),
            ..Verdict::blind()
        }
    }
}

/// The attempts of this host to reach one service.
struct Attempts {
    opened: u64,
    /// In the order of [`FailReason::ALL`].
    failed: [u64; FailReason::COUNT],
}

impl Attempts {
    fn on(rates: &HostRates<'_>, service: usize) -> Self {
        let moved = |count: &dyn Fn(&Outcomes) -> u64| {
            rates.moved(ATTEMPTS, |health| health.services.get(service).map_or(0, count))
        };
        let mut failed = [0; FailReason::COUNT];
        for (at, count) in failed.iter_mut().enumerate() {
            *count = moved(&|outcomes| outcomes.failed[at]);
        }
        failed[FailReason::Local.index()] = 0;
        Self { opened: moved(&|outcomes| outcomes.opened), failed }
    }

    fn failed(&self) -> u64 {
        self.failed.iter().sum()
    }

    fn all(&self) -> u64 {
        self.opened.saturating_add(self.failed())
    }

    /// How close it is to a threshold, as far as there are enough of them.
    fn score(&self, least: f64, threshold: f64) -> f64 {
        (self.all() as f64 / least).min(proven_share(self.failed(), self.all()) / threshold)
    }
}

impl Config {
    fn judge_service(&self, name: &str, attempts: &Attempts) -> Verdict {
        let proven = proven_share(attempts.failed(), attempts.all());
        let reasons = FailReason::ALL.iter().zip(attempts.failed).filter(|(_, count)| *count > 0);
        let reasons: Vec<String> =
            reasons.map(|(reason, count)| format!("{count} {}", reason.label())).collect();
        Verdict {
            statistic: proven,
            thresholds: self.thresholds(),
            warning: attempts.score(self.attempts, self.warning),
            critical: attempts.score(self.attempts, self.critical),
            detail: format!(
                "{} of {} connections to {name} failed in 300 s ({}), which proves {:.1} %",
                attempts.failed(),
                attempts.all(),
                reasons.join(", "),
                proven * 100.0
            ),
            evidence: vec![("failed", attempts.failed()), ("attempts", attempts.all())],
            ..Verdict::blind()
        }
        .at_service(name)
    }

    /// The attempts of others to reach what is not there.
    fn judge_refusals(&self, rates: &HostRates<'_>) -> Verdict {
        let per_second = |window: Window| rates.refused(window) as f64 / window.span.as_secs_f64();
        let (now, before) = (per_second(REFUSED), per_second(REFUSED_BEFORE));
        let limit = self.refused_factor * before.max(self.refused_floor);
        let evidence =
            vec![("refused", rates.refused(REFUSED)), ("refused_before", rates.refused(REFUSED_BEFORE))];
        let judged = rates.sees(Signal::ResetsSent) && rates.watched() > WARM_UP;
        Verdict {
            statistic: now,
            thresholds: [limit, f64::INFINITY],
            warning: if judged { now / limit } else { 0.0 },
            critical: 0.0,
            detail: format!(
                "{now:.1} segments a second refused in 10 s because nobody listens, {before:.1} \
                 a second in the minute before"
            ),
            evidence,
            ..Verdict::blind()
        }
    }
}

#[cfg(test)]
mod tests {
    use netmon_common::{abi::labels::Role, scope::Scope};

    use super::*;
    use crate::{
        detect::{
            Severity,
            trial::{Script, raised, worst},
        },
        snapshot::{Service, Snapshot, Traffic},
    };

    const SEEN: &[Signal] = &[Signal::Connections, Signal::ResetsSent];

    /// Attempts to reach a service, all with one outcome.
    fn opens(count: u64) -> impl Fn(&mut Snapshot) {
        move |snapshot| {
            let events = &mut service(snapshot).events;
            events.tcp_connections_opened
                [Role::Active.index() * Scope::COUNT + Scope::Private.index()] += count;
        }
    }

    fn accepts(count: u64) -> impl Fn(&mut Snapshot) {
        move |snapshot| {
            let events = &mut service(snapshot).events;
            events.tcp_connections_opened
                [Role::Passive.index() * Scope::COUNT + Scope::Private.index()] += count;
        }
    }

    fn fails(reason: FailReason, count: u64) -> impl Fn(&mut Snapshot) {
        move |snapshot| {
            let events = &mut service(snapshot).events;
            events.tcp_connect_failures[reason.index() * Scope::COUNT + Scope::Public.index()] +=
                count;
        }
    }

    /// A service beside the others.
    fn service(snapshot: &mut Snapshot) -> &mut Service {
        if snapshot.tcp.services.len() < 2 {
            snapshot.tcp.services.push(Service::new("tcp/5432".to_owned(), 1));
        }
        &mut snapshot.tcp.services[1]
    }

    /// Segments for which nobody listens.
    fn refuses(count: u64) -> impl Fn(&mut Snapshot) {
        move |snapshot| match &mut snapshot.tcp.resets_sent[..] {
            [(_, refused)] => *refused += count,
            _ => snapshot.tcp.resets_sent = vec![("no_socket".to_owned(), count)],
        }
    }

    fn nothing(_: &mut Snapshot) {}

    #[test]
    fn attempts_of_this_host() {
        use FailReason::{Local, Refused, Reset, Timeout, Unreachable};
        let (warning, critical) = (Some(Severity::Warning), Some(Severity::Critical));
        let cases: &[(&str, Script<'_>, Option<Severity>)] = &[
            ("silence", &[(9, &nothing)], None),
            ("one refused connection", &[(1, &fails(Refused, 1)), (300, &nothing)], None),
            ("500 answered ones", &[(1, &opens(500)), (300, &nothing)], None),
            ("30 refused", &[(1, &fails(Refused, 30))], critical),
            ("30 refused, one a second", &[(30, &fails(Refused, 1))], critical),
            ("9 refused", &[(9, &fails(Refused, 1)), (300, &nothing)], None),
            ("10 timed out", &[(10, &fails(Timeout, 1))], critical),
            ("10 unreachable", &[(1, &fails(Unreachable, 10))], critical),
            ("10 reset", &[(1, &fails(Reset, 10))], critical),
            ("given up by the application", &[(300, &fails(Local, 10))], None),
            // 40 of 100 prove 31 %; 25 of 100 prove 17 %; 65 of 100 prove 55 %.
            ("40 of 100", &[(1, &opens(60)), (1, &fails(Refused, 40))], warning),
            ("25 of 100", &[(1, &opens(75)), (1, &fails(Refused, 25))], None),
            ("65 of 100", &[(1, &opens(35)), (1, &fails(Refused, 65))], critical),
            ("50 of 100", &[(1, &opens(50)), (1, &fails(Refused, 50))], warning),
            ("accepting is no attempt", &[(1, &accepts(500)), (1, &fails(Refused, 10))], critical),
            ("9 every five minutes", &[
                (1, &fails(Refused, 9)), (310, &nothing), (1, &fails(Refused, 9)),
                (310, &nothing), (1, &fails(Refused, 9)),
            ], None),
        ];
        for (name, script, expected) in cases {
            let flags = raised(Config::default(), SEEN, script);
            assert_eq!(flags.iter().map(|flag| flag.severity).max(), *expected, "{name}");
        }
    }

    #[test]
    fn attempts_of_others() {
        let cases: &[(&str, Script<'_>, bool)] = &[
            ("100 a second", &[(61, &nothing), (10, &refuses(100))], true),
            ("49 a second", &[(61, &nothing), (60, &refuses(49))], false),
            ("a burst of 490", &[(61, &nothing), (1, &refuses(490)), (60, &nothing)], false),
            ("a burst of 500", &[(61, &nothing), (1, &refuses(500)), (60, &nothing)], true),
            ("as before", &[(70, &refuses(100)), (60, &refuses(900))], false),
            ("more than ten times", &[(70, &refuses(100)), (10, &refuses(1200))], true),
            ("just after the start", &[(9, &refuses(1000)), (51, &nothing)], false),
        ];
        for (name, script, expected) in cases {
            let flags = raised(Config::default(), SEEN, script);
            let severity = flags.iter().map(|flag| flag.severity).max();
            assert_eq!(severity, expected.then_some(Severity::Warning), "{name}");
            // A kernel that does not tell of resets.
            let flags = raised(Config::default(), &SEEN[..1], script);
            assert_eq!(flags, [], "{name}");
        }
    }

    #[test]
    fn the_evidence_names_the_worst_service() {
        let script: Script<'_> = &[
            (61, &nothing),
            (1, &|it: &mut Snapshot| it.tcp.services[0].events.tcp_connect_failures[0] += 12),
            (1, &fails(FailReason::Timeout, 20)),
            (1, &fails(FailReason::Refused, 5)),
            (1, &refuses(600)),
        ];
        let flags = raised(Config::default(), SEEN, script);
        assert_eq!(flags.len(), 1);
        let flag = &flags[0];
        assert_eq!(
            flag.detail,
            "25 of 25 connections to tcp/5432 failed in 300 s (5 refused, 20 timeout), which \
             proves 86.7 %"
        );
        assert_eq!(format!("{:.3} {}", flag.statistic, flag.threshold), "0.867 0.5");
    }

    /// Requests sent, answers received, requests received.
    fn second(sent: u64, answered: u64, received: u64) -> Traffic {
        let mut traffic = Traffic::ZERO;
        traffic.egress.tcp_flags[TcpFlag::Syn.index()] = sent;
        traffic.ingress.tcp_flags[TcpFlag::Synack.index()] = answered;
        traffic.ingress.tcp_flags[TcpFlag::Syn.index()] = received;
        traffic
    }

    /// For so many seconds: sent, answered, received.
    type Packets = &'static [(u64, [u64; 3])];

    #[test]
    fn packets_stand_in() {
        let warning = Some(Severity::Warning);
        let cases: &[(&str, Packets, Option<Severity>)] = &[
            ("silence", &[(9, [0; 3])], None),
            ("19 in a minute", &[(1, [19, 0, 0]), (99, [0; 3])], None),
            ("20 in a second", &[(1, [20, 0, 0]), (1, [0; 3])], warning),
            ("1 in 3 seconds", &[(30, [1, 0, 0]), (30, [0; 3]), (30, [1, 0, 0])], warning),
            ("20 too far apart", &[(10, [1, 0, 0]), (60, [0; 3]), (10, [1, 0, 0])], None),
            ("20000 in a second", &[(1, [20_000, 0, 0]), (1, [0; 3])], warning),
            ("half answered", &[(1, [40, 0, 0]), (1, [0, 20, 0]), (99, [0; 3])], None),
            ("less than half", &[(1, [40, 0, 0]), (1, [0, 19, 0])], warning),
            ("500 answered", &[(1, [500, 499, 0]), (1, [0, 1, 0]), (99, [0; 3])], None),
            ("a second later", &[(60, [500, 0, 0])], warning),
            ("answers follow", &[(1, [500, 0, 0]), (60, [500, 500, 0])], None),
            ("requests of others", &[(60, [0, 0, 5000])], None),
        ];
        for (name, script, expected) in cases {
            let script: Vec<_> =
                script.iter().map(|(n, [a, b, c])| (*n, second(*a, *b, *c))).collect();
            assert_eq!(worst(Config::default, &script), *expected, "{name}");
        }
    }
}

//! Connection requests that hardly anyone answers, or whose handshakes hardly anyone
//! completes: a flood that means to fill the listeners' queues, or a scan that is fast
//! enough to be one.
//!
//! The requests of one second are held against the answers of that second and the next, so
//! that a slow path does not look like silence. A flood at an open port is answered to the
//! last request, with cookies if need be: so they are also held against the handshakes that
//! are completed, by the sum test of Wang, Zhang and Shin (Detecting SYN flooding attacks,
//! INFOCOM 2002), with their constants.

use std::{fmt::Write as _, time::Duration};

use netmon_common::abi::labels::TcpFlag;

use super::{Verdict, Watch, confirm, share};
use crate::{
    config::section::section,
    estimate::whole,
    rates::{Backlog, HostRates, VantageRates, Window},
    signal::Signal,
    snapshot::Vantage,
};

section! {
    /// Connection requests (SYN) that hardly anyone answers (SYN-ACK), or to whose answers
    /// hardly anything follows.
    ///
    /// A flood that means to fill the queues of listeners, or a scan that is fast
    /// enough to be one. Of this host it is known how many handshakes are completed: requests
    /// in excess of them count, also where all are answered, and they are critical as soon
    /// as the kernel answers with cookies, drops requests for want of room, or a listener
    /// has four fifths of the half-open connections that it may have. Known false positive:
    /// a service that just went away under full load, which is worth the same look.
    pub struct Config {
        /// Whether to judge at all.
        enabled: bool = true;
        /// Requests in one second for a warning.
        warning: f64 = 100.0, in 1.0..=1e9;
        /// Requests in one second for a critical flag.
        critical: f64 = 1000.0, in 1.0..=1e9;
        /// Share of requests that must be without an answer.
        unanswered: f64 = 0.5, in 0.001..=0.999;
    }
}

/// Requests are judged once their answers had a second to come.
const REQUESTS: Window = Window::before(1, 1);
const ANSWERS: Window = Window::last(2);
/// The same over a time in which what is late at its beginning and at its end is alike.
const LASTING_REQUESTS: Window = Window::before(5, 1);
const LASTING: Window = Window::last(5);
/// What the kernel does for want of room is looked for within this time.
const PRESSURE: Window = Window::last(10);
/// Requests dropped within it that are too many, as in Netdata's alarm on TCPReqQFullDrop.
const DROPPED: u64 = 5;
/// The part of its queue from which on a listener is about to be full.
const FULL: f64 = 0.8;

/// The seconds over which the sum goes, and how fast it learns what is usual.
const SECONDS: u64 = 20;
const SMOOTHING: f64 = 0.5;
/// The constants a and N of the test.
const DRIFT: f64 = 0.35;
const DECISION: f64 = 1.05;

impl Watch for Config {
    const HOST: &'static [&'static [Signal]] = &[&[Signal::Packets, Signal::Connections]];
    const SPAN: Duration = ANSWERS.span;

    fn thresholds(&self) -> [f64; 2] {
        [self.warning, self.critical]
    }

    fn judge(&self, rates: &VantageRates<'_>) -> Verdict {
        let requests = rates.received(REQUESTS, |tally| tally.flag(TcpFlag::Syn));
        let answers = rates.sent(ANSWERS, |tally| tally.flag(TcpFlag::Synack));
        let unanswered = share(requests.saturating_sub(answers), requests);
        let one_sided = unanswered / self.unanswered;
        // Exactly half unanswered is not "under half answered": a burst of
        // requests that is still being answered stays quiet.
        let one_sided = if unanswered > self.unanswered { one_sided } else { one_sided.min(0.99) };
        Verdict {
            statistic: requests as f64,
            thresholds: self.thresholds(),
            warning: (requests as f64 / self.warning).min(one_sided),
            critical: (requests as f64 / self.critical).min(one_sided),
            evidence: vec![("requests", requests), ("answers", answers)],
            detail: format!("{requests} SYN in 1 s, {answers} SYN-ACK in answer"),
            ..Verdict::blind()
        }
    }

    fn judge_host(&self, rates: &HostRates<'_>) -> Verdict {
        let seen = Vantage::ALL.map(|vantage| self.judge(&rates.vantage(vantage)));
        seen.into_iter().fold(self.of_handshakes(rates), Verdict::or_worse)
    }

    fn confirm(&self, verdict: &Verdict) -> String {
        confirm::packets(&confirm::requests(), verdict)
    }
}

impl Config {
    /// Judges the requests to this host by the handshakes that are completed.
    fn of_handshakes(&self, rates: &HostRates<'_>) -> Verdict {
        let requests = requests(rates, REQUESTS);
        let completed = rates.openings(ANSWERS, |it| it.completed);
        // A burst by itself, and what goes on beside many that are completed.
        let burst = requests.saturating_sub(completed) as f64;
        let lasting = self::requests(rates, LASTING_REQUESTS);
        let lasting = lasting.saturating_sub(rates.openings(LASTING, |it| it.completed)) as f64;
        let unfinished = burst.max(lasting / LASTING.span.as_secs_f64());
        let cookies = rates.openings(PRESSURE, |it| it.cookies);
        let dropped = rates.openings(PRESSURE, |it| it.dropped);
        let backlog = rates.backlog().filter(|it| it.ratio() >= FULL);
        let is_hurt = cookies > 0 || dropped > DROPPED || backlog.is_some();

        let sum = excess(rates) / DECISION;
        let warning = (unfinished / self.warning).min(sum);
        let critical = (unfinished / self.critical).min(sum);
        let critical = if is_hurt { critical.max(warning) } else { critical };
        let half_open = backlog.map_or(0, |it| it.half_open);
        let sources = rates.attempts().and_then(|it| it.askers).map_or(0, whole);
        let mut detail = format!("{requests} SYN in 1 s, {completed} handshakes completed");
        if sources > 0 {
            let _ = write!(detail, ", from about {sources} sources");
        }
        if is_hurt {
            // Writing to a string cannot fail.
            let _ = write!(detail, "; {cookies} cookies and {dropped} dropped in 10 s");
        }
        if let Some(Backlog { port, half_open, most }) = backlog {
            let _ = write!(detail, "; {half_open} half-open of {most} on port {port}");
        }
        let verdict = Verdict {
            statistic: unfinished,
            thresholds: self.thresholds(),
            warning,
            critical,
            detail,
            ..Verdict::blind()
        };
        let verdict = verdict.because([
            ("requests", requests),
            ("completed", completed),
            ("cookies", cookies),
            ("dropped", dropped),
            ("half_open", half_open),
            ("sources", sources),
        ]);
        match backlog {
            Some(backlog) if warning >= 1.0 => verdict.at_port(backlog.port),
            _ => verdict,
        }
    }
}

/// Requests that are not passed on to others.
fn requests(rates: &HostRates<'_>, window: Window) -> u64 {
    let [received, forwarded] =
        [rates.openings(window, |it| it.received), rates.openings(window, |it| it.forwarded)];
    received.saturating_sub(forwarded)
}

/// The sum of what requests exceed completed handshakes by, each second in proportion to
/// those that are usual, less what is to be expected.
fn excess(rates: &HostRates<'_>) -> f64 {
    let (mut usual, mut sum) = (0.0, 0.0_f64);
    for ago in (1..=SECONDS).rev() {
        let window = Window::before(1, ago);
        let completed = rates.openings(window, |it| it.completed) as f64;
        usual += SMOOTHING * (completed - usual);
        let excess = (requests(rates, window) as f64 - completed) / f64::max(usual, 1.0);
        sum = (sum + excess - DRIFT).max(0.0);
    }
    sum
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use netmon_common::{
        abi::labels::{IpVersion, Role},
        scope::Scope,
    };

    use super::*;
    use crate::{
        detect::{Severity, trial::{raised, worst}},
        snapshot::{Snapshot, Traffic},
        sockets::{AddressClass, Census, Listener},
    };

    /// Requests received, answers sent, requests sent.
    fn second(received: u64, answered: u64, sent: u64) -> Traffic {
        let mut traffic = Traffic::ZERO;
        traffic.ingress.tcp_flags[TcpFlag::Syn.index()] = received;
        traffic.egress.tcp_flags[TcpFlag::Synack.index()] = answered;
        traffic.egress.tcp_flags[TcpFlag::Syn.index()] = sent;
        traffic
    }

    /// For so many seconds: received, answered, sent.
    type Script = &'static [(u64, [u64; 3])];

    #[test]
    fn requests_without_answers() {
        let (warning, critical) = (Some(Severity::Warning), Some(Severity::Critical));
        let cases: &[(&str, Script, Option<Severity>)] = &[
            ("silence", &[(9, [0, 0, 0])], None),
            ("99 in a second", &[(9, [99, 0, 0])], None),
            ("100 in one second", &[(1, [100, 0, 0]), (2, [0, 0, 0])], warning),
            ("1000 in one second", &[(1, [1000, 0, 0]), (2, [0, 0, 0])], critical),
            ("all answered", &[(9, [5000, 5000, 0])], None),
            ("answered a second later", &[(1, [500, 0, 0]), (9, [500, 500, 0])], None),
            ("half answered", &[(1, [500, 250, 0]), (2, [0, 0, 0])], None),
            ("less than half answered", &[(1, [500, 249, 0]), (2, [0, 0, 0])], warning),
            ("a tenth answered", &[(1, [9000, 900, 0]), (2, [0, 0, 0])], critical),
            ("the host asks itself", &[(9, [0, 0, 5000])], None),
            ("not yet judged", &[(1, [5000, 0, 0])], None),
        ];
        for (name, script, expected) in cases {
            let script: Vec<_> =
                script.iter().map(|(n, [a, b, c])| (*n, second(*a, *b, *c))).collect();
            assert_eq!(worst(Config::default, &script), *expected, "{name}");
        }
    }

    /// For so many seconds: requests, completed handshakes, cookies.
    type Handshakes = &'static [(u64, [u64; 3])];

    #[test]
    fn requests_without_handshakes() {
        let (warning, critical) = (Some(Severity::Warning), Some(Severity::Critical));
        let cases: &[(&str, Handshakes, Option<Severity>)] = &[
            ("silence", &[(9, [0, 0, 0])], None),
            ("99 in a second", &[(9, [99, 0, 0])], None),
            ("100 in a second", &[(3, [100, 0, 0])], warning),
            ("100 and cookies", &[(3, [100, 0, 50])], critical),
            ("1000 in a second", &[(3, [1000, 0, 0])], critical),
            ("all completed", &[(30, [5000, 5000, 0])], None),
            ("all completed, with cookies", &[(30, [5000, 5000, 5000])], None),
            ("completed a second later", &[(1, [500, 0, 0]), (9, [500, 500, 0]), (1, [0, 500, 0])], None),
            ("a third more than is completed", &[(60, [400, 300, 0])], None),
            ("a flood among many", &[(20, [1000, 1000, 0]), (20, [1600, 1000, 0])], warning),
            ("requests again and again", &[(30, [90, 0, 20])], None),
        ];
        for (name, script, expected) in cases {
            let seconds: Vec<_> = script
                .iter()
                .map(|(seconds, [requests, completed, cookies])| {
                    let happens = move |snapshot: &mut Snapshot| {
                        let traffic = second(*requests, *requests, 0);
                        snapshot.vantages.boundary.add(&traffic);
                        let events = &mut snapshot.tcp.services[0].events;
                        events.tcp_connections_opened[Role::Passive.index() * Scope::COUNT] +=
                            completed;
                        let sent = &mut snapshot.proc.syncookies_sent;
                        *sent = Some(sent.unwrap_or(0) + cookies);
                    };
                    (*seconds, happens)
                })
                .collect();
            let script: Vec<_> = seconds
                .iter()
                .map(|(seconds, it)| (*seconds, it as &dyn Fn(&mut Snapshot)))
                .collect();
            let signals = [Signal::Packets, Signal::Connections];
            let flags = raised(Config::default(), &signals, &script);
            let severity = flags.iter().map(|flag| flag.severity).max();
            assert_eq!(severity, *expected, "{name}: {flags:?}");
        }
    }

    #[test]
    fn what_is_passed_on_is_not_for_this_host() {
        let routed = |snapshot: &mut Snapshot| {
            snapshot.vantages.boundary.add(&second(5000, 5000, 5000));
            snapshot.tcp.forwarded.forwarded_requests += 5000;
        };
        let signals = [Signal::Packets, Signal::Connections];
        assert_eq!(raised(Config::default(), &signals, &[(30, &routed)]), []);
    }

    #[test]
    fn a_listener_with_a_full_queue_is_named() {
        let flooded = |snapshot: &mut Snapshot| {
            snapshot.vantages.boundary.add(&second(200, 200, 0));
            let mut census = Census::default();
            census.half_open.insert(80, 3600);
            census.listeners.push(Listener {
                port: 80,
                family: IpVersion::V4,
                address: AddressClass::Any,
                backlog: 0,
                backlog_max: 4096,
                drops: None,
                cookie: 1,
                inode: 1,
            });
            snapshot.sockets = Some(Arc::new(census));
        };
        let signals = [Signal::Packets, Signal::Connections];
        let flags = raised(Config::default(), &signals, &[(5, &flooded)]);
        let found: Vec<_> = flags.iter().map(|flag| (flag.severity, flag.service_port.as_deref())).collect();
        assert_eq!(found, [(Severity::Critical, Some("tcp/80"))], "{flags:?}");
    }
}

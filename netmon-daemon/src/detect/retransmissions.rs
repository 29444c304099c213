//! Segments that TCP had to send again: on the way to some peers they get lost.
//!
//! A minute of loss happens on any network. What is judged must have lasted: three of
//! the last five minutes must be as bad as all five of them together.

use std::time::Duration;

use netmon_common::scope::Scope;

use super::{
    Verdict, Watch, confirm,
    share::{lasting, proven_share, share},
};
use crate::{
    config::section::section,
    rates::{HostRates, Way, Window},
    signal::Signal,
};

section! {
    /// TCP segments that are sent again, by scope of the peer.
    ///
    /// The share of the segments sent within five minutes that only repeated others,
    /// and the share of connection requests among the attempts to connect, each as far
    /// as it is proven (Wilson score, 95 %) and lasting: a minute of loss raises
    /// nothing. Where the kernel does not tell of each repetition, its own sums stand
    /// in, without scopes and without requests, with which they mix the answers. Not
    /// judged in a replay, because a capture does not say which end it was taken at,
    /// nor what it lacks. Known false positive: a radio link where this is normal.
    pub struct Config {
        /// Whether to judge at all.
        enabled: bool = true;
        /// Share of segments for a warning.
        warning: f64 = 0.01, in 0.0001..=0.999;
        /// Share of segments for a critical flag.
        critical: f64 = 0.05, in 0.0001..=0.999;
        /// Least segments sent in 5 minutes.
        segments: f64 = 1000.0, in 1.0..=1e12;
        /// Least segments sent again in 5 minutes.
        repeated: f64 = 20.0, in 1.0..=1e12;
        /// Share of connection requests for a warning.
        warning_requests: f64 = 0.05, in 0.0001..=0.999;
        /// Share of connection requests for a critical flag.
        critical_requests: f64 = 0.2, in 0.0001..=0.999;
        /// Least attempts to connect in 5 minutes.
        attempts: f64 = 50.0, in 1.0..=1e12;
    }
}

const WINDOW: Window = Window::last(300);

/// A place of a [`Way`] in what is remembered.
type Find = fn(&Way) -> u64;

/// Something that is repeated, and what it is a share of.
struct Loss<'a> {
    rates: &'a HostRates<'a>,
    /// None for all peers together.
    scope: Option<Scope>,
    repeated: Find,
    all: Find,
}

impl Watch for Config {
    const HOST: &'static [&'static [Signal]] = &[
        &[Signal::Retransmits, Signal::Connections, Signal::Packets],
        &[Signal::Retransmits, Signal::Packets],
        &[Signal::KernelCounters],
    ];
    const SPAN: Duration = WINDOW.span;

    fn thresholds(&self) -> [f64; 2] {
        [self.warning, self.critical]
    }

    fn judge_host(&self, rates: &HostRates<'_>) -> Verdict {
        if !rates.sees(Signal::Retransmits) {
            return self.judge_segments(rates, None);
        }
        let scopes = Scope::ALL.iter().map(|scope| {
            let verdict = self.judge_segments(rates, Some(*scope));
            verdict.or_worse(self.judge_requests(rates, *scope))
        });
        scopes.reduce(Verdict::or_worse).unwrap_or_else(Verdict::blind)
    }

    fn confirm(&self, verdict: &Verdict) -> String {
        confirm::sockets("-tin", "state established", verdict)
    }
}

impl Config {
    fn judge_segments(&self, rates: &HostRates<'_>, scope: Option<Scope>) -> Verdict {
        let loss = Loss { rates, scope, repeated: |way| way.repeated, all: |way| way.sent };
        let [repeated, sent] = loss.within(WINDOW);
        let volume = (sent as f64 / self.segments).min(repeated as f64 / self.repeated);
        loss.verdict(self.thresholds(), volume, "segments sent", "sent again")
    }

    fn judge_requests(&self, rates: &HostRates<'_>, scope: Scope) -> Verdict {
        let scope = Some(scope);
        let loss =
            Loss { rates, scope, repeated: |way| way.requests_repeated, all: |way| way.attempts };
        let [_, attempts] = loss.within(WINDOW);
        let volume = attempts as f64 / self.attempts;
        let thresholds = [self.warning_requests, self.critical_requests];
        loss.verdict(thresholds, volume, "attempts to connect", "requests sent again")
    }
}

impl Loss<'_> {
    /// How much was repeated within a window, and how much there was in all.
    fn within(&self, window: Window) -> [u64; 2] {
        let moved = |find: Find| {
            self.rates.moved(window, |health| match self.scope {
                Some(scope) => find(&health.ways[scope.index()]),
                None => find(&health.kernel),
            })
        };
        [moved(self.repeated), moved(self.all)]
    }

    fn verdict(&self, thresholds: [f64; 2], volume: f64, all: &str, again: &str) -> Verdict {
        let [repeated, sent] = self.within(WINDOW);
        let proven = proven_share(repeated, sent);
        let [warning, critical] = thresholds.map(|threshold| {
            let score = volume.min(proven / threshold);
            // Looking at each minute is only worth it where the rest is met.
            let lasting = || {
                lasting(threshold, |minute| {
                    let [repeated, sent] = self.within(minute);
                    share(repeated, sent)
                })
            };
            if score < 0.5 { score } else { score.min(lasting()) }
        });
        let peers = self.scope.map_or("all", Scope::label);
        Verdict {
            statistic: proven,
            thresholds,
            warning,
            critical,
            detail: format!(
                "{repeated} {again} for {sent} {all} in 300 s, scope {peers}, which proves \
                 {:.2} %",
                proven * 100.0
            ),
            evidence: vec![("repeated", repeated), ("sent", sent)],
            ..Verdict::blind()
        }
    }
}

#[cfg(test)]
mod tests {
    use netmon_common::abi::{
        labels::{Class, FailReason, RetransmitKind, Role},
        tally::host_cell,
    };

    use super::*;
    use crate::{
        detect::{
            Severity,
            trial::{Script, raised},
        },
        snapshot::Snapshot,
    };

    const SEEN: &[Signal] = &[Signal::Retransmits, Signal::Connections, Signal::Packets];

    /// Segments to public peers, and how many of them were repetitions.
    fn sends(sent: u64, kind: RetransmitKind, repeated: u64) -> impl Fn(&mut Snapshot) {
        move |snapshot| {
            let cell = host_cell(Scope::Public.index(), Class::Ipv4Tcp.index());
            snapshot.vantages.boundary.egress.host_packets[cell] += sent;
            let events = &mut snapshot.tcp.services[0].events;
            events.tcp_retransmits[kind.index() * Scope::COUNT + Scope::Public.index()] +=
                repeated;
            // What the kernel's own sums say of the same.
            let kernel = &mut snapshot.proc;
            *kernel.tcp_out_segs.get_or_insert(0) += sent - repeated;
            *kernel.tcp_retrans_segs.get_or_insert(0) += repeated;
            let requests = matches!(kind, RetransmitKind::Syn | RetransmitKind::Synack);
            *kernel.tcp_syn_retrans.get_or_insert(0) += if requests { repeated } else { 0 };
        }
    }

    fn lost(sent: u64, repeated: u64) -> impl Fn(&mut Snapshot) {
        sends(sent, RetransmitKind::Fast, repeated)
    }

    /// Attempts to connect to private peers, and how many requests were repeated.
    fn asks(opened: u64, failed: u64, repeated: u64) -> impl Fn(&mut Snapshot) {
        move |snapshot| {
            let events = &mut snapshot.tcp.services[0].events;
            let scope = Scope::Private.index();
            let opens = Role::Active.index() * Scope::COUNT + scope;
            let fails = FailReason::Timeout.index() * Scope::COUNT + scope;
            let requests = RetransmitKind::Syn.index() * Scope::COUNT + scope;
            events.tcp_connections_opened[opens] += opened;
            events.tcp_connect_failures[fails] += failed;
            events.tcp_retransmits[requests] += repeated;
        }
    }

    const WARNING: Option<Severity> = Some(Severity::Warning);
    const CRITICAL: Option<Severity> = Some(Severity::Critical);

    #[test]
    fn segments_that_are_sent_again() {
        use RetransmitKind::{Rto, Synack, Tlp};
        let quiet = lost(100, 0);
        let cases: &[(&str, Script<'_>, Option<Severity>)] = &[
            ("silence", &[(600, &lost(0, 0))], None),
            ("a download", &[(600, &lost(80_000, 0))], None),
            ("2 % for five minutes", &[(300, &lost(100, 2))], WARNING),
            ("8 % for five minutes", &[(300, &lost(100, 8))], CRITICAL),
            ("1 %, which proves less", &[(600, &lost(100, 1))], None),
            ("5 % for a minute", &[(300, &quiet), (60, &lost(100, 5)), (300, &quiet)], None),
            ("30 % for a minute", &[(295, &quiet), (60, &lost(100, 30)), (305, &quiet)], None),
            ("30 % for a minute, alone", &[(60, &lost(100, 30)), (300, &lost(0, 0))], None),
            ("30 % for three minutes", &[(300, &quiet), (180, &lost(100, 30))], CRITICAL),
            ("too few segments", &[(600, &lost(3, 1))], None),
            ("too few repetitions", &[(1, &lost(2000, 0)), (19, &lost(1, 1))], None),
            ("timers", &[(300, &sends(100, Rto, 2))], WARNING),
            ("probes", &[(300, &sends(100, Tlp, 2))], WARNING),
            ("answers to a flood", &[(300, &sends(100, Synack, 50))], None),
        ];
        for (name, script, expected) in cases {
            let severity = |signals: &[Signal]| {
                let flags = raised(Config::default(), signals, script);
                flags.iter().map(|flag| flag.severity).max()
            };
            assert_eq!(severity(SEEN), *expected, "{name}");
            assert_eq!(severity(&[Signal::KernelCounters]), *expected, "{name}: in sums");
            assert_eq!(severity(&[]), None, "{name}: not seen");
        }
    }

    #[test]
    fn requests_that_are_sent_again() {
        let quiet = asks(1, 0, 0);
        let cases: &[(&str, Script<'_>, Option<Severity>)] = &[
            ("all answered", &[(600, &asks(50, 0, 0))], None),
            ("10 % for five minutes", &[(300, &asks(10, 0, 1))], WARNING),
            ("30 % for five minutes", &[(300, &asks(10, 0, 3))], CRITICAL),
            ("nobody answers", &[(300, &asks(0, 1, 6))], CRITICAL),
            ("too few attempts", &[(7, &asks(0, 7, 42)), (300, &asks(0, 0, 0))], None),
            ("a minute of it", &[(300, &quiet), (60, &asks(1, 0, 1)), (300, &quiet)], None),
        ];
        for (name, script, expected) in cases {
            let flags = raised(Config::default(), SEEN, script);
            assert_eq!(flags.iter().map(|flag| flag.severity).max(), *expected, "{name}");
        }
    }

    #[test]
    fn the_evidence_names_the_peers() {
        let flags = raised(Config::default(), SEEN, &[(300, &asks(10, 0, 1))]);
        let details: Vec<_> = flags.iter().map(|flag| flag.detail.as_str()).collect();
        let detail = "300 requests sent again for 3000 attempts to connect in 300 s, scope \
                      private, which proves 8.98 %";
        assert_eq!(details, [detail]);
    }
}

//! Packets that the kernel dropped although nothing was wrong with them.
//!
//! What a host drops in the ordinary course of things (packets for others, by the
//! decision of a filter, old data) is counted apart and not judged.

use std::time::Duration;

use super::{Verdict, Watch, share::proven_share};
use crate::{
    config::section::section,
    rates::{HostRates, Window},
    signal::Signal,
};

section! {
    /// Packets that the kernel dropped unexpectedly.
    ///
    /// Full buffers, queues and tables, damaged packets, missing routes: whatever the
    /// kernel gives as the reason, but for reasons that belong to the ordinary course
    /// of things. Their number within a minute and, as far as it is proven (Wilson
    /// score, 95 %), their share of all packets must be high; the detail names the
    /// reasons, and `expected` in `[drops]` says what is ordinary here. Drops are those
    /// of all network namespaces, packets those that the interfaces saw. A capture does not show what a kernel dropped, so this is not judged
    /// in a replay. Known false positive: a receiver that is slow on purpose, such as
    /// one that samples.
    pub struct Config {
        /// Whether to judge at all.
        enabled: bool = true;
        /// Share of all packets for a warning.
        warning: f64 = 0.001, in 0.000_001..=0.999;
        /// Share of all packets for a critical flag.
        critical: f64 = 0.02, in 0.000_001..=0.999;
        /// Least dropped packets in 60 seconds.
        drops: f64 = 100.0, in 1.0..=1e9;
    }
}

const WINDOW: Window = Window::last(60);

/// How many reasons are named.
const NAMED: usize = 3;

impl Watch for Config {
    const HOST: &'static [&'static [Signal]] = &[&[Signal::Drops, Signal::Packets]];
    const SPAN: Duration = WINDOW.span;

    fn thresholds(&self) -> [f64; 2] {
        [self.warning, self.critical]
    }

    fn judge_host(&self, rates: &HostRates<'_>) -> Verdict {
        let moved = |at: usize| {
            rates.moved(WINDOW, |health| health.dropped.get(at).copied().unwrap_or(0))
        };
        let reasons = rates.names().drops.iter().enumerate().filter(|(_, it)| !it.expected);
        let mut reasons: Vec<_> = reasons.map(|(at, it)| (moved(at), it.name.as_str())).collect();
        let dropped: u64 = reasons.iter().map(|(count, _)| count).sum();
        let packets = rates.moved(WINDOW, |health| health.packets);
        let proven = proven_share(dropped, packets);
        let score = |threshold: f64| (dropped as f64 / self.drops).min(proven / threshold);
        reasons.sort_by(|one, other| other.cmp(one));
        let worst = reasons.iter().take(NAMED).filter(|(count, _)| *count > 0);
        let worst: Vec<String> =
            worst.map(|(count, reason)| format!("{count} {reason}")).collect();
        Verdict {
            statistic: proven,
            thresholds: self.thresholds(),
            warning: score(self.warning),
            critical: score(self.critical),
            detail: format!(
                "{dropped} packets dropped in 60 s while {packets} crossed the interfaces: {}",
                worst.join(", ")
            ),
            evidence: vec![("dropped", dropped), ("packets", packets)],
            ..Verdict::blind()
        }
    }

    /// Sockets that lose what arrives have `d` in their memory; who else drops, the kernel's
    /// reason in the detail says.
    fn confirm(&self, _verdict: &Verdict) -> String {
        "ss -tuanm".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use netmon_common::abi::tcp::Dropped;

    use super::*;
    use crate::{
        detect::{
            Severity,
            trial::{Script, raised},
        },
        snapshot::{DropCount, Snapshot},
    };

    const SEEN: &[Signal] = &[Signal::Drops, Signal::Packets];

    /// Packets that pass, and some that are dropped for one reason.
    fn second(
        packets: u64,
        reason: &'static str,
        expected: bool,
        drops: u64,
    ) -> impl Fn(&mut Snapshot) {
        move |snapshot| {
            snapshot.vantages.boundary.ingress.packet_size_bytes.buckets[0] += packets;
            let known = snapshot.drops.iter().position(|it| it.reason == reason);
            // Not in the order in which they occurred.
            let at = known.unwrap_or_else(|| {
                let (dropped, reason) = (Dropped { packets: 0, bytes: 0 }, reason.to_owned());
                snapshot.drops.insert(
                    0,
                    DropCount { subsystem: "udp", reason, expected, dropped },
                );
                0
            });
            snapshot.drops[at].expected = expected;
            snapshot.drops[at].dropped.packets += drops;
        }
    }

    fn full(packets: u64, drops: u64) -> impl Fn(&mut Snapshot) {
        second(packets, "socket_rcvbuff", false, drops)
    }

    #[test]
    fn drops_and_their_share() {
        let (warning, critical) = (Some(Severity::Warning), Some(Severity::Critical));
        let cases: &[(&str, Script<'_>, Option<Severity>)] = &[
            ("silence", &[(99, &full(0, 0))], None),
            ("a download", &[(99, &full(80_000, 0))], None),
            ("99 of few", &[(1, &full(0, 99)), (99, &full(0, 0))], None),
            ("100 of few", &[(1, &full(100, 100))], critical),
            ("10 a second", &[(15, &full(100, 10))], critical),
            ("1 a second", &[(300, &full(100, 1))], None),
            ("0.2 % of many", &[(60, &full(10_000, 20))], warning),
            ("0.1 % of many, which proves less", &[(60, &full(10_000, 10))], None),
            ("3 % of many", &[(60, &full(10_000, 300))], critical),
            ("called unexpected by a reload", &[
                (300, &second(100, "otherhost", true, 1000)), (60, &full(100, 0)),
                (60, &second(100, "otherhost", false, 0)),
            ], None),
            ("expected", &[(60, &second(0, "netfilter_drop", true, 1000))], None),
        ];
        for (name, script, expected) in cases {
            let flags = raised(Config::default(), SEEN, script);
            assert_eq!(flags.iter().map(|flag| flag.severity).max(), *expected, "{name}");
            assert_eq!(raised(Config::default(), &[], script), [], "{name}: not seen");
        }
    }

    #[test]
    fn the_evidence_names_the_reasons() {
        let script: Script<'_> = &[
            (1, &second(1000, "z_first", false, 150)),
            (1, &second(1000, "otherhost", true, 5000)),
            (1, &second(2000, "socket_rcvbuff", false, 650)),
        ];
        let flags = raised(Config::default(), SEEN, script);
        let detail = flags.first().map(|flag| flag.detail.as_str());
        assert_eq!(
            detail,
            Some("800 packets dropped in 60 s while 4000 crossed the interfaces: 650 socket_rcvbuff, 150 z_first")
        );
    }
}

//! The TCP stack: what the hooks counted of netmon's own network namespace, against
//! the kernel's counters of the same namespace.

use netmon_common::abi::tcp::TcpEvents;

use super::range::{Outcome, Range};
use crate::{
    proc::Counters,
    signal::Signal,
    snapshot::{References, Snapshot},
};

/// A count of netmon's and the kernel's count of the same events.
pub(super) struct Pair {
    /// Its name in metrics.
    pub(super) name: &'static str,
    /// The signals that it is counted from; all must be there to compare.
    pub(super) signals: &'static [Signal],
    counted: fn(&TcpEvents) -> i128,
    kernel: fn(&Counters) -> Option<u64>,
}

/// Events that may be under way between a hook and the kernel's counter, on all CPUs,
/// while both are read.
pub(super) const SLACK: u64 = 16;

/// Every pair.
pub(super) const PAIRS: [Pair; 5] = [
    Pair {
        name: "connections_requested",
        signals: &[Signal::Connections],
        // Requests that fail before a segment leaves the host are none to the kernel.
        counted: |it| i128::from(it.home_requests) - i128::from(it.home_unsent),
        kernel: |it| it.tcp_active_opens,
    },
    Pair {
        name: "connections_accepted",
        signals: &[Signal::Connections],
        counted: |it| i128::from(it.home_accepted),
        kernel: |it| it.tcp_passive_opens,
    },
    Pair {
        name: "connections_failed",
        signals: &[Signal::Connections],
        counted: |it| i128::from(it.home_failed),
        // Half-open connections that the peer resets have no socket that a hook sees.
        kernel: |it| Some(it.tcp_attempt_fails?.saturating_sub(it.embryonic_rsts?)),
    },
    Pair {
        name: "retransmits",
        signals: &[Signal::Retransmits, Signal::SynackRetransmits],
        counted: |it| i128::from(it.home_retransmits),
        kernel: |it| it.tcp_retrans_segs,
    },
    Pair {
        name: "resets_sent",
        signals: &[Signal::ResetsSent],
        counted: |it| i128::from(it.home_resets),
        kernel: |it| it.tcp_out_rsts,
    },
];

impl Pair {
    /// Compares what both counted between two snapshots; none where one of them does
    /// not count.
    pub(super) fn check(
        &self,
        [earlier, later]: [&Snapshot; 2],
        [earlier_kernel, later_kernel]: [&References; 2],
    ) -> Option<Outcome> {
        let has =
            |snapshot: &Snapshot| self.signals.iter().all(|signal| snapshot.sources.has(*signal));
        if !has(earlier) || !has(later) {
            return None;
        }
        let read = |references: &References| {
            let both = [&references.before.counters, &references.after.counters];
            let [before, after] = both.map(|counters| (self.kernel)(counters));
            Some([before?, after?])
        };
        let moved = Range::between(read(earlier_kernel)?, read(later_kernel)?);
        let counted = (self.counted)(&later.tcp.events) - (self.counted)(&earlier.tcp.events);
        Some(moved.judge(counted, moved))
    }
}

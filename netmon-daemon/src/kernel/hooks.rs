//! The hook table: what each hook measures and how it can be attached.

use netmon_common::abi::member::Member;

use crate::signal::Signal;

/// A way to attach a tracing program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rung {
    /// A BTF tracepoint: typed and cheap, needs the kernel's BTF.
    TpBtf,
    /// A raw tracepoint.
    RawTp,
    /// A kprobe on a function of the kernel.
    Kprobe,
}

impl Rung {
    /// Its name in metrics, JSON and program names.
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::TpBtf => "tp_btf",
            Self::RawTp => "raw_tp",
            Self::Kprobe => "kprobe",
        }
    }
}

/// A function of the kernel, with the program that a kprobe runs there.
pub(super) type Probe = (&'static str, &'static str);

/// The functions that a kprobe takes instead of a tracepoint.
#[derive(Debug)]
pub(super) enum Probes {
    /// All that exist, of which the first one must: others are missing where IPv6 is,
    /// or were made part of their callers.
    All(&'static [Probe]),
    /// The first one that exists: kernels have it under different names.
    First(&'static [Probe]),
}

/// One hook of the TCP stack. Its programs are named `<name>_<rung>`.
#[derive(Debug)]
pub(super) struct Hook {
    /// Its name.
    pub name: &'static str,
    /// What it measures, in words.
    pub measures: &'static str,
    /// The tracepoint.
    pub tracepoint: &'static str,
    /// The functions that a kprobe takes instead.
    pub probes: Probes,
    /// First kernel on which the tracepoint sees everything; before it, the
    /// kprobe is the better rung.
    pub complete_since: (u32, u32),
    /// Whether tracepoints have a second program, named `<name>_again_<rung>`, for events
    /// during which the kernel skips the first one, because they interrupt it.
    pub again: bool,
    /// What the programs read, without which they are worth nothing.
    pub reads: &'static [Member],
    /// What it measures, by name.
    pub feeds: &'static [Signal],
}

/// What tells a socket's service, scope and namespace.
const SOCKET: &[Member] = &[
    Member::SockFamily,
    Member::SockDaddr,
    Member::SockDaddr6,
    Member::SockDport,
    Member::SockNum,
    Member::SockNet,
    Member::NetNumber,
];

/// Every hook of the TCP stack, by name.
pub(super) const HOOKS: &[Hook] = &[
    Hook {
        name: "congestion",
        measures: "changes of the congestion state",
        tracepoint: "tcp_cong_state_set",
        probes: Probes::All(&[("tcp_set_ca_state", "congestion_kprobe")]),
        complete_since: (0, 0),
        again: false,
        reads: &[Member::CongestionState],
        feeds: &[Signal::Congestion],
    },
    Hook {
        name: "connection",
        measures: "connections that open, fail and end",
        tracepoint: "inet_sock_set_state",
        probes: Probes::All(&[
            ("inet_sk_state_store", "connection_kprobe"),
            ("inet_sk_set_state", "connection_kprobe"),
        ]),
        complete_since: (0, 0),
        again: true,
        reads: &[
            Member::SockFamily,
            Member::SockDaddr,
            Member::SockDaddr6,
            Member::SockDport,
            Member::SockNum,
            Member::SockNet,
            Member::NetNumber,
            Member::SockState,
            Member::SockProtocol,
            Member::SockFlags,
            Member::SockError,
            Member::InetSport,
            Member::SockLocal,
            Member::SockLocal6,
            Member::Srtt,
            Member::RttVariation,
            Member::SegmentsSent,
            Member::TotalRetransmits,
            Member::BytesSent,
            Member::BytesRetransmitted,
            Member::DataSegmentsSent,
            Member::DataSegmentsReceived,
            Member::BytesReceived,
            Member::OutOfOrder,
        ],
        feeds: &[
            Signal::Connections,
            Signal::Handshakes,
            Signal::ConnectionRecords,
            Signal::ConnectionRecordSample,
        ],
    },
    Hook {
        name: "drop",
        measures: "packets that the kernel dropped",
        tracepoint: "kfree_skb",
        // The others are inlined where there is a better one. Lists of packets that
        // are dropped at once pass by all of them.
        probes: Probes::First(&[
            ("sk_skb_reason_drop", "drop_socket_kprobe"),
            ("kfree_skb_reason", "drop_reason_kprobe"),
            ("kfree_skb", "drop_kprobe"),
        ]),
        complete_since: (0, 0),
        again: false,
        reads: &[Member::SkbLen, Member::SkbUsers],
        feeds: &[Signal::Drops],
    },
    Hook {
        name: "reset_received",
        measures: "resets that TCP received",
        tracepoint: "tcp_receive_reset",
        probes: Probes::All(&[("tcp_reset", "reset_received_kprobe")]),
        complete_since: (0, 0),
        again: false,
        // Without the state of the connection the reason is unknown, and the count true.
        reads: &[],
        feeds: &[Signal::ResetsReceived],
    },
    Hook {
        name: "reset_sent",
        measures: "resets that TCP sent",
        tracepoint: "tcp_send_reset",
        probes: Probes::All(&[
            ("tcp_v4_send_reset", "reset_sent_kprobe"),
            ("tcp_v6_send_reset", "reset_sent_kprobe"),
            ("tcp_send_active_reset", "reset_sent_active_kprobe"),
        ]),
        // Silent for a segment that meets no socket until then.
        complete_since: (6, 12),
        again: false,
        reads: &[],
        feeds: &[Signal::ResetsSent],
    },
    Hook {
        name: "retransmit",
        measures: "segments that TCP sent again",
        tracepoint: "tcp_retransmit_skb",
        probes: Probes::All(&[("__tcp_retransmit_skb", "retransmit_kprobe")]),
        complete_since: (0, 0),
        again: false,
        reads: &[
            Member::SkbTcpGsoSegs,
            Member::SkbTcpFlags,
            Member::CongestionState,
            Member::PendingTimer,
        ],
        feeds: &[Signal::Retransmits],
    },
    Hook {
        name: "retransmit_synack",
        measures: "answers to connection requests that TCP sent again",
        tracepoint: "tcp_retransmit_synack",
        probes: Probes::All(&[("tcp_rtx_synack", "retransmit_synack_kprobe")]),
        complete_since: (0, 0),
        again: false,
        reads: SOCKET,
        feeds: &[Signal::SynackRetransmits],
    },
];

impl Hook {
    /// The rungs, best first on a kernel of this version.
    pub(super) fn ladder(&self, kernel: (u32, u32)) -> [Rung; 3] {
        if kernel < self.complete_since {
            [Rung::Kprobe, Rung::TpBtf, Rung::RawTp]
        } else {
            [Rung::TpBtf, Rung::RawTp, Rung::Kprobe]
        }
    }

    /// The names of all programs for a rung.
    pub(super) fn programs(&self, rung: Rung) -> Vec<String> {
        let again = self.again && rung != Rung::Kprobe;
        let again = again.then(|| format!("{}_again_{}", self.name, rung.label()));
        std::iter::once(self.program(rung)).chain(again).collect()
    }

    /// The name of the program for a rung, the first one if there are two.
    pub(super) fn program(&self, rung: Rung) -> String {
        format!("{}_{}", self.name, rung.label())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_signal_has_two_hooks() {
        let mut fed: Vec<_> = HOOKS.iter().flat_map(|hook| hook.feeds).collect();
        let all = fed.len();
        fed.sort_unstable();
        fed.dedup();
        assert_eq!(fed.len(), all);
    }

    #[test]
    fn the_best_rung_depends_on_the_kernel() {
        let best = |name, kernel| {
            HOOKS.iter().find(|hook| hook.name == name).map(|hook| hook.ladder(kernel)[0])
        };
        for (name, kernel, rung) in [
            ("reset_sent", (5, 10), Rung::Kprobe),
            ("reset_sent", (6, 1), Rung::Kprobe),
            ("reset_sent", (6, 12), Rung::TpBtf),
            ("reset_received", (5, 10), Rung::TpBtf),
            ("retransmit", (5, 10), Rung::TpBtf),
        ] {
            assert_eq!(best(name, kernel), Some(rung), "{name} on {kernel:?}");
        }
    }
}

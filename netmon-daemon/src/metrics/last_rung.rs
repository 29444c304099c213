//! What families are fed with when no program counts for them: the kernel's own
//! counters of this network namespace.
//!
//! They know fewer labels than the programs. A label that they do not know is
//! empty, which to Prometheus is a label that is not there; it is never made up.

use super::{drops::LISTEN_OVERFLOW, family::Family, model::Rows};
use crate::{
    drops::{SOCKET, SOFTNET, TCP, UDP},
    proc::Counters,
    signal::{PROC, Signal},
    snapshot::Snapshot,
};

/// One row that a counter of the kernel can feed.
struct Rung {
    family: &'static str,
    signal: Signal,
    /// The labels that are known.
    labels: &'static [(&'static str, &'static str)],
    value: fn(&Counters) -> Option<u64>,
}

/// Every such row, by family.
const RUNGS: &[Rung] = &[
    Rung {
        family: "tcp_connections_opened",
        signal: Signal::Connections,
        // Requests, answered or not: the kernel has no counter of those answered.
        labels: &[("role", "active")],
        value: |it| it.tcp_active_opens,
    },
    Rung {
        family: "tcp_connections_opened",
        signal: Signal::Connections,
        labels: &[("role", "passive")],
        value: |it| it.tcp_passive_opens,
    },
    Rung {
        family: "tcp_connect_failures",
        signal: Signal::Connections,
        // Of both ends; half-open connections that the peer reset are no failures
        // of this host.
        labels: &[],
        value: |it| Some(it.tcp_attempt_fails?.saturating_sub(it.embryonic_rsts?)),
    },
    Rung {
        family: "tcp_connections_closed",
        signal: Signal::Connections,
        labels: &[("reason", "timeout")],
        value: |it| it.tcp_abort_on_timeout,
    },
    Rung {
        family: "tcp_connections_closed",
        signal: Signal::Connections,
        labels: &[("reason", "reset_sent")],
        value: |it| Some(it.tcp_abort_on_data? + it.tcp_abort_on_close?),
    },
    Rung {
        family: "tcp_connections_closed",
        signal: Signal::Connections,
        labels: &[("reason", "abort")],
        value: |it| Some(it.tcp_abort_on_memory? + it.tcp_abort_on_linger?),
    },
    Rung {
        family: "tcp_out_of_order",
        signal: Signal::Connections,
        labels: &[],
        value: |it| it.tcp_ofo_queue,
    },
    Rung {
        family: "tcp_retransmits",
        signal: Signal::Retransmits,
        // Answers to requests are among them.
        labels: &[("kind", "syn")],
        value: |it| it.tcp_syn_retrans,
    },
    Rung {
        family: "tcp_retransmits",
        signal: Signal::Retransmits,
        labels: &[],
        value: |it| Some(it.tcp_retrans_segs?.saturating_sub(it.tcp_syn_retrans?)),
    },
    Rung {
        family: "tcp_resets",
        signal: Signal::ResetsSent,
        labels: &[("direction", "egress")],
        value: |it| it.tcp_out_rsts,
    },
    Rung {
        family: "drops",
        signal: Signal::Drops,
        labels: &[("subsystem", SOFTNET), ("reason", "cpu_backlog")],
        value: |it| it.softnet_dropped,
    },
    Rung {
        family: "drops",
        signal: Signal::Drops,
        labels: &[("subsystem", TCP), ("reason", LISTEN_OVERFLOW)],
        value: |it| it.listen_overflows,
    },
    Rung {
        family: "drops",
        signal: Signal::Drops,
        labels: &[("subsystem", TCP), ("reason", "tcp_csum")],
        value: |it| it.tcp_in_csum_errors,
    },
    Rung {
        family: "drops",
        signal: Signal::Drops,
        labels: &[("subsystem", UDP), ("reason", "udp_csum")],
        value: |it| Some(it.udp_in_csum_errors? + it.udp6_in_csum_errors.unwrap_or(0)),
    },
    Rung {
        family: "drops",
        signal: Signal::Drops,
        labels: &[("subsystem", SOCKET), ("reason", "socket_rcvbuff")],
        value: |it| Some(it.udp_rcvbuf_errors? + it.udp6_rcvbuf_errors.unwrap_or(0)),
    },
    Rung {
        family: "drops",
        signal: Signal::Drops,
        labels: &[("subsystem", SOCKET), ("reason", "no_socket")],
        value: |it| Some(it.udp_no_ports? + it.udp6_no_ports.unwrap_or(0)),
    },
    Rung {
        family: "tcp_segments_sent",
        signal: Signal::Packets,
        labels: &[],
        value: |it| it.tcp_out_segs,
    },
    Rung {
        family: "tcp_zero_window",
        signal: Signal::Packets,
        labels: &[("direction", "egress")],
        value: |it| it.tcp_to_zero_window_adv,
    },
];

/// Adds the rows of a family whose signal comes from the kernel's own counters.
pub(super) fn fill(family: &Family, snapshot: &Snapshot, rows: &mut Rows<'_>) {
    for rung in RUNGS.iter().filter(|rung| rung.family == family.name) {
        if snapshot.sources.of(rung.signal) != Some(PROC) {
            continue;
        }
        if let Some(value) = (rung.value)(&snapshot.proc) {
            let known = |name| rung.labels.iter().find(|(label, _)| *label == name);
            let labels: Vec<_> =
                family.labels().map(|name| known(name).map_or("", |(_, value)| value)).collect();
            rows.integer(&labels, value);
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use super::*;
    use crate::metrics::families;

    #[test]
    fn rows_name_what_there_is() {
        let families = families();
        for signal in Signal::ALL {
            let fed = RUNGS.iter().any(|rung| rung.signal == signal);
            assert_eq!(fed, signal.is_in_proc(), "{}", signal.label());
        }
        for rung in RUNGS.iter().filter(|rung| rung.family != "tcp_zero_window") {
            let family = families.iter().find(|family| family.name == rung.family);
            let labels: Vec<_> = family.unwrap().labels().collect();
            assert!(rung.labels.iter().all(|(name, _)| labels.contains(name)), "{}", rung.family);
        }
    }
}

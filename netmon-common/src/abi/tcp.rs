//! What the hooks of the TCP stack count for the host as a whole.

use super::{
    counters::counters,
    labels::{CongestionState, TcpState},
    record::{Ended, Fate},
};

/// Values of `enum sk_rst_reason` that are told apart; it had 26 in kernel 6.18.
/// Others count in the last one.
pub const RESET_REASONS: usize = 64;

/// Values of `enum skb_drop_reason` that are told apart; it had 128 in kernel 6.18.
/// Others, and those of subsystems, count in the last one.
pub const DROP_REASONS: usize = 256;

counters! {
    /// Events of the host's own TCP stack, in all network namespaces.
    pub struct TcpEvents {
        /// Transitions of congestion control, by the state that was entered.
        plain tcp_congestion_transitions[state: CongestionState];
        /// Resets that TCP received, by the state of the connection.
        inner resets_received[state: TcpState];
        /// Connection requests of netmon's own network namespace, as the kernel's ActiveOpens counts them, and those that were never sent.
        inner home_requests;
        /// Of these, requests that failed before a segment left the host.
        inner home_unsent;
        /// Connections accepted in netmon's own namespace, as PassiveOpens counts them.
        inner home_accepted;
        /// Handshakes that failed in netmon's own namespace, as AttemptFails counts them, but for half-open connections that the peer reset.
        inner home_failed;
        /// Segments sent again in netmon's own namespace, as RetransSegs counts them.
        inner home_retransmits;
        /// Resets sent in netmon's own namespace, as OutRsts counts them.
        inner home_resets;
        /// Last steps of handshakes that met a full accept queue in netmon's own namespace, which ListenOverflows counts among others.
        inner home_overflows;
        /// Connections that found no room in the table of open connections.
        inner untracked;
        /// Connections and attempts that ended, by what became of their records.
        inner records[what: Ended, fate: Fate];
    }
}

counters! {
    /// Packets that the kernel dropped for one reason.
    pub struct Dropped {
        /// Packets; a merged one counts once.
        inner packets;
        /// Their bytes.
        inner bytes;
    }
}

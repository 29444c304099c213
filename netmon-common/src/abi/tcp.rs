//! What the tracepoints of the TCP stack count.

use super::{
    counters::counters,
    labels::{Direction, RetransmitKind},
};

counters! {
    /// Events of the host's own TCP stack, in all network namespaces.
    pub struct TcpEvents {
        /// Segments that TCP sent again, as the kernel's own RetransSegs counts them.
        plain tcp_retransmits[kind: RetransmitKind];
        /// Resets that the TCP stack received (ingress) and sent (egress).
        plain tcp_resets[direction: Direction];
    }
}

//! What the TC programs count of connections between others.

use super::{
    counters::counters,
    service::{OTHER_SERVICE, TIMED_SERVICES},
};

counters! {
    /// Connections that this host forwards: neither end is a socket of its own.
    pub struct Forwarded {
        /// Connection requests that this host forwarded, first ones and repeated ones.
        inner forwarded_requests;
        /// Connection requests that this host forwarded, and their answers, whose handshake is not timed: behind IP options or extension headers, or in fragments.
        plain tcp_handshakes_untimed;
    }
}

/// Position of the timings of a service, which the first slots have by themselves.
#[inline(always)]
pub const fn forwarded_times(service: u8) -> u32 {
    (if (service as u32) < TIMED_SERVICES { service } else { OTHER_SERVICE }) as u32
}

//! One kernel hook per file.

mod reset_received;
mod reset_sent;
mod retransmit;
mod retransmit_synack;
mod tc;

use netmon_common::abi::tcp::TcpEvents;

use crate::maps::TCP_EVENTS;

/// Counts an event of the TCP stack.
#[inline(always)]
fn count(count: impl FnOnce(&mut TcpEvents)) {
    if let Some(events) = TCP_EVENTS.get_ptr_mut(0) {
        // SAFETY: the value belongs to this CPU. Each hook has counters of its
        // own, and the kernel does not run a tracing program inside of itself.
        count(unsafe { &mut *events });
    }
}

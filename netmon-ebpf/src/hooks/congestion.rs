//! Changes of the state of congestion control.
//!
//! The kernel also sets the state that a connection is in already: that is no change.

use aya_ebpf::{
    macros::{btf_tracepoint, kprobe, raw_tracepoint},
    programs::{BtfTracePointContext, ProbeContext, RawTracePointContext},
};
use netmon_common::account::bump;

use super::count;
use crate::{kernel::Sock, sock};

/// `tcp_cong_state_set(sk, ca_state)` as a BTF tracepoint.
#[btf_tracepoint(function = "tcp_cong_state_set")]
fn congestion_tp_btf(ctx: BtfTracePointContext) -> i32 {
    state_set(ctx.arg(0), ctx.arg(1));
    0
}

/// The same as a raw tracepoint.
#[raw_tracepoint(tracepoint = "tcp_cong_state_set")]
fn congestion_raw_tp(ctx: RawTracePointContext) -> i32 {
    state_set(ctx.arg(0), ctx.arg(1));
    0
}

/// `tcp_set_ca_state`, which holds the tracepoint.
#[kprobe]
fn congestion_kprobe(ctx: ProbeContext) -> u32 {
    if let (Some(socket), Some(state)) = (ctx.arg(0), ctx.arg(1)) {
        state_set(socket, state);
    }
    0
}

#[inline(always)]
fn state_set(socket: *const Sock, state: u8) {
    // The tracepoint comes before the change.
    if sock::congestion_state(socket) != state {
        count(|events| bump(&mut events.tcp_congestion_transitions, usize::from(state), 1));
    }
}

//! Resets that TCP sends.
//!
//! Before kernel 6.12 the tracepoint is silent for a segment that meets no
//! socket, while the functions are not: there the kprobes are the better rung.

use aya_ebpf::{
    macros::{btf_tracepoint, kprobe, raw_tracepoint},
    programs::{BtfTracePointContext, ProbeContext, RawTracePointContext},
};
use netmon_common::{abi::tcp::RESET_REASONS, account::bump};

use super::{connection, count};
use crate::{
    kernel::{SkBuff, Sock, is_home, is_received_home, reset_tells_reason},
    maps::RESETS_SENT,
};

/// `tcp_send_reset(sk, ..)` as a BTF tracepoint.
#[btf_tracepoint(function = "tcp_send_reset")]
fn reset_sent_tp_btf(ctx: BtfTracePointContext) -> i32 {
    let reason = if reset_tells_reason() { ctx.arg(2) } else { 0 };
    reset(ctx.arg(0), ctx.arg(1), reason);
    0
}

/// The same as a raw tracepoint.
#[raw_tracepoint(tracepoint = "tcp_send_reset")]
fn reset_sent_raw_tp(ctx: RawTracePointContext) -> i32 {
    let reason = if reset_tells_reason() { ctx.arg(2) } else { 0 };
    reset(ctx.arg(0), ctx.arg(1), reason);
    0
}

/// `tcp_v4_send_reset`, `tcp_v6_send_reset` and `tcp_send_active_reset`.
#[kprobe]
fn reset_sent_kprobe(_ctx: ProbeContext) -> u32 {
    reset(core::ptr::null(), core::ptr::null(), 0);
    0
}

#[inline(always)]
fn reset(socket: *const Sock, skb: *const SkBuff, reason: u32) {
    if let Some(resets) = RESETS_SENT.get_ptr_mut(0) {
        // SAFETY: the value belongs to this CPU and to this hook.
        bump(unsafe { &mut *resets }, (reason as usize).min(RESET_REASONS - 1), 1);
    }
    connection::reset_sent(socket);
    // Neither is certain: a segment may meet no socket, an abort has no segment.
    let home = if !socket.is_null() {
        is_home(socket)
    } else if !skb.is_null() {
        is_received_home(skb)
    } else {
        false
    };
    if home {
        count(|events| events.home_resets = events.home_resets.wrapping_add(1));
    }
}

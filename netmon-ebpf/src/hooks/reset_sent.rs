//! Resets that TCP sends.
//!
//! Before kernel 6.12 the tracepoint is silent for a segment that meets no
//! socket, while the functions are not: there the kprobes are the better rung.

use aya_ebpf::{
    macros::{btf_tracepoint, kprobe, raw_tracepoint},
    programs::{BtfTracePointContext, ProbeContext, RawTracePointContext},
};
use netmon_common::{
    abi::{member::Member, tcp::RESET_REASONS},
    account::bump,
    wire::tcp,
};

use super::count;
use crate::{
    ending,
    kernel::{Probed, SkBuff, Sock, has, is_home, is_received_home, reset_tells_reason, tcp_flags},
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

/// `tcp_v4_send_reset(sk, skb, ..)` and `tcp_v6_send_reset`, which answer a segment.
#[kprobe]
fn reset_sent_kprobe(ctx: ProbeContext) -> u32 {
    if let (Some(socket), Some(skb)) = (ctx.arg(0), ctx.arg(1)) {
        answer(socket, skb, told(ctx.arg(2)));
    }
    0
}

/// `tcp_send_active_reset(sk, priority, ..)`, which answers nothing.
#[kprobe]
fn reset_sent_active_kprobe(ctx: ProbeContext) -> u32 {
    if let Some(socket) = ctx.arg(0) {
        reset(socket, core::ptr::null(), told(ctx.arg(2)));
    }
    0
}

/// The reason that functions are given in the same kernels as the tracepoint.
#[inline(always)]
fn told(reason: Option<u32>) -> u32 {
    reason.filter(|_| reset_tells_reason()).unwrap_or(0)
}

/// The functions are called for every segment that deserves an answer, and do not
/// answer a reset.
#[inline(always)]
fn answer(socket: *const Sock, skb: *const SkBuff, reason: u32) {
    if !has(Member::SkbTcpFlags) || tcp_flags::<Probed>(skb) & tcp::RST == 0 {
        reset(socket, skb, reason);
    }
}

#[inline(always)]
fn reset(socket: *const Sock, skb: *const SkBuff, reason: u32) {
    if let Some(resets) = RESETS_SENT.get_ptr_mut(0) {
        // SAFETY: the value belongs to this CPU and to this hook.
        bump(unsafe { &mut *resets }, (reason as usize).min(RESET_REASONS - 1), 1);
    }
    ending::reset_sent(socket);
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

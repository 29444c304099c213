//! Segments that TCP sends again.
//!
//! The tracepoint is the truth: it also sees loss probes, which bypass the
//! function of the same name. One buffer may be several segments. Since 6.16 it
//! also tells of attempts that ended before anything was sent, with an error.

use aya_ebpf::{
    macros::{btf_tracepoint, kprobe, raw_tracepoint},
    programs::{BtfTracePointContext, ProbeContext, RawTracePointContext},
};
use netmon_common::{abi::labels::RetransmitKind, wire::tcp};

use super::count_retransmits;
use crate::kernel::{
    Memory, Probed, SkBuff, Sock, Typed, retransmit_tells_error, tcp_flags, tcp_segments,
};

/// `tcp_retransmit_skb(sk, skb[, err])` as a BTF tracepoint.
#[btf_tracepoint(function = "tcp_retransmit_skb")]
fn retransmit_tp_btf(ctx: BtfTracePointContext) -> i32 {
    if !retransmit_tells_error() || was_tried(ctx.arg(2)) {
        retransmitted::<Typed>(ctx.arg(0), ctx.arg(1));
    }
    0
}

/// The same as a raw tracepoint.
#[raw_tracepoint(tracepoint = "tcp_retransmit_skb")]
fn retransmit_raw_tp(ctx: RawTracePointContext) -> i32 {
    if !retransmit_tells_error() || was_tried(ctx.arg(2)) {
        retransmitted::<Probed>(ctx.arg(0), ctx.arg(1));
    }
    0
}

/// `__tcp_retransmit_skb(sk, skb, segs)`, through which loss probes go as well.
#[kprobe(function = "__tcp_retransmit_skb")]
fn retransmit_kprobe(ctx: ProbeContext) -> u32 {
    if let (Some(socket), Some(skb)) = (ctx.arg(0), ctx.arg(1)) {
        retransmitted::<Probed>(socket, skb);
    }
    0
}

/// The errors with which `__tcp_retransmit_skb` ends before it counts the segments
/// in RetransSegs: EAGAIN (no window), ENOMEM, EBUSY (the first copy is still on its
/// way out), EINVAL and EHOSTUNREACH. What fails later is counted there too.
const NOT_TRIED: [i32; 5] = [-11, -12, -16, -22, -113];

#[inline(always)]
fn was_tried(error: i32) -> bool {
    let [again, memory, busy, invalid, unreachable] = NOT_TRIED;
    error != again && error != memory && error != busy && error != invalid && error != unreachable
}

#[inline(always)]
fn retransmitted<M: Memory>(socket: *const Sock, skb: *const SkBuff) {
    let segments = tcp_segments::<M>(skb);
    let kind =
        if tcp_flags::<M>(skb) & tcp::SYN == 0 { RetransmitKind::Rto } else { RetransmitKind::Syn };
    count_retransmits(socket, kind, segments);
}

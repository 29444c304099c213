//! Segments that TCP sends again.
//!
//! The tracepoint is the truth: it also sees loss probes, which bypass the
//! function of the same name. One buffer may be several segments. Since 6.16 it
//! also tells of attempts that ended before anything was sent, with an error.

use aya_ebpf::{
    macros::{btf_tracepoint, kprobe, raw_tracepoint},
    programs::{BtfTracePointContext, ProbeContext, RawTracePointContext},
};
use netmon_common::{
    abi::{
        labels::{CongestionState, RetransmitKind},
        member::Member,
    },
    wire::tcp,
};

use super::count_retransmits;
use crate::{
    kernel::{
        Memory, Probed, SkBuff, Sock, Typed, retransmit_tells_error, tcp_flags, tcp_segments,
    },
    sock,
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

/// `ICSK_TIME_LOSS_PROBE` of include/net/inet_connection_sock.h.
const LOSS_PROBE: u8 = 5;

#[inline(always)]
fn retransmitted<M: Memory>(socket: *const Sock, skb: *const SkBuff) {
    let segments = tcp_segments::<M>(skb);
    let kind = if tcp_flags::<M>(skb) & tcp::SYN == 0 { kind(socket) } else { RetransmitKind::Syn };
    count_retransmits(socket, kind, segments);
}

/// Why a segment of an open connection is sent again, by the state that the kernel
/// sets before it sends (net/ipv4/tcp_timer.c, tcp_output.c, tcp_input.c).
///
/// - Loss: `tcp_retransmit_timer` calls `tcp_enter_loss` first, also when the peer
///   shrank its window to nothing; what `tcp_xmit_retransmit_queue` sends until the
///   loss is mended is still due to the timer (`TCPSlowStartRetrans`). So is what
///   `tcp_simple_retransmit` sends in smaller pieces for the sake of the path MTU:
///   it enters the same state, and nothing tells the two apart.
/// - Recovery: acknowledgements told of the loss, at once or after the reordering
///   time of RACK (`tcp_rack_reo_timeout`). This goes before the pending timer, which
///   may still be the loss probe: an acknowledgement that only adds to SACK leaves it.
/// - A pending loss probe: `tcp_send_loss_probe` clears it only after it has sent. It
///   is scheduled in the states Open and CWR alone.
/// - What remains is sent by `tcp_xmit_retransmit_queue` (`tcp_tsq_write`, when the
///   device has room again), which counts it in `TCPFastRetrans` as well.
#[inline(always)]
fn kind(socket: *const Sock) -> RetransmitKind {
    const RECOVERY: u8 = CongestionState::Recovery as u8;
    const LOSS: u8 = CongestionState::Loss as u8;
    match sock::congestion_state(socket) {
        LOSS => RetransmitKind::Rto,
        RECOVERY => RetransmitKind::Fast,
        _ if sock::read::<u8>(socket, Member::PendingTimer) == LOSS_PROBE => RetransmitKind::Tlp,
        _ => RetransmitKind::Fast,
    }
}

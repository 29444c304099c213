//! Answers to connection requests that TCP sends again.

use aya_ebpf::{
    macros::{btf_tracepoint, kprobe, raw_tracepoint},
    programs::{BtfTracePointContext, ProbeContext, RawTracePointContext},
};
use netmon_common::abi::labels::RetransmitKind;

use super::count_retransmits;
use crate::{kernel::Sock, retried};

/// `tcp_retransmit_synack(sk, req)` as a BTF tracepoint.
#[btf_tracepoint(function = "tcp_retransmit_synack")]
fn retransmit_synack_tp_btf(ctx: BtfTracePointContext) -> i32 {
    retransmitted(ctx.arg(1));
    0
}

/// The same as a raw tracepoint.
#[raw_tracepoint(tracepoint = "tcp_retransmit_synack")]
fn retransmit_synack_raw_tp(ctx: RawTracePointContext) -> i32 {
    retransmitted(ctx.arg(1));
    0
}

/// `tcp_rtx_synack(sk, req)`, the function that holds the tracepoint.
#[kprobe(function = "tcp_rtx_synack")]
fn retransmit_synack_kprobe(ctx: ProbeContext) -> u32 {
    if let Some(request) = ctx.arg(1) {
        retransmitted(request);
    }
    0
}

#[inline(always)]
fn retransmitted(request: *const Sock) {
    count_retransmits(request, RetransmitKind::Synack, 1);
    retried::note(request);
}

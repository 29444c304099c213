//! Answers to connection requests that TCP sends again.

use aya_ebpf::{
    macros::{btf_tracepoint, kprobe, raw_tracepoint},
    programs::{BtfTracePointContext, ProbeContext, RawTracePointContext},
};
use netmon_common::{abi::labels::RetransmitKind, account::bump};

use super::count;

/// `tcp_retransmit_synack(sk, req)` as a BTF tracepoint.
#[btf_tracepoint(function = "tcp_retransmit_synack")]
fn retransmit_synack_tp_btf(_ctx: BtfTracePointContext) -> i32 {
    retransmitted();
    0
}

/// The same as a raw tracepoint.
#[raw_tracepoint(tracepoint = "tcp_retransmit_synack")]
fn retransmit_synack_raw_tp(_ctx: RawTracePointContext) -> i32 {
    retransmitted();
    0
}

/// `tcp_rtx_synack(sk, req)`, the function that holds the tracepoint.
#[kprobe(function = "tcp_rtx_synack")]
fn retransmit_synack_kprobe(_ctx: ProbeContext) -> u32 {
    retransmitted();
    0
}

#[inline(always)]
fn retransmitted() {
    count(|events| bump(&mut events.tcp_retransmits, RetransmitKind::Synack.index(), 1));
}

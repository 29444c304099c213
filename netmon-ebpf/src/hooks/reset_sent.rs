//! Resets that TCP sends.
//!
//! Before kernel 6.12 the tracepoint is silent for a segment that meets no
//! socket, while the functions are not: there the kprobes are the better rung.

use aya_ebpf::{
    macros::{btf_tracepoint, kprobe, raw_tracepoint},
    programs::{BtfTracePointContext, ProbeContext, RawTracePointContext},
};
use netmon_common::{abi::labels::Direction, account::bump};

use super::count;

/// `tcp_send_reset(sk, ..)` as a BTF tracepoint.
#[btf_tracepoint(function = "tcp_send_reset")]
fn reset_sent_tp_btf(_ctx: BtfTracePointContext) -> i32 {
    reset();
    0
}

/// The same as a raw tracepoint.
#[raw_tracepoint(tracepoint = "tcp_send_reset")]
fn reset_sent_raw_tp(_ctx: RawTracePointContext) -> i32 {
    reset();
    0
}

/// `tcp_v4_send_reset`, `tcp_v6_send_reset` and `tcp_send_active_reset`.
#[kprobe]
fn reset_sent_kprobe(_ctx: ProbeContext) -> u32 {
    reset();
    0
}

#[inline(always)]
fn reset() {
    count(|events| bump(&mut events.tcp_resets, Direction::Egress.index(), 1));
}

//! Resets that end a connection of this host.

use aya_ebpf::{
    macros::{btf_tracepoint, kprobe, raw_tracepoint},
    programs::{BtfTracePointContext, ProbeContext, RawTracePointContext},
};
use netmon_common::{abi::labels::Direction, account::bump};

use super::count;

/// `tcp_receive_reset(sk, ..)` as a BTF tracepoint.
#[btf_tracepoint(function = "tcp_receive_reset")]
fn reset_received_tp_btf(_ctx: BtfTracePointContext) -> i32 {
    reset();
    0
}

/// The same as a raw tracepoint.
#[raw_tracepoint(tracepoint = "tcp_receive_reset")]
fn reset_received_raw_tp(_ctx: RawTracePointContext) -> i32 {
    reset();
    0
}

/// `tcp_reset`.
#[kprobe]
fn reset_received_kprobe(_ctx: ProbeContext) -> u32 {
    reset();
    0
}

#[inline(always)]
fn reset() {
    count(|events| bump(&mut events.tcp_resets, Direction::Ingress.index(), 1));
}

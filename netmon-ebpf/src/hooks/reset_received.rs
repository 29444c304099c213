//! Resets that end a connection of this host.

use aya_ebpf::{
    macros::{btf_tracepoint, kprobe, raw_tracepoint},
    programs::{BtfTracePointContext, ProbeContext, RawTracePointContext},
};
use netmon_common::{abi::member::Member, account::bump};

use super::count;
use crate::{kernel::Sock, sock};

/// `tcp_receive_reset(sk, ..)` as a BTF tracepoint.
#[btf_tracepoint(function = "tcp_receive_reset")]
fn reset_received_tp_btf(ctx: BtfTracePointContext) -> i32 {
    reset(ctx.arg(0));
    0
}

/// The same as a raw tracepoint.
#[raw_tracepoint(tracepoint = "tcp_receive_reset")]
fn reset_received_raw_tp(ctx: RawTracePointContext) -> i32 {
    reset(ctx.arg(0));
    0
}

/// `tcp_reset`.
#[kprobe]
fn reset_received_kprobe(ctx: ProbeContext) -> u32 {
    if let Some(socket) = ctx.arg(0) {
        reset(socket);
    }
    0
}

#[inline(always)]
fn reset(socket: *const Sock) {
    let state: u8 = sock::read(socket, Member::SockState);
    count(|events| bump(&mut events.resets_received, usize::from(state), 1));
}

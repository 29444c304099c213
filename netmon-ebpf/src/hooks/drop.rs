//! Packets that the kernel drops.
//!
//! A flood of packets that nobody wants ends here, so this does the least: one
//! lookup, two additions. What a reason means is the daemon's to say.

use aya_ebpf::{
    macros::{btf_tracepoint, kprobe, raw_tracepoint},
    programs::{BtfTracePointContext, ProbeContext, RawTracePointContext},
};
use netmon_common::abi::{member::Member, tcp::DROP_REASONS};

use super::count;
use crate::{
    attempts,
    kernel::{
        Memory, Probed, SkBuff, Typed, drop_tells_reason, is_for_nobody, is_listen_overflow,
        is_received_home,
    },
    maps::DROPS,
};

/// `kfree_skb(skb, location[, reason[, rx_sk]])` as a BTF tracepoint.
#[btf_tracepoint(function = "kfree_skb")]
fn drop_tp_btf(ctx: BtfTracePointContext) -> i32 {
    let reason = if drop_tells_reason() { ctx.arg(2) } else { 0 };
    dropped::<Typed>(ctx.arg(0), reason);
    0
}

/// The same as a raw tracepoint.
#[raw_tracepoint(tracepoint = "kfree_skb")]
fn drop_raw_tp(ctx: RawTracePointContext) -> i32 {
    let reason = if drop_tells_reason() { ctx.arg(2) } else { 0 };
    dropped::<Probed>(ctx.arg(0), reason);
    0
}

/// `sk_skb_reason_drop(sk, skb, reason)`, since 6.11.
#[kprobe(function = "sk_skb_reason_drop")]
fn drop_socket_kprobe(ctx: ProbeContext) -> u32 {
    if let (Some(skb), Some(reason)) = (ctx.arg(1), ctx.arg(2)) {
        let_go(skb, reason);
    }
    0
}

/// `kfree_skb_reason(skb, reason)`, since 5.17.
#[kprobe(function = "kfree_skb_reason")]
fn drop_reason_kprobe(ctx: ProbeContext) -> u32 {
    if let (Some(skb), Some(reason)) = (ctx.arg(0), ctx.arg(1)) {
        let_go(skb, reason);
    }
    0
}

/// `kfree_skb(skb)`, a function until then.
#[kprobe(function = "kfree_skb")]
fn drop_kprobe(ctx: ProbeContext) -> u32 {
    if let Some(skb) = ctx.arg(0) {
        let_go(skb, 0);
    }
    0
}

/// The functions only give a reference back. The packet is dropped with the last one.
#[inline(always)]
fn let_go(skb: *const SkBuff, reason: u32) {
    if !skb.is_null() && Probed::read::<_, u32>(skb, Member::SkbUsers) == 1 {
        dropped::<Probed>(skb, reason);
    }
}

#[inline(always)]
fn dropped<M: Memory>(skb: *const SkBuff, reason: u32) {
    if let Some(drops) = DROPS.get_ptr_mut(0) {
        // SAFETY: the value belongs to this CPU and to this hook, and the kernel does
        // not run a tracing program inside of itself.
        let drops = unsafe { &mut *drops };
        if let Some(place) = drops.get_mut((reason as usize).min(DROP_REASONS - 1)) {
            place.packets = place.packets.wrapping_add(1);
            place.bytes =
                place.bytes.wrapping_add(u64::from(M::read::<_, u32>(skb, Member::SkbLen)));
        }
    }
    // The kernel's ListenOverflows counts these as well, and is a source of the same
    // family of metrics.
    if is_listen_overflow(reason) && is_received_home(skb) {
        count(|events| events.home_overflows = events.home_overflows.wrapping_add(1));
    }
    if is_for_nobody(reason) {
        attempts::refused(skb);
    }
}

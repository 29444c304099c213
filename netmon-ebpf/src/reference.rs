//! Programs that netmon is measured against: nothing at all, one counter, and
//! the two designs that agents of this kind usually have, a flow table in a
//! hash map and an event per packet. Never shipped; `make bench` runs them.

#![no_std]
#![no_main]
#![expect(
    clippy::needless_pass_by_value,
    reason = "the macros of aya hand an entry point its context by value"
)]

mod object;

use aya_ebpf::{
    bindings::{BPF_ANY, TC_ACT_UNSPEC},
    helpers::bpf_ktime_get_ns,
    macros::{btf_tracepoint, classifier, map},
    maps::{HashMap, PerCpuArray, RingBuf},
    programs::{BtfTracePointContext, TcContext},
};

/// One counter of packets and bytes, one value.
#[map]
static COUNTER: PerCpuArray<[u64; 2]> = PerCpuArray::with_max_entries(1, 0);

/// Packets, bytes and the time last seen by flow: what an agent of this design
/// keeps to export and expire a flow.
#[map]
static FLOWS: HashMap<Flow, [u64; 3]> = HashMap::with_max_entries(65_536, 0);

/// One record per packet. Without a reader it fills up, so each record is
/// written and given back.
#[map]
static EVENTS: RingBuf = RingBuf::with_byte_size(1 << 20, 0);

/// A flow key with room for both IP versions, filled from an IPv4 frame without
/// VLAN tags and IP options.
#[repr(C)]
#[derive(Clone, Copy)]
struct Flow {
    source: [u8; 16],
    destination: [u8; 16],
    ports: [u8; 4],
    protocol: u32,
}

/// Does nothing when a packet is dropped.
#[btf_tracepoint(function = "kfree_skb")]
fn empty_drop(_ctx: BtfTracePointContext) -> i32 {
    0
}

/// Does nothing.
#[classifier]
fn empty(_ctx: TcContext) -> i32 {
    TC_ACT_UNSPEC
}

/// Counts packets and bytes.
#[classifier]
fn counter(ctx: TcContext) -> i32 {
    if let Some(counter) = COUNTER.get_ptr_mut(0) {
        // SAFETY: the value belongs to this CPU.
        add(unsafe { &mut *counter }, &ctx);
    }
    TC_ACT_UNSPEC
}

/// Counts packets and bytes by flow.
#[classifier]
fn flow_hash(ctx: TcContext) -> i32 {
    count_flow(&ctx);
    TC_ACT_UNSPEC
}

/// Sends a record to user space.
#[classifier]
fn ring_event(ctx: TcContext) -> i32 {
    send_event(&ctx);
    TC_ACT_UNSPEC
}

#[inline(always)]
fn send_event(ctx: &TcContext) -> Option<()> {
    let flow = flow(ctx)?;
    let mut event = EVENTS.reserve::<[u64; 16]>(0)?;
    let mut record = [0_u64; 16];
    record[0] = u64::from(flow.protocol);
    record[1] = u64::from(ctx.len());
    // SAFETY: the helper has no preconditions.
    record[2] = unsafe { bpf_ktime_get_ns() };
    event.write(record);
    event.discard(0);
    Some(())
}

#[inline(always)]
fn count_flow(ctx: &TcContext) -> Option<()> {
    let flow = flow(ctx)?;
    // SAFETY: the helper has no preconditions.
    let now = unsafe { bpf_ktime_get_ns() };
    if let Some(record) = FLOWS.get_ptr_mut(flow) {
        // SAFETY: the map keeps the value; concurrent adds may be lost, as they
        // are in the designs that this stands for.
        let [packets, bytes, seen] = unsafe { &mut *record };
        *packets = packets.wrapping_add(1);
        *bytes = bytes.wrapping_add(u64::from(ctx.len()));
        *seen = now;
        return Some(());
    }
    FLOWS.insert(flow, [1, u64::from(ctx.len()), now], u64::from(BPF_ANY)).ok()
}

#[inline(always)]
fn flow(ctx: &TcContext) -> Option<Flow> {
    let (start, end) = (ctx.data(), ctx.data_end());
    if start + 38 > end {
        return None;
    }
    let mut flow = Flow { source: [0; 16], destination: [0; 16], ports: [0; 4], protocol: 0 };
    // SAFETY: 38 bytes were just checked.
    unsafe {
        flow.source[..4].copy_from_slice(&((start + 26) as *const [u8; 4]).read_unaligned());
        flow.destination[..4].copy_from_slice(&((start + 30) as *const [u8; 4]).read_unaligned());
        flow.ports = ((start + 34) as *const [u8; 4]).read_unaligned();
        flow.protocol = u32::from(*((start + 23) as *const u8));
    }
    Some(flow)
}

#[inline(always)]
fn add(counter: &mut [u64; 2], ctx: &TcContext) {
    counter[0] = counter[0].wrapping_add(1);
    counter[1] = counter[1].wrapping_add(u64::from(ctx.len()));
}

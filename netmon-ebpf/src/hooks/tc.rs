//! Every packet of a device: TCX or clsact, ingress and egress.

use aya_ebpf::{
    bindings::{__sk_buff, TC_ACT_UNSPEC},
    macros::classifier,
    programs::TcContext,
};
use netmon_common::{
    abi::{
        labels::Direction,
        slot::{OTHER_SLOT, SlotEntry, tally_key},
    },
    account::{Volume, account},
    bytes::Bytes,
    packet::{self, Link, Packet, Remote},
    reject::Reject,
};

use crate::{
    debug,
    maps::{SLOTS, TALLIES_BY_SLOT},
    skb::Linear,
};

/// Counts what a device receives.
#[classifier]
fn netmon_ingress(ctx: TcContext) -> i32 {
    count(ctx, Direction::Ingress);
    TC_ACT_UNSPEC
}

/// Counts what a device sends.
#[classifier]
fn netmon_egress(ctx: TcContext) -> i32 {
    count(ctx, Direction::Egress);
    TC_ACT_UNSPEC
}

/// Bytes that are made linear when headers lie elsewhere. A chain of eight
/// extension headers of the usual 8 bytes, behind two VLAN tags, ends at 146.
const PULL: u32 = 192;

/// Length of the VLAN tag that the kernel moves out of the frame.
const VLAN_TAG_LEN: u64 = 4;

/// A packet on its way through a device.
struct Crossing {
    ctx: TcContext,
    direction: Direction,
    slot: u32,
    link: Link,
}

#[inline(always)]
fn count(ctx: TcContext, direction: Direction) -> Option<()> {
    let skb = ctx.skb.skb;
    // SAFETY: the context of a TC program is a valid `__sk_buff`.
    let (ifindex, len) = unsafe { ((*skb).ifindex, (*skb).len) };
    let entry = *SLOTS.get(SlotEntry::position(ifindex))?;
    let (slot, link) = if SlotEntry::word_ifindex(entry) == ifindex {
        (SlotEntry::word_slot(entry), link(SlotEntry::word_link(entry)))
    } else {
        debug::unknown_device(&ctx, ifindex);
        (OTHER_SLOT, Link::Ethernet)
    };
    let crossing = Crossing { ctx, direction, slot, link };
    let (packet, linear) = parse(&crossing);
    let cut =
        packet.is_rejected_as(Reject::Truncated) || packet.is_rejected_as(Reject::TinyFragment);
    if cut && linear < len as usize {
        count_again(skb, direction as u32, slot, link as u32);
        return Some(());
    }
    record(&crossing, packet)
}

/// Counts a packet whose headers were not linear. Apart from the main path, so
/// that the compiler cannot fold the two reads of `data` into one.
#[inline(never)]
fn count_again(skb: *mut __sk_buff, direction: u32, slot: u32, link_index: u32) -> u32 {
    let ctx = TcContext::new(skb);
    let len = ctx.len();
    // Where this fails, the packet is counted as truncated, which it is to us.
    let _ = ctx.pull_data(if len < PULL { len } else { PULL });
    let direction =
        if direction == Direction::Ingress as u32 { Direction::Ingress } else { Direction::Egress };
    let crossing = Crossing { ctx, direction, slot, link: link(link_index as usize) };
    let (packet, _) = parse(&crossing);
    record(&crossing, packet);
    0
}

/// The link types that devices have.
#[inline(always)]
fn link(index: usize) -> Link {
    if index == Link::Ethernet.index() {
        Link::Ethernet
    } else if index == Link::Raw.index() {
        Link::Raw
    } else {
        Link::Unknown
    }
}

/// Parses the linear part by direct access, and says how long it is.
#[inline(always)]
fn parse(crossing: &Crossing) -> (Packet, usize) {
    let remote = match crossing.direction {
        Direction::Ingress => Remote::Source,
        Direction::Egress => Remote::Destination,
    };
    let linear = Linear::new(&crossing.ctx);
    (packet::parse(&linear, crossing.link, remote), linear.len())
}

#[inline(always)]
fn record(crossing: &Crossing, mut packet: Packet) -> Option<()> {
    let skb = crossing.ctx.skb.skb;
    // SAFETY: the context of a TC program is a valid `__sk_buff`.
    let (len, vlan, gso_size, gso_segments) =
        unsafe { ((*skb).len, (*skb).vlan_present, (*skb).gso_size, (*skb).gso_segs) };
    let mut bytes = u64::from(len);
    if vlan != 0 {
        packet = packet.with_outer_tag();
        bytes = bytes.wrapping_add(VLAN_TAG_LEN);
    }
    let volume = if gso_size == 0 {
        Volume::packet(bytes)
    } else {
        let headers = packet.headers();
        Volume::merged(bytes, headers, u64::from(gso_size), u64::from(gso_segments))
    };
    // The sizes are compared with a dozen bounds; what the verifier learns from
    // that must not stay with the byte count that goes on from here.
    let bytes = Linear::new(&crossing.ctx);
    let volume = Volume {
        segment_bytes: bytes.forget(volume.segment_bytes),
        last_bytes: bytes.forget(volume.last_bytes),
        ..volume
    };
    let tally = TALLIES_BY_SLOT.get_ptr_mut(tally_key(crossing.slot, crossing.direction))?;
    // SAFETY: the value belongs to this CPU. A packet that is counted in a
    // softirq between two adds of another one touches whole words only.
    account(unsafe { &mut *tally }, packet, &volume);
    Some(())
}

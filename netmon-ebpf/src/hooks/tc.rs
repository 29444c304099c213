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
        tally::Tally,
    },
    account::{Volume, account, account_merged},
    bytes::Bytes as _,
    packet::{self, Link, Packet, Remote, Transport},
    wire::dns::{Ports, Spoken},
};

use crate::{
    attempts, debug, dns, handover,
    maps::{SLOTS, TALLIES_BY_SLOT},
    scope,
    skb::{Linear, Reread},
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

/// Reads an attempt to connect that a device received.
#[classifier]
fn netmon_attempt_ingress(ctx: TcContext) -> i32 {
    attempts::read(&ctx, Direction::Ingress);
    TC_ACT_UNSPEC
}

/// Reads an attempt to connect that a device sent.
#[classifier]
fn netmon_attempt_egress(ctx: TcContext) -> i32 {
    attempts::read_leaving(&ctx);
    TC_ACT_UNSPEC
}

/// Reads an answer to an attempt to connect between others.
#[classifier]
fn netmon_attempt_answered(ctx: TcContext) -> i32 {
    attempts::read(&ctx, Direction::Egress);
    TC_ACT_UNSPEC
}

/// Reads a DNS message that a device received.
#[classifier]
fn netmon_dns_ingress(ctx: TcContext) -> i32 {
    dns::read_datagram(&ctx, Direction::Ingress);
    TC_ACT_UNSPEC
}

/// Reads a DNS message that a device sent.
#[classifier]
fn netmon_dns_egress(ctx: TcContext) -> i32 {
    dns::read_datagram(&ctx, Direction::Egress);
    TC_ACT_UNSPEC
}

/// Reads a segment with DNS in it that a device received.
#[classifier]
fn netmon_stream_ingress(ctx: TcContext) -> i32 {
    dns::read_segment(&ctx, Direction::Ingress);
    TC_ACT_UNSPEC
}

/// Reads a segment with DNS in it that a device sent.
#[classifier]
fn netmon_stream_egress(ctx: TcContext) -> i32 {
    dns::read_segment(&ctx, Direction::Egress);
    TC_ACT_UNSPEC
}

/// Reads on in a segment with DNS in it.
#[classifier]
fn netmon_read_stream(ctx: TcContext) -> i32 {
    dns::read_stream(&ctx);
    TC_ACT_UNSPEC
}

/// Bytes that are made linear when headers lie elsewhere. A chain of eight
/// extension headers of the usual 8 bytes, behind two VLAN tags, ends at 146.
const PULL: u32 = 192;

/// Length of the VLAN tag that the kernel moves out of the frame.
const VLAN_TAG_LEN: u64 = 4;

/// Where a packet is counted.
struct Place {
    tally: &'static mut Tally,
    /// What the slot table says of the device.
    entry: u64,
    /// A number of which the verifier knows nothing.
    unknown: u64,
}

/// Counts a packet. Nearly all go the short way, which everything else is kept
/// out of.
#[inline(always)]
fn count(ctx: TcContext, direction: Direction) -> Option<()> {
    let skb = ctx.skb.skb;
    let place = place(skb, direction)?;
    let word = if SlotEntry::word_tables(place.entry) {
        count_within(skb, direction as u32)
    } else if let Some(packet) = usual(skb, &place, direction) {
        let (packet, bytes) = with_outer_tag(skb, packet);
        account(place.tally, packet, &Volume::packet(bytes));
        packet.to_word()
    } else {
        UNUSUAL
    };
    let word = if word == UNUSUAL { count_any(skb, direction as u32) } else { word };
    let packet = Packet::from_word(word);
    if packet.is_plain() {
        return Some(());
    }
    if packet.is_dns() || packet.is(Transport::DnsSegment) || packet.may_ask() != 0 {
        handover::pass_on(&ctx, direction, packet);
    }
    Some(())
}

/// The word of a packet that was not counted yet; that of none.
const UNUSUAL: u64 = u64::MAX;

/// Counts a packet that goes the short way, with the scope that the configured
/// networks give it.
#[inline(never)]
fn count_within(skb: *mut __sk_buff, direction: u32) -> u64 {
    let direction = way(direction);
    let Some(mut place) = place(skb, direction) else { return 0 };
    place.entry = Reread::new(skb, place.unknown).forget(place.entry);
    let Some(packet) = usual_on(skb, &place, direction, &dns::Configured) else { return UNUSUAL };
    let packet = in_scope(skb, &place, direction, packet);
    let (packet, bytes) = with_outer_tag(skb, packet);
    account(place.tally, packet, &Volume::packet(bytes));
    packet.to_word()
}

/// Walks a frame the short way, if it can go it.
#[inline(always)]
fn usual(skb: *mut __sk_buff, place: &Place, direction: Direction) -> Option<Packet> {
    usual_on(skb, place, direction, &Ports::STANDARD)
}

/// The same where DNS is spoken on these ports.
#[inline(always)]
fn usual_on(
    skb: *mut __sk_buff,
    place: &Place,
    direction: Direction,
    ports: &impl Spoken,
) -> Option<Packet> {
    // SAFETY: the context of a TC program is a valid `__sk_buff`.
    let merged = unsafe { (*skb).gso_size } != 0;
    if merged || SlotEntry::word_link(place.entry) != Link::Ethernet.index() {
        return None;
    }
    packet::shortcut_on(&Linear::new(skb, place.unknown), remote(direction), ports)
}

/// Counts any packet, and returns its word.
#[inline(never)]
fn count_any(skb: *mut __sk_buff, direction: u32) -> u64 {
    let direction = way(direction);
    let Some(mut place) = place(skb, direction) else { return 0 };
    // Of a device that is not in the table the verifier knows the entry, and
    // would walk every path once more for that.
    place.entry = Reread::new(skb, place.unknown).forget(place.entry);
    let mut packet = walk(skb, &place, remote(direction));
    if SlotEntry::word_tables(place.entry) {
        packet = in_scope(skb, &place, direction, packet);
    }
    let (packet, bytes) = with_outer_tag(skb, packet);
    let word = packet.to_word();
    // Only merged segments, which all come here, ask for the headers on the wire.
    // SAFETY: the context of a TC program is a valid `__sk_buff`.
    let beside = bytes.wrapping_sub(u64::from(unsafe { (*skb).len }));
    let packet = packet.with_longer_headers(beside);
    // SAFETY: as above.
    if unsafe { (*skb).gso_size } != 0 {
        count_merged(skb, direction as u32, packet.headers());
    }
    account(place.tally, packet, &volume(skb, packet.headers(), bytes));
    word
}

/// Counts what merging saved of a buffer with so many bytes of headers.
#[inline(never)]
fn count_merged(skb: *mut __sk_buff, direction: u32, headers: u64) -> u32 {
    if let Some(place) = place(skb, way(direction)) {
        let (_, bytes) = with_outer_tag(skb, Packet::from_word(0));
        account_merged(place.tally, &volume(skb, headers, bytes));
    }
    0
}

/// Finds the counters of the device.
#[inline(always)]
fn place(skb: *mut __sk_buff, direction: Direction) -> Option<Place> {
    // SAFETY: the context of a TC program is a valid `__sk_buff`.
    let ifindex = unsafe { (*skb).ifindex };
    let unknown = *SLOTS.get(SlotEntry::position(ifindex))?;
    // An empty entry names the slot "other" and Ethernet.
    const { assert!(OTHER_SLOT == 0 && Link::Ethernet.index() == 0) };
    let entry = if SlotEntry::word_ifindex(unknown) == ifindex {
        unknown
    } else {
        debug::unknown_device(&TcContext::new(skb), ifindex);
        0
    };
    let tally = TALLIES_BY_SLOT.get_ptr_mut(tally_key(SlotEntry::word_slot(entry), direction))?;
    // SAFETY: the value belongs to this CPU, and TC programs run with softirqs
    // off: no other packet is counted between the read and the write of a word.
    let tally = unsafe { &mut *tally };
    Some(Place { tally, entry, unknown })
}

/// Walks a frame, and once more after a pull if its headers were not linear.
///
/// Not as a loop: where the compiler enters one from above by falling through,
/// kernels up to 6.1 see a back edge (`check_cfg` in kernel/bpf/verifier.c) and
/// refuse the program.
#[inline(always)]
fn walk(skb: *mut __sk_buff, place: &Place, remote: Remote) -> Packet {
    // SAFETY: the context of a TC program is a valid `__sk_buff`.
    let len = unsafe { (*skb).len };
    let linear_len = Reread::new(skb, place.unknown).len();
    let (link, remote) = (SlotEntry::word_link(place.entry), remote as u32);
    let packet = Packet::from_word(walk_linear(skb, place.unknown, link, remote));
    if linear_len >= len as usize || !packet.is_cut_at(linear_len) {
        return packet;
    }
    // Where this fails, the packet is counted as truncated, which it is to us.
    let _ = TcContext::new(skb).pull_data(if len < PULL { len } else { PULL });
    Packet::from_word(walk_linear(skb, place.unknown, link, remote))
}

/// Walks the linear part of a frame: the word of its packet.
#[inline(never)]
fn walk_linear(skb: *mut __sk_buff, unknown: u64, link_index: usize, remote: u32) -> u64 {
    let remote = if remote == Remote::Source as u32 { Remote::Source } else { Remote::Destination };
    let linear = Reread::new(skb, unknown);
    packet::parse_on(&linear, link(link_index), remote, &dns::Configured).to_word()
}

/// The packet with the scope that the configured networks give it.
#[inline(always)]
fn in_scope(skb: *mut __sk_buff, place: &Place, direction: Direction, packet: Packet) -> Packet {
    let (link, remote) = (SlotEntry::word_link(place.entry), remote(direction) as u32);
    Packet::from_word(within(skb, place.unknown, link, remote, packet.to_word()))
}

/// The word of a packet with the scope that the configured networks give it.
#[inline(never)]
fn within(skb: *mut __sk_buff, unknown: u64, link_index: usize, remote: u32, word: u64) -> u64 {
    let remote = if remote == Remote::Source as u32 { Remote::Source } else { Remote::Destination };
    let linear = Reread::new(skb, unknown);
    let mut packet = Packet::from_word(word);
    if let Some(networks) = scope::networks() {
        packet = packet::within(packet, &linear, link(link_index), remote, networks);
    }
    linear.forget(packet.to_word())
}

/// Adds the tag that the kernel keeps beside the frame, if there is one, to what
/// was found in it, and says how many bytes that makes.
#[inline(always)]
fn with_outer_tag(skb: *mut __sk_buff, packet: Packet) -> (Packet, u64) {
    // SAFETY: the context of a TC program is a valid `__sk_buff`.
    let (len, vlan) = unsafe { ((*skb).len, (*skb).vlan_present) };
    // 0 or 1: to calculate with it is cheaper than to ask.
    let tags = u64::from(vlan);
    let bytes = u64::from(len).wrapping_add(tags.wrapping_mul(VLAN_TAG_LEN));
    (packet.with_outer_tags(tags), bytes)
}

/// What a packet was on the wire.
#[inline(always)]
fn volume(skb: *mut __sk_buff, headers: u64, bytes: u64) -> Volume {
    // SAFETY: the context of a TC program is a valid `__sk_buff`.
    let (gso_size, gso_segments) = unsafe { ((*skb).gso_size, (*skb).gso_segs) };
    if gso_size == 0 {
        Volume::packet(bytes)
    } else {
        Volume::merged(bytes, headers, u64::from(gso_size), u64::from(gso_segments))
    }
}

/// The direction of a number.
#[inline(always)]
const fn way(direction: u32) -> Direction {
    if direction == Direction::Ingress as u32 { Direction::Ingress } else { Direction::Egress }
}

/// The remote end of a packet that crosses a device in this direction.
#[inline(always)]
const fn remote(direction: Direction) -> Remote {
    match direction {
        Direction::Ingress => Remote::Source,
        Direction::Egress => Remote::Destination,
    }
}

/// The link types that devices have.
#[inline(always)]
pub(crate) fn link(index: usize) -> Link {
    if index == Link::Ethernet.index() {
        Link::Ethernet
    } else if index == Link::Raw.index() {
        Link::Raw
    } else {
        Link::Unknown
    }
}

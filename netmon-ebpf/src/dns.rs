//! Packets with DNS in them: what stands where, and how they are seen.

#![expect(
    clippy::cast_possible_truncation,
    reason = "offsets in a packet are below 2^16, and addresses have 64 bits here"
)]

use aya_ebpf::{bindings::__sk_buff, programs::TcContext};
use netmon_common::{
    abi::{
        dns::Lookups,
        labels::Direction,
        slot::{LOOPBACK, SlotEntry},
    },
    bytes::Bytes,
    dns::{
        Books as _, Datagram, Kind, LONGEST_QUESTION, Place, Progress, Segment, Sighting, open,
        read_on,
    },
    packet::{Packet, Transport},
    wire::dns::Spoken,
};

use crate::{
    books::{Maps, lookups},
    device, handover,
    maps::DNS_SETTINGS,
    names,
    skb::{Anywhere, Loaded},
};

/// How a message is seen at a device whose entry this is, and the number of the vantage.
#[inline(always)]
fn sighting<B: Bytes>(
    skb: *mut __sk_buff,
    bytes: &B,
    entry: u64,
    direction: Direction,
) -> (Sighting, u32) {
    let vantage = SlotEntry::word_vantage(entry);
    // SAFETY: the context of a TC program is a valid `__sk_buff`.
    let from = unsafe { (*skb).ingress_ifindex };
    let seen = if vantage == 0 {
        Sighting::AGAIN
    } else if direction == Direction::Ingress {
        // What is sent on the loopback device is received there.
        if vantage == LOOPBACK { Sighting::AGAIN } else { Sighting::FIRST }
    } else if from == 0 {
        Sighting::FIRST
    } else {
        forwarded(device::entry(from), vantage)
    };
    // Forgotten, or the verifier would walk all that follows for each answer.
    (seen.forgotten(bytes), vantage)
}

/// How a message is seen that came in by another device, whose entry this is.
#[inline(always)]
fn forwarded(entry: u64, vantage: u32) -> Sighting {
    if entry == 0 {
        Sighting::FIRST
    } else if SlotEntry::word_vantage(entry) == vantage {
        Sighting::AGAIN
    } else {
        Sighting::ELSEWHERE
    }
}

/// The ports on which DNS is spoken, looked up when they are asked for: a pointer to them
/// would take a place on the stack from the parser.
pub(crate) struct Configured;

impl Spoken for Configured {
    #[inline(always)]
    fn has_any(&self, ports: [u16; 2]) -> bool {
        DNS_SETTINGS.get(0).is_some_and(|settings| settings.ports.has_any(ports))
    }
}

/// Reads a message over UDP.
#[inline(always)]
pub(crate) fn read_datagram(ctx: &TcContext, direction: Direction) -> Option<()> {
    let skb = ctx.skb.skb;
    let lookups = lookups()?;
    let transport = begun(skb, lookups);
    // SAFETY: the value belongs to this CPU, and TC programs run with softirqs off.
    let left = unsafe { &(*lookups).left };
    let bytes = Anywhere::new(skb, left.unknown);
    let packet = Packet::from_word(left.unknown);
    let place = place(skb, &bytes, packet, direction, transport);
    // SAFETY: the context of a TC program is a valid `__sk_buff`.
    let times = u64::from(unsafe { (*skb).gso_segs }.max(1));
    let maps = Maps::new(skb, lookups, left.unknown, &place, direction);
    let note = left.datagram.note(&bytes, &place, times, maps.keys());
    if maps.count(note) {
        // SAFETY: as above.
        unsafe { (*lookups).left.note = note };
        names::hand_on(skb);
    }
    Some(())
}

/// Reads the beginning of a message over UDP, and says where its UDP header stands. Before
/// all else: the verifier would walk a name for every way to it.
#[inline(always)]
fn begun(skb: *mut __sk_buff, lookups: *mut Lookups) -> usize {
    // SAFETY: the value belongs to this CPU, and TC programs run with softirqs off.
    let left = unsafe { &mut (*lookups).left };
    let packet = Packet::from_word(left.unknown);
    let at = packet.headers() as usize;
    let end = at.wrapping_add(packet.claimed_message_len() as usize);
    // SAFETY: the context of a TC program is a valid `__sk_buff`.
    let len = unsafe { (*skb).len };
    let wanted = (at.wrapping_add(LONGEST_QUESTION) as u32).min(len);
    let mut bytes = Anywhere::new(skb, left.unknown);
    if bytes.len() < wanted as usize {
        // Where this fails, the message is cut, which it is to us.
        let _ = TcContext::new(skb).pull_data(wanted);
        bytes = Anywhere::new(skb, left.unknown);
    }
    let kind = if packet.is(Transport::DnsQuery) {
        Kind::Query
    } else if packet.is(Transport::DnsResponse) {
        Kind::Response
    } else {
        Kind::Short
    };
    left.datagram = Datagram::read(&bytes, kind, at, end);
    at.wrapping_sub(UDP_LEN)
}

/// Length of a UDP header.
const UDP_LEN: usize = 8;

/// What the headers say of a packet whose transport header is at this offset.
#[inline(always)]
fn place<B: Bytes>(
    skb: *mut __sk_buff,
    bytes: &B,
    packet: Packet,
    direction: Direction,
    transport: usize,
) -> Place {
    // SAFETY: the context of a TC program is a valid `__sk_buff`.
    let (ifindex, beside) = unsafe { ((*skb).ifindex, (*skb).vlan_present) };
    let entry = bytes.forget(device::entry(ifindex));
    let network = packet.network(SlotEntry::word_link(entry), u64::from(beside));
    let network = bytes.forget(network) as usize;
    let version_6 = packet.version_6();
    let (sighting, vantage) = sighting(skb, bytes, entry, direction);
    Place { network, version_6, transport, sighting, vantage: u64::from(vantage) }
}

/// Reads a segment of a stream, one message at a time.
#[inline(always)]
pub(crate) fn read_segment(ctx: &TcContext, direction: Direction) -> Option<()> {
    let skb = ctx.skb.skb;
    let lookups = lookups()?;
    // SAFETY: the value belongs to this CPU, and TC programs run with softirqs off.
    let word = unsafe { (*lookups).left.unknown };
    let bytes = Loaded::new(skb, word);
    let mut place = place(skb, &bytes, Packet::from_word(word), direction, 0);
    let network = place.network;
    let behind = if place.version_6 != 0 {
        let [_, _, _, _, l0, l1, next, _] = bytes.array(network)?;
        if next != TCP {
            return None;
        }
        place.transport = network.wrapping_add(40);
        place.transport.wrapping_add(u16::from_be_bytes([l0, l1]) as usize)
    } else {
        let [version, _, l0, l1] = bytes.array(network)?;
        place.transport = network.wrapping_add(usize::from(version & 0xf).wrapping_mul(4));
        network.wrapping_add(u16::from_be_bytes([l0, l1]) as usize)
    };
    place.transport = bytes.forget_offset(place.transport);
    place.version_6 = bytes.forget(place.version_6);
    let Place { transport, .. } = place;
    let sequence = bytes.be32(transport.wrapping_add(4))?;
    let [offset, flags] = bytes.array(transport.wrapping_add(12))?;
    // SAFETY: as above.
    let len = unsafe { (*skb).len } as usize;
    // Large buffers say no length (BIG TCP), and short frames have more bytes than that.
    let end = bytes.forget_offset(if behind <= transport { len } else { behind.min(len) });
    let at = transport.wrapping_add(usize::from(offset >> 4).wrapping_mul(4));
    let read = Segment { sequence, flags, at, end, direction: direction as u16 };
    let mut maps = Maps::new(skb, lookups, word, &place, direction);
    let opened = open(&mut maps, &bytes, &place, &read)?;
    // SAFETY: as above.
    unsafe { (*lookups).left.opened = opened };
    handover::read_on(ctx);
    Some(())
}

/// Reads on in a segment whose stream was found, one message at a time.
#[inline(always)]
pub(crate) fn read_stream(ctx: &TcContext) -> Option<()> {
    let skb = ctx.skb.skb;
    let lookups = lookups()?;
    let mut maps = Maps::left(skb, lookups);
    // SAFETY: the value belongs to this CPU, and TC programs run with softirqs off.
    let opened = unsafe { &mut (*lookups).left.opened };
    for _ in 0..AT_ONCE {
        if read_on(&mut maps, opened) == Progress::Done {
            return Some(());
        }
    }
    handover::read_on(ctx);
    // It was called as often as the kernel lets programs call one another.
    let tally = maps.tally()?;
    tally.streams_lost = tally.streams_lost.wrapping_add(1);
    Some(())
}

/// How often the steps that are done at once are done before the next program is called:
/// what a verifier of a hundred thousand instructions has room for.
const AT_ONCE: usize = 4;

/// Protocol number of TCP.
const TCP: u8 = 6;

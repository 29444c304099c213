//! DNS messages, as the rules of netmon-common count and follow them: here are maps,
//! clock and keys.

use core::{arch::asm, ptr};

use aya_ebpf::{Global, bindings::__sk_buff, helpers::bpf_ktime_get_ns, programs::TcContext};
use netmon_common::{
    abi::{
        dns::{DnsSettings, DnsTally, Left, LookupTimes, Lookups, dns_tally},
        labels::Direction,
        slot::{LOOPBACK, SlotEntry},
    },
    bytes::Bytes,
    dns::{
        Books, Datagram, Keys, Kind, LONGEST_QUESTION, Note, Opened, Place, Progress, Segment, Set,
        Sighting, Span, StreamSet, UNREAD, WAYS, advance, conclude, open, read_on, settle,
    },
    packet::{self, Link, Packet, Transport},
    wire::{
        dns::Spoken,
        ethernet::{ETHERTYPE_IPV4, ETHERTYPE_IPV6},
    },
};

use crate::{
    device,
    maps::{
        DNS_LOOKUP_SETS, DNS_LOOKUPS, DNS_PROGRAMS, DNS_SETTINGS, DNS_STREAMS,
        DNS_TALLIES_BY_VANTAGE, DNS_TIMES,
    },
    names,
    skb::{Anywhere, Loaded, opaque, zero},
};

/// By what lookups are hashed: random numbers, drawn by the daemon when it loads the
/// programs.
#[unsafe(no_mangle)]
static LOOKUP_KEYS: Global<Keys> = Global::new([0; 10]);

/// The maps, for a message at one vantage and in one direction.
struct Maps {
    skb: *mut __sk_buff,
    zero: u64,
    tally: u32,
}

impl Maps {
    /// The maps for a message at such a place, as [`settled`] finds them, too.
    #[inline(always)]
    fn new(skb: *mut __sk_buff, unknown: u64, place: &Place, direction: Direction) -> Option<Self> {
        let tally = dns_tally(place.vantage as u32, direction);
        let lookups = DNS_LOOKUPS.get_ptr_mut(0)?;
        // SAFETY: the value belongs to this CPU, and TC programs run with softirqs off.
        unsafe { (*lookups).left.tally = u64::from(tally) };
        Some(Self { skb, zero: zero(unknown), tally })
    }
}

/// A set of open lookups in the map. Other CPUs write to it too, whole words that are right
/// whichever of them stays.
struct Shared {
    set: *mut u64,
    zero: u64,
}

impl Set for Shared {
    #[inline(always)]
    fn get(&self, at: usize) -> u64 {
        // SAFETY: a value of the map, of which this is a word.
        unsafe { self.set.add(at & (WAYS - 1)).read_volatile() }
    }

    #[inline(always)]
    fn set(&mut self, at: usize, word: u64) {
        // SAFETY: as above.
        unsafe { self.set.add(at & (WAYS - 1)).write_volatile(word) }
    }

    #[inline(always)]
    fn forget(&self, at: usize) -> usize {
        (opaque(at as u64) ^ self.zero) as usize
    }
}

impl Books for Maps {
    type Set = Shared;

    #[inline(always)]
    fn tally(&mut self) -> Option<&mut DnsTally> {
        // SAFETY: the value belongs to this CPU, and TC programs run with softirqs off: no
        // other packet is counted between the read and the write of a word.
        DNS_TALLIES_BY_VANTAGE.get_ptr_mut(self.tally).map(|tally| unsafe { &mut *tally })
    }

    #[inline(always)]
    fn lookups(&mut self) -> Option<&mut Lookups> {
        // SAFETY: as above.
        DNS_LOOKUPS.get_ptr_mut(0).map(|lookups| unsafe { &mut *lookups })
    }

    #[inline(always)]
    fn set(&mut self, position: u32) -> Option<Shared> {
        let set = DNS_LOOKUP_SETS.get_ptr_mut(position)?.cast();
        Some(Shared { set, zero: self.zero })
    }

    #[inline(always)]
    fn times(&mut self, position: u32) -> Option<&mut LookupTimes> {
        // SAFETY: as above.
        DNS_TIMES.get_ptr_mut(position).map(|times| unsafe { &mut *times })
    }

    #[inline(always)]
    fn settings(&self) -> Option<&DnsSettings> {
        DNS_SETTINGS.get(0)
    }

    #[inline(always)]
    fn keys(&self) -> &Keys {
        let mut address = (&raw const LOOKUP_KEYS).expose_provenance();
        // The compiler must not know where this points: it would calculate with the
        // zeros that it finds there.
        // SAFETY: no instruction is emitted.
        unsafe { asm!("/* {0} */", inout(reg) address, options(pure, nomem, nostack)) };
        // SAFETY: a `Global` is its value.
        unsafe { &*ptr::with_exposed_provenance::<Keys>(address) }
    }

    #[inline(always)]
    fn streams(&mut self, position: u32) -> Option<&mut StreamSet> {
        // SAFETY: a value of the map. Other CPUs write to it only where the segments of one
        // connection are not taken in order, and then what it says is worth nothing anyway.
        DNS_STREAMS.get_ptr_mut(position).map(|streams| unsafe { &mut *streams })
    }

    #[inline(always)]
    fn now(&self) -> u64 {
        // SAFETY: the helper has no conditions.
        unsafe { bpf_ktime_get_ns() }
    }

    #[inline(always)]
    fn advance(&mut self, stream: u32, span: Span) -> Span {
        let reached = advanced(self.skb, stream, span.here as u64, span.end as u64);
        let (here, begins) = (reached as u32 as usize, (reached >> 32) as usize);
        Span { here, begins, end: span.end }
    }

    #[inline(always)]
    fn conclude(&mut self, _: &Opened, begins: usize) -> Note {
        concluded(self.skb, begins as u64);
        // SAFETY: the value belongs to this CPU, and TC programs run with softirqs off.
        DNS_LOOKUPS.get_ptr(0).map_or(Note::NOTHING, |lookups| unsafe { (*lookups).left.note })
    }

    #[inline(always)]
    fn settle(&mut self, note: Note) {
        if settled(self.skb, note.header, note.facts, note.hash, note.server) != 0 {
            names::hand_on(self.skb, note.header, note.facts);
        }
    }
}

/// Reads on in a stream. A function of its own, for its loop and its stack.
#[inline(never)]
fn advanced(skb: *mut __sk_buff, stream: u32, here: u64, end: u64) -> u64 {
    let Some(lookups) = DNS_LOOKUPS.get_ptr_mut(0) else { return UNREAD as u64 };
    // SAFETY: the value belongs to this CPU, and TC programs run with softirqs off.
    let unknown = unsafe { (*lookups).left.unknown };
    let mut maps = Maps { skb, zero: zero(unknown), tally: 0 };
    let span = Span { here: here as usize, end: end as usize, begins: 0 };
    let Span { here, begins, .. } = advance(&mut maps, &Loaded::new(skb, unknown), stream, span);
    here as u32 as u64 | (begins as u64) << 32
}

/// Notes the message that is complete. A function of its own, for its stack.
#[inline(never)]
fn concluded(skb: *mut __sk_buff, begins: u64) -> u32 {
    if let Some(lookups) = DNS_LOOKUPS.get_ptr_mut(0) {
        // SAFETY: the value belongs to this CPU, and TC programs run with softirqs off.
        let left = unsafe { &mut (*lookups).left };
        let mut maps = Maps { skb, zero: zero(left.unknown), tally: 0 };
        // Of the packet itself only the headers are read here, which are linear.
        let bytes = Anywhere::new(skb, left.unknown);
        left.note = conclude(&mut maps, &bytes, &left.opened, begins as usize);
    }
    0
}

/// Counts a message of which this is noted. A function of its own, to which the verifier
/// comes by one way, whatever there was before.
#[inline(never)]
fn settled(skb: *mut __sk_buff, header: u64, facts: u64, hash: u64, server: u64) -> u32 {
    if let Some(lookups) = DNS_LOOKUPS.get_ptr_mut(0) {
        // SAFETY: the value belongs to this CPU, and TC programs run with softirqs off.
        let Left { tally, unknown, .. } = unsafe { &(*lookups).left };
        let mut maps = Maps { skb, zero: zero(*unknown), tally: *tally as u32 };
        let due = settle(&mut maps, Note { header, facts, hash, server });
        return u32::from(due && maps.settings().is_some_and(|settings| settings.names != 0));
    }
    0
}

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

/// The programs to which the ones of devices hand packets on, by their place in the map.
const MESSAGES: u32 = 0;
const STREAMS: u32 = 2;
const READ_ON: u32 = 4;

/// Hands a packet with DNS in it on to a program for it, which has registers, stack and a
/// budget of instructions for itself. Where there is none, DNS is not looked at.
#[inline(always)]
pub(crate) fn pass_on(ctx: &TcContext, direction: Direction, packet: Packet) {
    if let Some(lookups) = DNS_LOOKUPS.get_ptr_mut(0) {
        // SAFETY: the value belongs to this CPU, and TC programs run with softirqs off.
        unsafe { (*lookups).left.unknown = packet.to_word() };
        let base = if packet.is_dns() { MESSAGES } else { STREAMS };
        // SAFETY: the program returns what this one would.
        unsafe { DNS_PROGRAMS.tail_call(ctx, base.wrapping_add(direction as u32)) };
    }
}

/// Reads a message over UDP.
#[inline(always)]
pub(crate) fn read_datagram(ctx: &TcContext, direction: Direction) -> Option<()> {
    let skb = ctx.skb.skb;
    // SAFETY: the value belongs to this CPU, and TC programs run with softirqs off.
    let word = unsafe { (*DNS_LOOKUPS.get_ptr_mut(0)?).left.unknown };
    let packet = Packet::from_word(word);
    let at = packet.headers() as usize;
    let end = at.wrapping_add(packet.claimed_message_len() as usize);
    // SAFETY: the context of a TC program is a valid `__sk_buff`.
    let len = unsafe { (*skb).len };
    let wanted = (at.wrapping_add(LONGEST_QUESTION) as u32).min(len);
    let mut bytes = Anywhere::new(skb, word);
    if bytes.len() < wanted as usize {
        // Where this fails, the message is cut, which it is to us.
        let _ = TcContext::new(skb).pull_data(wanted);
        bytes = Anywhere::new(skb, word);
    }
    let kind = if packet.is(Transport::DnsQuery) {
        Kind::Query
    } else if packet.is(Transport::DnsResponse) {
        Kind::Response
    } else {
        Kind::Short
    };
    let read = Datagram::read(&bytes, kind, at, end);
    let place = place(skb, &bytes, direction, at.wrapping_sub(8))?;
    // SAFETY: as above.
    let times = u64::from(unsafe { (*skb).gso_segs }.max(1));
    let mut maps = Maps::new(skb, word, &place, direction)?;
    let note = read.note(&bytes, &place, times, maps.keys());
    maps.settle(note);
    Some(())
}

/// What the headers say of a packet whose transport header is at this offset.
#[inline(always)]
fn place<B: Bytes>(
    skb: *mut __sk_buff,
    bytes: &B,
    direction: Direction,
    transport: usize,
) -> Option<Place> {
    // SAFETY: the context of a TC program is a valid `__sk_buff`.
    let entry = bytes.forget(device::entry(unsafe { (*skb).ifindex }));
    let network = packet::network(bytes, link(SlotEntry::word_link(entry)))?;
    // Forgotten at once: tags in all numbers lead here.
    let at = bytes.forget_offset(network.at);
    let ethertype = bytes.forget(u64::from(network.ethertype));
    let (sighting, vantage) = sighting(skb, bytes, entry, direction);
    // Calculated, not asked: the two types differ in this bit, and nothing else is DNS.
    const { assert!(ETHERTYPE_IPV6 & 0x10 != 0 && ETHERTYPE_IPV4 & 0x10 == 0) };
    let version_6 = ethertype >> 4 & 1;
    Some(Place { network: at, version_6, transport, sighting, vantage: u64::from(vantage) })
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

/// Reads a segment of a stream, one message at a time.
#[inline(always)]
pub(crate) fn read_segment(ctx: &TcContext, direction: Direction) -> Option<()> {
    let skb = ctx.skb.skb;
    // SAFETY: the value belongs to this CPU, and TC programs run with softirqs off.
    let word = unsafe { (*DNS_LOOKUPS.get_ptr_mut(0)?).left.unknown };
    let bytes = Loaded::new(skb, word);
    let mut place = place(skb, &bytes, direction, 0)?;
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
    let mut maps = Maps::new(skb, word, &place, direction)?;
    let opened = open(&mut maps, &bytes, &place, &read)?;
    // SAFETY: as above.
    unsafe { (*DNS_LOOKUPS.get_ptr_mut(0)?).left.opened = opened };
    go_on(ctx);
    Some(())
}

/// Hands a segment on to the program that reads on in it.
#[inline(always)]
fn go_on(ctx: &TcContext) {
    // SAFETY: the program returns what this one would.
    unsafe { DNS_PROGRAMS.tail_call(ctx, READ_ON) };
}

/// Reads on in a segment whose stream was found, one message at a time.
#[inline(always)]
pub(crate) fn read_stream(ctx: &TcContext) -> Option<()> {
    let skb = ctx.skb.skb;
    // SAFETY: the value belongs to this CPU, and TC programs run with softirqs off.
    let left = unsafe { &mut (*DNS_LOOKUPS.get_ptr_mut(0)?).left };
    let mut maps = Maps { skb, zero: zero(left.unknown), tally: left.tally as u32 };
    if read_on(&mut maps, &mut left.opened) == Progress::More {
        go_on(ctx);
        // It was called as often as the kernel lets programs call one another.
        let tally = maps.tally()?;
        tally.streams_lost = tally.streams_lost.wrapping_add(1);
    }
    Some(())
}

/// Protocol number of TCP.
const TCP: u8 = 6;

//! DNS messages, as the rules of netmon-common count and follow them: here are maps,
//! clock and keys.

use core::{arch::asm, ptr};

use aya_ebpf::{Global, bindings::__sk_buff, helpers::bpf_ktime_get_ns, programs::TcContext};
use netmon_common::{
    abi::{
        dns::{DnsSettings, DnsTally, LookupTimes, Lookups, dns_tally},
        labels::Direction,
        slot::{LOOPBACK, SlotEntry},
    },
    dns::{Keys, Kind, LONGEST_QUESTION, Place, Set, Sighting, WAYS, datagram},
    packet::{self, Link, Packet, Transport},
    wire::ethernet::ETHERTYPE_IPV6,
};

use crate::{
    device,
    maps::{DNS_LOOKUP_SETS, DNS_LOOKUPS, DNS_SETTINGS, DNS_TALLIES_BY_VANTAGE, DNS_TIMES},
    skb::Anywhere,
};

/// By what lookups are hashed: random numbers, drawn by the daemon when it loads the
/// programs.
#[unsafe(no_mangle)]
static LOOKUP_KEYS: Global<Keys> = Global::new([0; 10]);

/// The maps, for a message at one vantage and in one direction.
struct Maps {
    tally: u32,
}

/// A set of open lookups in the map. Other CPUs write to it too, whole words that are right
/// whichever of them stays.
struct Shared(*mut [u64; WAYS]);

impl Set for Shared {
    #[inline(always)]
    fn get(&self, at: usize) -> u64 {
        // SAFETY: a value of the map, of which this is a word.
        unsafe { self.0.cast::<u64>().add(at & (WAYS - 1)).read_volatile() }
    }

    #[inline(always)]
    fn set(&mut self, at: usize, word: u64) {
        // SAFETY: as above.
        unsafe { self.0.cast::<u64>().add(at & (WAYS - 1)).write_volatile(word) }
    }
}

impl netmon_common::dns::Books for Maps {
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
        DNS_LOOKUP_SETS.get_ptr_mut(position).map(Shared)
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
    fn now(&self) -> u64 {
        // SAFETY: the helper has no conditions.
        unsafe { bpf_ktime_get_ns() }
    }
}

/// How a message is seen at a device, and the number of the vantage.
#[inline(always)]
fn sighting(skb: *mut __sk_buff, entry: u64, direction: Direction) -> (Sighting, u32) {
    let vantage = SlotEntry::word_vantage(entry);
    let again = match direction {
        // What is sent on the loopback device is received there.
        Direction::Ingress => vantage == LOOPBACK,
        Direction::Egress => {
            // SAFETY: the context of a TC program is a valid `__sk_buff`.
            let from = unsafe { (*skb).ingress_ifindex };
            if from != 0 {
                return (forwarded(from, vantage), vantage);
            }
            false
        }
    };
    let unseen = vantage == 0;
    (if again | unseen { Sighting::Again } else { Sighting::First }, vantage)
}

/// How a message is seen that came in by another device.
#[inline(always)]
fn forwarded(from: u32, vantage: u32) -> Sighting {
    let entry = device::entry(from);
    if vantage == 0 || entry != 0 && SlotEntry::word_vantage(entry) == vantage {
        Sighting::Again
    } else if entry == 0 {
        Sighting::First
    } else {
        Sighting::Elsewhere
    }
}

/// Takes a DNS message over UDP.
#[inline(never)]
pub(crate) fn follow(skb: *mut __sk_buff, direction: u32, word: u64) -> u32 {
    // SAFETY: the context of a TC program is a valid `__sk_buff`.
    let entry = device::entry(unsafe { (*skb).ifindex });
    let direction = if direction == 0 { Direction::Ingress } else { Direction::Egress };
    let packet = Packet::from_word(word);
    let at = packet.headers() as usize;
    let end = at.wrapping_add(packet.claimed_message_len() as usize);
    // SAFETY: the context of a TC program is a valid `__sk_buff`.
    let (len, merged) = unsafe { ((*skb).len, (*skb).gso_segs) };
    let wanted = (at.wrapping_add(LONGEST_QUESTION) as u32).min(len);
    let mut bytes = Anywhere::new(skb, entry);
    if bytes.len() < wanted as usize {
        // Where this fails, the message is cut, which it is to us.
        let _ = TcContext::new(skb).pull_data(wanted);
        bytes = Anywhere::new(skb, entry);
    }
    let link = link(SlotEntry::word_link(entry));
    let Some(network) = packet::network(&bytes, link) else { return 0 };
    let (sighting, vantage) = sighting(skb, entry, direction);
    let place = Place {
        network: network.at,
        version_6: network.ethertype == ETHERTYPE_IPV6,
        transport: at.wrapping_sub(8),
        sighting,
        vantage: vantage as u16,
    };
    let kind = if packet.is(Transport::DnsQuery) {
        Kind::Query
    } else if packet.is(Transport::DnsResponse) {
        Kind::Response
    } else {
        Kind::Short
    };
    let mut maps = Maps { tally: dns_tally(vantage, direction) };
    let times = u64::from(merged.max(1));
    datagram(&mut maps, &bytes, &place, kind, at, end, times);
    0
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

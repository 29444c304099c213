//! Where the rules of netmon-common keep what they count of DNS: maps, clock and keys.

#![expect(clippy::cast_possible_truncation, reason = "words hold what were smaller numbers before")]

use core::{arch::asm, ptr};

use aya_ebpf::{
    Global,
    bindings::__sk_buff,
    helpers::{bpf_jiffies64, bpf_ktime_get_ns},
};
use netmon_common::{
    abi::{
        dns::{DnsSettings, DnsTally, LookupTimes, Lookups, dns_tally},
        labels::Direction,
    },
    dns::{
        Books, Keys, Note, Opened, Place, Set, Span, StreamSet, UNREAD, WAYS, advance, conclude,
        settle,
    },
};

use crate::{
    maps::{
        DNS_LOOKUP_SETS, DNS_LOOKUPS, DNS_SETTINGS, DNS_STREAMS, DNS_TALLIES_BY_VANTAGE, DNS_TIMES,
    },
    names,
    skb::{Anywhere, Loaded, opaque, zero},
};

/// By what lookups are hashed: random numbers, drawn by the daemon when it loads the
/// programs.
#[unsafe(no_mangle)]
static LOOKUP_KEYS: Global<Keys> = Global::new([0; 10]);

/// The maps, for a message at one vantage and in one direction.
pub(crate) struct Maps {
    skb: *mut __sk_buff,
    zero: u64,
    tally: u32,
    /// The value of this CPU, looked up once.
    lookups: *mut Lookups,
}

/// The value of this CPU.
#[inline(always)]
pub(crate) fn lookups() -> Option<*mut Lookups> {
    DNS_LOOKUPS.get_ptr_mut(0)
}

/// Now, or up to a tick of the kernel before it: the clock is read once in each.
#[inline(always)]
pub(crate) fn about(lookups: &mut Lookups) -> u64 {
    // SAFETY: the helper has no conditions.
    let tick = unsafe { bpf_jiffies64() };
    if lookups.clock[0] != tick {
        // SAFETY: as above.
        lookups.clock = [tick, unsafe { bpf_ktime_get_ns() }];
    }
    lookups.clock[1]
}

impl Maps {
    /// The maps for a message at such a place, as [`settled`] finds them, too.
    #[inline(always)]
    pub(crate) fn new(
        skb: *mut __sk_buff,
        lookups: *mut Lookups,
        unknown: u64,
        place: &Place,
        direction: Direction,
    ) -> Self {
        let tally = dns_tally(place.vantage as u32, direction);
        // SAFETY: the value belongs to this CPU, and TC programs run with softirqs off.
        unsafe { (*lookups).left.tally = u64::from(tally) };
        Self { skb, zero: zero(unknown), tally, lookups }
    }

    /// The maps for a message of which another program left what it knew.
    #[inline(always)]
    pub(crate) fn left(skb: *mut __sk_buff, lookups: *mut Lookups) -> Self {
        // SAFETY: as above.
        let (unknown, tally) = unsafe { ((*lookups).left.unknown, (*lookups).left.tally) };
        Self { skb, zero: zero(unknown), tally: tally as u32, lookups }
    }

    /// Counts a message, and says whether its names are to be handed on.
    #[inline(always)]
    pub(crate) fn count(mut self, note: Note) -> bool {
        settle(&mut self, note)
            && self.settings().is_some_and(|settings| settings.names != 0)
            // SAFETY: the value belongs to this CPU, and TC programs run with softirqs off.
            && names::allowed(unsafe { &mut *self.lookups })
    }

    /// A number of which the verifier knows nothing.
    #[inline(always)]
    fn unknown(&self) -> u64 {
        // SAFETY: as above.
        unsafe { (*self.lookups).left.unknown }
    }
}

/// A set of open lookups in the map. Other CPUs write to it too, whole words that are right
/// whichever of them stays.
pub(crate) struct Shared {
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
        Some(unsafe { &mut *self.lookups })
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
    fn about(&self) -> u64 {
        // SAFETY: the value belongs to this CPU, and TC programs run with softirqs off.
        about(unsafe { &mut *self.lookups })
    }

    #[inline(always)]
    fn advance(&mut self, stream: u32, span: Span) -> Span {
        let Span { here, end, begins } = span;
        let reached = advanced(self.skb, stream, here as u64, end as u64, begins as u64);
        let (here, begins) = (reached as u32 as usize, (reached >> 32) as usize);
        Span { here, begins, end }
    }

    #[inline(always)]
    fn conclude(&mut self, _: &Opened, begins: usize) {
        concluded(self.skb, begins as u64);
    }

    #[inline(always)]
    fn note(&mut self, note: Note) {
        // SAFETY: as above.
        unsafe { (*self.lookups).left.note = note };
    }

    #[inline(always)]
    fn settle(&mut self) {
        if settled(self.skb) != 0 {
            names::hand_on(self.skb);
        }
    }
}

/// Reads on in a stream. A function of its own, for its loop and its stack.
#[inline(never)]
fn advanced(skb: *mut __sk_buff, stream: u32, here: u64, end: u64, begins: u64) -> u64 {
    let Some(lookups) = lookups() else { return UNREAD as u64 };
    let mut maps = Maps::left(skb, lookups);
    let bytes = Loaded::new(skb, maps.unknown());
    let span = Span { here: here as usize, end: end as usize, begins: begins as usize };
    let Span { here, begins, .. } = advance(&mut maps, &bytes, stream, span);
    u64::from(here as u32) | (begins as u64) << 32
}

/// Notes the message that is complete. A function of its own, for its stack.
#[inline(never)]
fn concluded(skb: *mut __sk_buff, begins: u64) -> u32 {
    if let Some(lookups) = lookups() {
        let mut maps = Maps::left(skb, lookups);
        // Of the packet itself only the headers are read here, which are linear.
        let bytes = Anywhere::new(skb, maps.unknown());
        // SAFETY: the value belongs to this CPU, and TC programs run with softirqs off.
        let opened = unsafe { (*lookups).left.opened };
        let note = conclude(&mut maps, &bytes, &opened, begins as usize);
        maps.note(note);
    }
    0
}

/// [`Maps::count`] for the message that was noted last, as a function of its own, to which
/// the verifier comes by one way, whatever there was before.
#[inline(never)]
fn settled(skb: *mut __sk_buff) -> u32 {
    lookups().map_or(0, |lookups| {
        // SAFETY: the value belongs to this CPU, and TC programs run with softirqs off.
        let note = unsafe { (*lookups).left.note };
        u32::from(Maps::left(skb, lookups).count(note))
    })
}

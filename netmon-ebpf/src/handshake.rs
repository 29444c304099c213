//! The handshakes of connections between others, as the rules of netmon-common
//! time them: here are map, clock and keys.

use core::{arch::asm, ptr};

use aya_ebpf::{Global, bindings::__sk_buff, helpers::bpf_ktime_get_ns};
use netmon_common::{
    abi::{forwarded::forwarded_times, histogram::HANDSHAKE_BOUNDS, slot::SlotEntry},
    handshake::{Entry, Flow, Keys, Sampling, Set, Step},
    packet::Link,
};

use crate::{
    device,
    maps::{FORWARDED, FORWARDED_TIMES, HANDSHAKE_SAMPLING, HANDSHAKES},
    services,
    skb::Linear,
};

/// By what flows are hashed: random numbers, drawn by the daemon when it loads the
/// programs.
#[unsafe(no_mangle)]
static HANDSHAKE_KEYS: Global<Keys> = Global::new([0; 9]);

/// Whether a packet that leaves came in by a device, from no socket of this kernel
/// and to none: those have hooks of their own.
#[inline(always)]
pub(crate) fn is_forwarded(skb: *mut __sk_buff) -> bool {
    // 0 for what a socket of this host sends.
    // SAFETY: the context of a TC program is a valid `__sk_buff`.
    let (from, to) = unsafe { ((*skb).ingress_ifindex, (*skb).ifindex) };
    from != 0 && !is_own(from) && !is_own(to)
}

/// Whether sockets of this kernel are behind a device.
#[inline(always)]
fn is_own(ifindex: u32) -> bool {
    SlotEntry::word_own(device::entry(ifindex))
}

/// Follows a segment that begins a connection between others.
#[inline(always)]
pub(crate) fn follow(skb: *mut __sk_buff, link: Link, step: Step) -> Option<()> {
    let counters = FORWARDED.get_ptr_mut(0)?;
    // SAFETY: the value belongs to this CPU, and TC programs run with softirqs
    // off: no other packet is counted between the read and the write of a word.
    let counters = unsafe { &mut *counters };
    let bytes = Linear::new(skb, counters.forwarded_requests);
    let Some(flow) = Flow::read(&bytes, link, step, keys()) else {
        counters.tcp_handshakes_untimed = counters.tcp_handshakes_untimed.wrapping_add(1);
        return None;
    };
    let sampling = Sampling::from_word(*HANDSHAKE_SAMPLING.get(0)?);
    let set = HANDSHAKES.get_ptr_mut(flow.set(sampling))?;
    // SAFETY: a value of the map. Other CPUs write to it too, whole words that are
    // right whichever of them stays.
    let entries = unsafe { set.read_volatile() };
    match step {
        Step::Request => {
            counters.forwarded_requests = counters.forwarded_requests.wrapping_add(1);
            let (at, entry) = flow.requested(entries, now())?;
            put(set, at, entry);
        }
        Step::Answer => {
            let (at, entry) = flow.answered(entries)?;
            put(set, at, Entry::EMPTY);
            let nanoseconds = entry.age(now())?;
            let weight = sampling.weight(flow, nanoseconds);
            let place = forwarded_times(services::service_of(flow.server_port));
            let times = FORWARDED_TIMES.get_ptr_mut(place)?;
            // SAFETY: as above.
            let times = unsafe { &mut (*times).nanoseconds };
            times.count(&HANDSHAKE_BOUNDS, nanoseconds, weight);
        }
    }
    Some(())
}

/// Writes one entry of a set.
#[inline(always)]
fn put(set: *mut Set, at: usize, entry: Entry) {
    // SAFETY: as above.
    if let Some(word) = unsafe { &mut *set }.get_mut(at) {
        *word = entry.to_word();
    }
}

/// Time since the machine started, without the time in which it slept.
#[inline(always)]
fn now() -> u64 {
    // SAFETY: the helper has no conditions.
    unsafe { bpf_ktime_get_ns() }
}

/// The keys, of which only those are loaded that a flow needs.
#[inline(always)]
fn keys() -> &'static Keys {
    let mut address = (&raw const HANDSHAKE_KEYS).expose_provenance();
    // The compiler must not know where this points: it would calculate with the
    // zeros that it finds there.
    // SAFETY: no instruction is emitted.
    unsafe { asm!("/* {0} */", inout(reg) address, options(pure, nomem, nostack)) };
    // SAFETY: a `Global` is its value.
    unsafe { &*ptr::with_exposed_provenance::<Keys>(address) }
}

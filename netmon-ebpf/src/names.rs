//! The channel through which names leave the kernel: one ring, never a wakeup, and no more
//! than the daemon can read. Nothing is counted by it but itself.

#![expect(
    clippy::cast_possible_truncation,
    reason = "offsets in a packet are below 2^16, and addresses have 64 bits here"
)]
#![expect(clippy::cast_ptr_alignment, reason = "values of maps stand at multiples of 8")]

use core::{ptr, slice};

use aya_ebpf::{
    bindings::{__sk_buff, BPF_RB_NO_WAKEUP},
    helpers::{bpf_jiffies64, bpf_skb_cgroup_id, bpf_skb_load_bytes},
};
use netmon_common::abi::dns::{ALLOWANCE, ALLOWANCE_BITS, Lookups, NAMES_KEPT, NameEvent};

use crate::{
    books::{about, lookups},
    maps::{DNS_NAMES, DNS_NAMES_ROOM},
    skb::opaque,
};

/// Whether one more message may be handed on, which is counted as left out if not. The
/// clock here is the kernel's tick, which costs nothing to read.
#[inline(always)]
pub(crate) fn allowed(lookups: &mut Lookups) -> bool {
    // SAFETY: the helper has no conditions.
    let span = unsafe { bpf_jiffies64() } >> ALLOWANCE_BITS;
    let is = lookups.allowance.take(span, ALLOWANCE);
    if !is {
        let skipped = &mut lookups.events.names_skipped;
        *skipped = skipped.wrapping_add(1);
    }
    is
}

/// Hands on the beginning of the message that was noted last, and who it is from.
#[inline(never)]
pub(crate) fn hand_on(skb: *mut __sk_buff) -> u32 {
    let Some(lookups) = lookups() else { return 0 };
    // SAFETY: the value belongs to this CPU, and TC programs run with softirqs off.
    let lookups = unsafe { &mut *lookups };
    let counter = if put(skb, lookups).is_some() {
        &mut lookups.events.names_sent
    } else {
        &mut lookups.events.names_lost
    };
    *counter = counter.wrapping_add(1);
    0
}

/// Puts a message into the ring.
#[inline(always)]
fn put(skb: *mut __sk_buff, lookups: &mut Lookups) -> Option<()> {
    let note = lookups.left.note;
    let room = DNS_NAMES_ROOM.get_ptr_mut(0)?.cast::<u8>();
    let (network, at, len) = (note.network() as u32, note.start() as u32, note.len() as u64);
    let now = about(lookups);
    // SAFETY: the context is a valid `__sk_buff`.
    let group = unsafe { bpf_skb_cgroup_id(skb) };
    let load = |at: u32, to: usize, len: u32| {
        // SAFETY: the room is as long as an event and the longest message that is kept.
        let failed =
            unsafe { bpf_skb_load_bytes(skb.cast(), at, room.wrapping_add(to).cast(), len) };
        (failed == 0).then_some(())
    };
    let (client, server) = if note.is_response() { (32, 16) } else { (16, 32) };
    // SAFETY: the room belongs to this CPU, and an event fits into it.
    unsafe {
        let event = NameEvent { at: now, group, client: [0; 2], server: [0; 2], len };
        ptr::write(room.cast::<NameEvent>(), event);
    }
    if note.is_version_6() {
        load(network.wrapping_add(8), client, 16)?;
        load(network.wrapping_add(24), server, 16)?;
    } else {
        // As they are mapped into IPv6 (RFC 4291, section 2.5.5.2).
        for end in [client, server] {
            // SAFETY: as above.
            unsafe { ptr::write(room.wrapping_add(end + 8).cast::<u32>(), 0xffff_u32.to_be()) };
        }
        load(network.wrapping_add(12), client + 12, 4)?;
        load(network.wrapping_add(16), server + 12, 4)?;
    }
    // At least one byte, for the verifier: what is handed on has a header.
    const { assert!(NAMES_KEPT.is_power_of_two()) };
    let most = NAMES_KEPT as u64 - 1;
    let kept = (opaque(len.saturating_sub(1).min(most)) & most) as u32 + 1;
    load(at, NameEvent::LEN, kept)?;
    let size = NameEvent::LEN.wrapping_add(kept as usize);
    // SAFETY: so many bytes of the room were written, and nobody else does so meanwhile.
    let event = unsafe { slice::from_raw_parts(room, size) };
    DNS_NAMES.output::<[u8]>(event, u64::from(BPF_RB_NO_WAKEUP)).ok()
}

//! Attempts to connect, as the rules of netmon-common keep them: here are the maps, and
//! which side of the host a packet is on.

#![expect(
    clippy::cast_possible_truncation,
    reason = "offsets in a packet are below 2^16, and addresses have 64 bits here"
)]

use core::{arch::asm, ptr};

use aya_ebpf::{Global, helpers::bpf_skb_cgroup_id, programs::TcContext};
use netmon_common::{
    abi::{
        attempts::AttemptEvents,
        labels::Direction,
        slot::{BOUNDARY, LOOPBACK, SlotEntry},
    },
    attempts::{
        Attempt, Crowd, Keys, Ledger, Popularity, Probe, Suspect, TAGS, To, answer, ask, place_of,
        refuse,
    },
    bytes::Bytes as _,
    handshake::Step,
    packet::Packet,
};

use crate::{
    device, handover, handshake,
    hooks::tc::link,
    kernel::{FromNetwork, SkBuff},
    maps::{
        ATTEMPT_CROWD, ATTEMPT_EVENTS, ATTEMPT_TAGS, ATTEMPT_TARGETS, ATTEMPT_WINDOW, SUSPECTS,
    },
    skb::{Anywhere, opaque, zero},
};

/// By what attempts are hashed: random numbers, drawn by the daemon when it loads the
/// programs.
#[unsafe(no_mangle)]
static ATTEMPT_KEYS: Global<Keys> = Global::new([0; 10]);

/// Takes note of what a packet that leaves says of an attempt, and how long it took if the
/// attempt is between others: where they leave, the kernel still knows that they came in.
#[inline(always)]
pub(crate) fn read_leaving(ctx: &TcContext) -> Option<()> {
    let skb = ctx.skb.skb;
    if !handshake::is_forwarded(skb) {
        return read(ctx, Direction::Egress);
    }
    let step = Step::of(Packet::from_word(handover::handed_on()?))?;
    // SAFETY: the context of a TC program is a valid `__sk_buff`.
    let entry = device::entry(unsafe { (*skb).ifindex });
    handshake::follow(skb, link(SlotEntry::word_link(entry)), step);
    // Who asks was seen where it came in.
    if step == Step::Answer {
        handover::answered(ctx);
    }
    Some(())
}

/// Takes note of what a packet says of an attempt.
#[inline(always)]
pub(crate) fn read(ctx: &TcContext, direction: Direction) -> Option<()> {
    let skb = ctx.skb.skb;
    let word = handover::handed_on()?;
    let packet = Packet::from_word(word);
    let probe = Probe::of(packet)?;
    // SAFETY: the context of a TC program is a valid `__sk_buff`.
    let (ifindex, from, beside) =
        unsafe { ((*skb).ifindex, (*skb).ingress_ifindex, (*skb).vlan_present) };
    let bytes = Anywhere::new(skb, word);
    let entry = bytes.forget(device::entry(ifindex));
    let own = side(SlotEntry::word_vantage(entry), probe, direction, from)?;
    // Forgotten, or the verifier would walk all that follows for each of them.
    let own = bytes.forget(u64::from(own)) != 0;
    let version_6 = bytes.forget(packet.version_6()) != 0;
    let network = packet.network(SlotEntry::word_link(entry), u64::from(beside));
    let network = bytes.forget(network) as usize;
    let Some(attempt) = Attempt::read(&bytes, network, version_6, probe) else {
        if let Some(events) = events() {
            events.unread = events.unread.wrapping_add(1);
        }
        return None;
    };
    let mut maps = Maps { window: *ATTEMPT_WINDOW.get(0)?, zero: zero(word) };
    if probe == Probe::Answer {
        let to = match (own, direction) {
            (true, Direction::Ingress) => To::Either,
            (true, Direction::Egress) => To::Own,
            (false, _) => To::Outside,
        };
        answer(&mut maps, &attempt, to);
    } else {
        let workload = if direction == Direction::Egress {
            // SAFETY: as above.
            unsafe { bpf_skb_cgroup_id(skb) }
        } else {
            0
        };
        ask(&mut maps, &attempt, own, probe == Probe::Stealth, workload);
    }
    Some(())
}

/// Takes note of a datagram for which nobody listens.
#[inline(always)]
pub(crate) fn refused(skb: *const SkBuff) -> Option<()> {
    let unknown = events()?.requests;
    let bytes = FromNetwork::of(skb, unknown);
    let [first] = bytes.array::<1>(0)?;
    let version_6 = bytes.forget(u64::from(first >> 4)) == 6;
    let attempt = Attempt::read_datagram(&bytes, 0, version_6)?;
    let mut maps = Maps { window: *ATTEMPT_WINDOW.get(0)?, zero: zero(unknown) };
    refuse(&mut maps, &attempt);
    Some(())
}

/// Whether an attempt is one of this host or its containers; none where another device
/// sees it better.
///
/// Requests count where they come in, and those of this host where they leave. Answers
/// count wherever they pass: on the way an address may be translated, and an answer belongs
/// to whoever asked under the address that stands in it there.
#[inline(always)]
fn side(vantage: u32, probe: Probe, direction: Direction, from: u32) -> Option<bool> {
    if vantage == 0 {
        // A device above or below another one.
        return None;
    }
    if direction == Direction::Ingress {
        return Some(vantage != BOUNDARY || probe == Probe::Answer);
    }
    // What is sent on the loopback device is received there.
    if vantage == LOOPBACK {
        return None;
    }
    if probe == Probe::Answer {
        return Some(vantage != BOUNDARY);
    }
    (from == 0).then_some(true)
}

/// The maps.
struct Maps {
    window: u64,
    /// See [`zero`].
    zero: u64,
}

impl Ledger for Maps {
    #[inline(always)]
    fn window(&self) -> u32 {
        self.window as u32
    }

    #[inline(always)]
    fn keys(&self) -> &Keys {
        let mut address = (&raw const ATTEMPT_KEYS).expose_provenance();
        // The compiler must not know where this points: it would calculate with the
        // zeros that it finds there.
        // SAFETY: no instruction is emitted.
        unsafe { asm!("/* {0} */", inout(reg) address, options(pure, nomem, nostack)) };
        // SAFETY: a `Global` is its value.
        unsafe { &*ptr::with_exposed_provenance::<Keys>(address) }
    }

    #[inline(always)]
    fn popularity(&mut self) -> Option<&mut Popularity> {
        // SAFETY: the value belongs to this CPU, and what writes to it runs with softirqs off.
        ATTEMPT_TARGETS.get_ptr_mut(0).map(|targets| unsafe { &mut *targets })
    }

    #[inline(always)]
    fn crowd(&mut self) -> Option<&mut Crowd> {
        // SAFETY: as above.
        ATTEMPT_CROWD.get_ptr_mut(0).map(|crowd| unsafe { &mut *crowd })
    }

    #[inline(always)]
    fn tags(&mut self, bank: u32) -> Option<&mut [u64; TAGS]> {
        // SAFETY: a value of the map. Other CPUs write to it too, whole words; two that make
        // room in one set at the same instant may cost one of them his place.
        ATTEMPT_TAGS.get_ptr_mut(bank).map(|tags| unsafe { &mut *tags })
    }

    #[inline(always)]
    fn suspect(&mut self, bank: u32, at: usize) -> Option<&mut Suspect> {
        // SAFETY: as above; of two CPUs that mark one suspect at the same instant one may
        // lose its bit.
        SUSPECTS.get_ptr_mut(place_of(bank, at)).map(|suspect| unsafe { &mut *suspect })
    }

    #[inline(always)]
    fn forget(&self, number: usize) -> usize {
        (opaque(number as u64) ^ self.zero) as usize
    }

    #[inline(always)]
    fn events(&mut self) -> Option<&mut AttemptEvents> {
        events()
    }
}

/// What is counted.
#[inline(always)]
fn events() -> Option<&'static mut AttemptEvents> {
    // SAFETY: the value belongs to this CPU, and what writes to it runs with softirqs off.
    ATTEMPT_EVENTS.get_ptr_mut(0).map(|events| unsafe { &mut *events })
}

//! Packets that the programs of devices hand on to programs of their own, which have
//! registers, stack and a budget of instructions for themselves.

use core::arch::asm;

use aya_ebpf::programs::TcContext;
use netmon_common::{
    abi::labels::Direction,
    handshake::Step,
    packet::{Packet, Transport},
};

use crate::{books::lookups, maps::PROGRAMS};

/// The programs by their place in the map, those of two directions side by side.
const MESSAGES: u32 = 0;
const STREAMS: u32 = 2;
const READ_ON: u32 = 4;
const ATTEMPTS: u32 = 5;
const ANSWERED: u32 = 7;

/// Hands a packet on that has DNS in it or may speak of an attempt to connect. Where the
/// program for it is missing, nobody looks.
#[inline(always)]
pub(crate) fn pass_on(ctx: &TcContext, direction: Direction, packet: Packet) {
    let Some(lookups) = lookups() else { return };
    // Calls that the compiler must not make one: the kernel jumps straight to a program whose
    // place is a constant, and pays for a guarded jump to any other.
    // SAFETY: the value belongs to this CPU, and TC programs run with softirqs off. The
    // programs return what this one would, and no instruction is emitted.
    unsafe {
        (*lookups).left.unknown = packet.to_word();
        if packet.is_dns() {
            PROGRAMS.tail_call(ctx, MESSAGES.wrapping_add(direction as u32));
            asm!("/* message */", options(nostack));
        } else if packet.is(Transport::DnsSegment) && Step::of(packet).is_none() {
            PROGRAMS.tail_call(ctx, STREAMS.wrapping_add(direction as u32));
            asm!("/* stream */", options(nostack));
        } else {
            PROGRAMS.tail_call(ctx, ATTEMPTS.wrapping_add(direction as u32));
            asm!("/* attempt */", options(nostack));
        }
    }
}

/// Hands a segment on to the program that reads on in it.
#[inline(always)]
pub(crate) fn read_on(ctx: &TcContext) {
    // SAFETY: the program returns what this one would.
    unsafe { PROGRAMS.tail_call(ctx, READ_ON) };
}

/// Hands an answer between others on to the program that looks whom it is for.
#[inline(always)]
pub(crate) fn answered(ctx: &TcContext) {
    // SAFETY: as above.
    unsafe { PROGRAMS.tail_call(ctx, ANSWERED) };
}

/// The word of the packet that was handed on: also a number of which the verifier knows
/// nothing.
#[inline(always)]
pub(crate) fn handed_on() -> Option<u64> {
    // SAFETY: the value belongs to this CPU.
    lookups().map(|lookups| unsafe { (*lookups).left.unknown })
}

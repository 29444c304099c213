//! The packet memory of a TC program as a byte source.

use core::arch::asm;

use aya_ebpf::programs::TcContext;
use netmon_common::bytes::Bytes;

/// Highest offset that is read. The verifier wants a constant bound on packet
/// offsets below 64 KiB; the longest header chain that the parser walks ends
/// below it.
const MAX_OFFSET: usize = 0x7fff;

/// The linear part of a packet.
pub(crate) struct Linear {
    start: usize,
    end: usize,
    /// Zero, which neither the compiler nor the verifier knows.
    zero: u64,
}

impl Linear {
    /// The linear part of the packet of `ctx`, as it is now.
    #[inline(always)]
    pub(crate) fn new(ctx: &TcContext) -> Self {
        let len = ctx.len() as usize;
        let unknown = len | len << 32;
        let zero = (unknown ^ opaque(unknown)) as u64;
        Self { start: ctx.data(), end: ctx.data_end(), zero }
    }

    /// How many bytes are linear.
    #[inline(always)]
    pub(crate) const fn len(&self) -> usize {
        self.end.wrapping_sub(self.start)
    }
}

impl Bytes for Linear {
    #[inline(always)]
    fn array<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        if at > MAX_OFFSET {
            return None;
        }
        let from = self.start.wrapping_add(at);
        let past = opaque(from.wrapping_add(N));
        if past > self.end {
            return None;
        }
        // SAFETY: the N bytes from `from` lie between `data` and `data_end`,
        // which was just checked and which the verifier checks again.
        Some(unsafe { (from as *const [u8; N]).read_unaligned() })
    }

    #[inline(always)]
    fn forget(&self, value: u64) -> u64 {
        value ^ self.zero
    }
}

/// The same address, of which the compiler no longer knows where it comes from.
///
/// Otherwise it turns `from + 1 > end` into `from >= end`, and the verifier
/// learns nothing from that comparison when `from` is at a variable offset
/// (`find_good_pkt_pointers` in kernel/bpf/verifier.c).
#[inline(always)]
fn opaque(mut address: usize) -> usize {
    // SAFETY: no instruction is emitted.
    unsafe { asm!("/* {0} */", inout(reg) address, options(pure, nomem, nostack)) };
    address
}

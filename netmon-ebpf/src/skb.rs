//! The packet memory of a TC program as a byte source.

#![expect(
    clippy::cast_possible_truncation,
    reason = "addresses have 64 bits here, and words what was loaded"
)]

use core::{arch::asm, mem::offset_of};

use aya_ebpf::{bindings::__sk_buff, programs::TcContext};
use netmon_common::bytes::Bytes;

/// Highest offset that is read. The verifier wants a constant bound on packet
/// offsets below 64 KiB; the longest header chain that the parser walks ends
/// below it.
const MAX_OFFSET: usize = 0x7fff;

/// The linear part of a packet, at addresses that are read once: the fast way.
pub(crate) struct Linear {
    start: usize,
    end: usize,
    /// See [`zero`].
    zero: u64,
}

/// The linear part of a packet, at addresses that are read for every access: so
/// the verifier does not remember how far each path has come, and paths meet.
pub(crate) struct Reread {
    skb: *mut __sk_buff,
    zero: u64,
}

impl Linear {
    /// The linear part of a packet as it is now. `unknown` is any number of which
    /// the verifier knows nothing, not even its upper half.
    #[inline(always)]
    pub(crate) fn new(skb: *mut __sk_buff, unknown: u64) -> Self {
        let (start, end) = bounds(skb);
        Self { start, end, zero: zero(unknown) }
    }
}

impl Reread {
    /// The linear part of a packet; `unknown` as above.
    #[inline(always)]
    pub(crate) fn new(skb: *mut __sk_buff, unknown: u64) -> Self {
        Self { skb, zero: zero(unknown) }
    }

    /// How many bytes are linear.
    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        let (start, end) = bounds(self.skb);
        end.wrapping_sub(start)
    }
}

impl Bytes for Linear {
    #[inline(always)]
    fn array<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        read(self.start, self.end, at)
    }

    #[inline(always)]
    fn be32(&self, at: usize) -> Option<u32> {
        let from = checked(self.start, self.end, at, size_of::<u32>())?;
        // SAFETY: the four bytes were just checked.
        Some(unsafe { word(from) })
    }

    #[inline(always)]
    fn be32s<const N: usize>(&self, at: usize) -> Option<[u32; N]> {
        self.be32s_at(at, core::array::from_fn(|index| index.wrapping_mul(4)))
    }

    #[inline(always)]
    fn be32s_at<const N: usize>(&self, at: usize, distances: [usize; N]) -> Option<[u32; N]> {
        let last = distances.last().copied().unwrap_or(0);
        let from = checked(self.start, self.end, at, last.wrapping_add(size_of::<u32>()))?;
        // SAFETY: the bytes up to the farthest were just checked.
        Some(distances.map(|distance| unsafe { word(from.wrapping_add(distance)) }))
    }

    #[inline(always)]
    fn forget(&self, value: u64) -> u64 {
        value ^ self.zero
    }
}

impl Bytes for Reread {
    #[inline(always)]
    fn array<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        let (start, end) = bounds(self.skb);
        read(start, end, at)
    }

    #[inline(always)]
    fn forget(&self, value: u64) -> u64 {
        // Opaque, because the compiler knows that 0 ^ x is x, and the verifier
        // ties a copy to its original.
        opaque(value) ^ self.zero
    }
}

/// The linear part of a packet, at addresses that are read once, for offsets that nobody
/// knows: each of them is checked by itself, whatever the compiler knows of others.
pub(crate) struct Anywhere(Linear);

impl Anywhere {
    /// The linear part of a packet; `unknown` as above.
    #[inline(always)]
    pub(crate) fn new(skb: *mut __sk_buff, unknown: u64) -> Self {
        Self(Linear::new(skb, unknown))
    }

    /// How many bytes are linear.
    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.0.end.wrapping_sub(self.0.start)
    }
}

impl Bytes for Anywhere {
    #[inline(always)]
    fn array<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        self.0.array(opaque(at as u64) as usize)
    }

    #[inline(always)]
    fn be16(&self, at: usize) -> Option<u16> {
        let from = checked(self.0.start, self.0.end, opaque(at as u64) as usize, 2)?;
        let word: u64;
        // SAFETY: as in `read`.
        unsafe {
            asm!("{0} = *(u16 *)({1} + 0)", out(reg) word, in(reg) from,
                options(nostack, readonly));
        }
        Some(u16::from_be(word as u16))
    }

    #[inline(always)]
    fn be32(&self, at: usize) -> Option<u32> {
        self.0.be32(opaque(at as u64) as usize)
    }

    #[inline(always)]
    fn be32s<const N: usize>(&self, at: usize) -> Option<[u32; N]> {
        self.0.be32s(opaque(at as u64) as usize)
    }

    #[inline(always)]
    fn forget(&self, value: u64) -> u64 {
        opaque(value) ^ self.0.zero
    }
}

/// A packet wherever its bytes lie, copied by a helper: the slow way, for what is rare.
pub(crate) struct Loaded {
    skb: *mut __sk_buff,
    zero: u64,
}

impl Loaded {
    /// A packet; `unknown` as above.
    #[inline(always)]
    pub(crate) fn new(skb: *mut __sk_buff, unknown: u64) -> Self {
        Self { skb, zero: zero(unknown) }
    }
}

impl Bytes for Loaded {
    #[inline(always)]
    fn array<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        TcContext::new(self.skb).load(at).ok()
    }

    #[inline(always)]
    fn forget(&self, value: u64) -> u64 {
        opaque(value) ^ self.zero
    }
}

/// Zero, which neither the compiler nor the verifier knows.
#[inline(always)]
pub(crate) fn zero(unknown: u64) -> u64 {
    unknown ^ opaque(unknown)
}

/// Where the linear part of a packet begins and ends.
#[inline(always)]
fn bounds(skb: *mut __sk_buff) -> (usize, usize) {
    // By instructions of our own, because what the kernel loads here is an
    // address: the compiler must not carry it over a pull, nor treat it as the
    // 32-bit number that it looks like. Nor may it calculate the address of the
    // member first: the verifier wants the plain context and a constant offset.
    let (start, end): (usize, usize);
    // SAFETY: the context of a TC program is a valid `__sk_buff`, whose members
    // `data` and `data_end` are at these offsets.
    unsafe {
        asm!("{0} = *(u32 *)({1} + {2})", out(reg) start, in(reg) skb,
            const offset_of!(__sk_buff, data), options(nostack, readonly));
        asm!("{0} = *(u32 *)({1} + {2})", out(reg) end, in(reg) skb,
            const offset_of!(__sk_buff, data_end), options(nostack, readonly));
    }
    (start, end)
}

#[inline(always)]
fn read<const N: usize>(start: usize, end: usize, at: usize) -> Option<[u8; N]> {
    let from = checked(start, end, at, N)?;
    // SAFETY: the N bytes from `from` lie between `data` and `data_end`, which
    // was just checked and which the verifier checks again.
    let byte = |index: usize| unsafe { *(from.wrapping_add(index) as *const u8) };
    // One by one, so that those which nobody asks for are not even loaded.
    Some(core::array::from_fn(byte))
}

/// The big-endian number at an address. By one load, where the compiler would use four: it
/// knows of no processor that loads from any address, but those that netmon runs on do.
///
/// # Safety
///
/// Four bytes there must lie between `data` and `data_end`.
#[inline(always)]
unsafe fn word(from: usize) -> u32 {
    let word: u32;
    // SAFETY: as the caller says; the verifier checks it again.
    unsafe {
        asm!("{0} = *(u32 *)({1} + 0)", out(reg) word, in(reg) from, options(nostack, readonly));
    }
    u32::from_be(word)
}

/// The address of `len` bytes, if they are there.
#[inline(always)]
fn checked(start: usize, end: usize, at: usize, len: usize) -> Option<usize> {
    if at > MAX_OFFSET {
        return None;
    }
    let from = start.wrapping_add(at);
    let past = opaque(from.wrapping_add(len) as u64);
    (past <= end as u64).then_some(from)
}

/// The same number, of which the compiler no longer knows where it comes from.
///
/// Otherwise it turns `from + 1 > end` into `from >= end`, and the verifier
/// learns nothing from that comparison when `from` is at a variable offset
/// (`find_good_pkt_pointers` in kernel/bpf/verifier.c).
#[inline(always)]
pub(crate) fn opaque(mut number: u64) -> u64 {
    // SAFETY: no instruction is emitted.
    unsafe { asm!("/* {0} */", inout(reg) number, options(pure, nomem, nostack)) };
    number
}

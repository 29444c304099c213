//! Reading kernel structures whose layout only the running kernel knows.
//!
//! The daemon reads the offsets from the kernel's BTF and writes them here
//! before the programs are loaded. The values are frozen then: the verifier
//! treats them as constants, so a wrong one fails at load instead of reading
//! garbage at run time.

use aya_ebpf::{Global, helpers::bpf_probe_read_kernel};

/// Offset of `TCP_SKB_CB(skb)->tcp_gso_segs` in `struct sk_buff`.
#[unsafe(no_mangle)]
static SKB_TCP_GSO_SEGS: Global<u32> = Global::new(0);

/// Offset of `TCP_SKB_CB(skb)->tcp_flags` in `struct sk_buff`.
#[unsafe(no_mangle)]
static SKB_TCP_FLAGS: Global<u32> = Global::new(0);

/// Whether the tracepoint `tcp_retransmit_skb` has a third argument, 1 if so.
#[unsafe(no_mangle)]
static RETRANSMIT_TELLS_ERROR: Global<u32> = Global::new(0);

/// Whether the tracepoint `tcp_retransmit_skb` says of every attempt whether it
/// failed. Where it does not, the verifier never sees what depends on it.
#[inline(always)]
pub(crate) fn retransmit_tells_error() -> bool {
    RETRANSMIT_TELLS_ERROR.load() != 0
}

/// A `struct sk_buff`, never looked into from Rust.
pub(crate) enum SkBuff {}

/// How a program may read kernel memory.
pub(crate) trait Memory {
    /// Reads a `T` at `at` bytes from `base`.
    fn read<T: Copy + Default>(base: *const SkBuff, at: u32) -> T;
}

/// Typed loads, which the verifier allows in BTF tracepoints.
pub(crate) struct Typed;

/// Checked copies, for every other kind of program.
pub(crate) struct Probed;

impl Memory for Typed {
    #[inline(always)]
    fn read<T: Copy + Default>(base: *const SkBuff, at: u32) -> T {
        // SAFETY: the verifier knows the type of `base` and that the load lies
        // inside of it; a fault reads as zero.
        unsafe { base.byte_add(at as usize).cast::<T>().read() }
    }
}

impl Memory for Probed {
    #[inline(always)]
    fn read<T: Copy + Default>(base: *const SkBuff, at: u32) -> T {
        // SAFETY: the helper checks the address and fails on a bad one.
        unsafe { bpf_probe_read_kernel(base.byte_add(at as usize).cast::<T>()) }.unwrap_or_default()
    }
}

/// Segments on the wire that an outgoing TCP buffer becomes, at least 1.
#[inline(always)]
pub(crate) fn tcp_segments<M: Memory>(skb: *const SkBuff) -> u64 {
    let segments: u16 = M::read(skb, SKB_TCP_GSO_SEGS.load());
    u64::from(if segments == 0 { 1 } else { segments })
}

/// The low eight TCP flags of an outgoing TCP buffer.
#[inline(always)]
pub(crate) fn tcp_flags<M: Memory>(skb: *const SkBuff) -> u8 {
    // One byte in kernels before 6.15, the low byte of two since then.
    M::read(skb, SKB_TCP_FLAGS.load())
}

//! Reading kernel structures whose layout only the running kernel knows.
//!
//! The daemon reads the offsets from the kernel's BTF and writes them here
//! before the programs are loaded. The values are frozen then: the verifier
//! treats them as constants, so a wrong one in a typed load fails at load
//! instead of reading garbage at run time.

use aya_ebpf::{Global, helpers::bpf_probe_read_kernel};
use netmon_common::{
    abi::member::{Member, NO_MEMBER},
    bytes::Bytes,
};

use crate::skb::{opaque, zero};

/// Offsets of the members, in the order of [`Member`].
#[unsafe(no_mangle)]
static OFFSETS: [u32; Member::COUNT] = [NO_MEMBER; Member::COUNT];

/// Whether the tracepoint `tcp_retransmit_skb` has a third argument, 1 if so.
#[unsafe(no_mangle)]
static RETRANSMIT_TELLS_ERROR: Global<u32> = Global::new(0);

/// Whether the tracepoint `tcp_send_reset` has a third argument, 1 if so.
#[unsafe(no_mangle)]
static RESET_TELLS_REASON: Global<u32> = Global::new(0);

/// Whether the tracepoint `kfree_skb` has a third argument, 1 if so.
#[unsafe(no_mangle)]
static DROP_TELLS_REASON: Global<u32> = Global::new(0);

/// The kernel's number of the reason `TCP_LISTEN_OVERFLOW`; 0, which is no reason, if
/// it has none.
#[unsafe(no_mangle)]
static LISTEN_OVERFLOW: Global<u32> = Global::new(0);

/// The kernel's number of the reason `NO_SOCKET`; 0, which is no reason, if it has none.
#[unsafe(no_mangle)]
static NO_SOCKET: Global<u32> = Global::new(0);

/// Number of netmon's own network namespace; 0 if it is not known.
#[unsafe(no_mangle)]
static HOME_NET: Global<u32> = Global::new(0);

/// Whether the tracepoint `tcp_retransmit_skb` says of every attempt whether it
/// failed. Where it does not, the verifier never sees what depends on it.
#[inline(always)]
pub(crate) fn retransmit_tells_error() -> bool {
    RETRANSMIT_TELLS_ERROR.load() != 0
}

/// Whether the tracepoint `tcp_send_reset` says why. Where it does not, the verifier
/// never sees what depends on it.
#[inline(always)]
pub(crate) fn reset_tells_reason() -> bool {
    RESET_TELLS_REASON.load() != 0
}

/// Whether the tracepoint `kfree_skb` says why. Where it does not, the verifier never
/// sees what depends on it.
#[inline(always)]
pub(crate) fn drop_tells_reason() -> bool {
    DROP_TELLS_REASON.load() != 0
}

/// Whether a packet was dropped because a listener's queue of connections to accept
/// was full.
#[inline(always)]
pub(crate) fn is_listen_overflow(reason: u32) -> bool {
    let overflow = LISTEN_OVERFLOW.load();
    overflow != 0 && reason == overflow
}

/// Whether a packet was dropped because nobody listens for it. Where the kernel does not
/// say, the verifier never sees what depends on it.
#[inline(always)]
pub(crate) fn is_for_nobody(reason: u32) -> bool {
    let nobody = NO_SOCKET.load();
    nobody != 0 && reason == nobody
}

/// Where a member lies in its structure, in bytes.
#[inline(always)]
fn offset(member: Member) -> usize {
    let offsets = (&raw const OFFSETS).cast::<u32>();
    // SAFETY: the position of a member is below their number. The load is volatile
    // because the compiler must not take the value in the source for final.
    unsafe { offsets.add(member.index()).read_volatile() as usize }
}

/// Whether the running kernel has a member. Where it does not, the verifier never
/// sees what depends on it.
#[inline(always)]
pub(crate) fn has(member: Member) -> bool {
    offset(member) != NO_MEMBER as usize
}

/// A `struct sk_buff`, never looked into from Rust.
pub(crate) enum SkBuff {}

/// A `struct sock` and all that begins with one, never looked into from Rust.
pub(crate) enum Sock {}

/// Any other structure of the kernel.
enum Opaque {}

/// How a program may read kernel memory.
pub(crate) trait Memory {
    /// Reads a member of the structure at `base`.
    fn read<S, T: Copy + Default>(base: *const S, member: Member) -> T;
}

/// Typed loads, which the verifier allows in BTF tracepoints.
pub(crate) struct Typed;

/// Checked copies, for every other kind of program, and for what lies beyond the
/// type that the verifier knows.
pub(crate) struct Probed;

/// What a buffer holds from its IP header on.
pub(crate) struct FromNetwork {
    start: u64,
    /// See [`zero`].
    zero: u64,
}

impl FromNetwork {
    /// The bytes of a buffer; `unknown` is any number of which the verifier knows nothing.
    #[inline(always)]
    pub(crate) fn of(skb: *const SkBuff, unknown: u64) -> Self {
        let head: u64 = Probed::read(skb, Member::SkbHead);
        let network: u16 = Probed::read(skb, Member::SkbNetworkHeader);
        Self { start: head.wrapping_add(u64::from(network)), zero: zero(unknown) }
    }
}

impl Bytes for FromNetwork {
    #[inline(always)]
    fn array<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        let from = self.start.wrapping_add(at as u64) as *const [u8; N];
        // SAFETY: the helper checks the address and fails on a bad one.
        unsafe { bpf_probe_read_kernel(from) }.ok()
    }

    #[inline(always)]
    fn forget(&self, value: u64) -> u64 {
        opaque(value) ^ self.zero
    }
}

impl Memory for Typed {
    #[inline(always)]
    fn read<S, T: Copy + Default>(base: *const S, member: Member) -> T {
        // SAFETY: the verifier knows the type of `base` and that the load lies
        // inside of it; a fault reads as zero.
        unsafe { base.byte_add(offset(member)).cast::<T>().read() }
    }
}

impl Memory for Probed {
    #[inline(always)]
    fn read<S, T: Copy + Default>(base: *const S, member: Member) -> T {
        // SAFETY: the helper checks the address and fails on a bad one.
        unsafe { bpf_probe_read_kernel(base.byte_add(offset(member)).cast::<T>()) }
            .unwrap_or_default()
    }
}

/// Segments on the wire that an outgoing TCP buffer becomes, at least 1.
#[inline(always)]
pub(crate) fn tcp_segments<M: Memory>(skb: *const SkBuff) -> u64 {
    let segments: u16 = M::read(skb, Member::SkbTcpGsoSegs);
    u64::from(if segments == 0 { 1 } else { segments })
}

/// The low eight TCP flags of an outgoing TCP buffer.
#[inline(always)]
pub(crate) fn tcp_flags<M: Memory>(skb: *const SkBuff) -> u8 {
    // One byte in kernels before 6.15, the low byte of two since then.
    M::read(skb, Member::SkbTcpFlags)
}

/// Whether a socket belongs to netmon's own network namespace.
#[inline(always)]
pub(crate) fn is_home(sock: *const Sock) -> bool {
    is_home_net(Probed::read(sock, Member::SockNet))
}

/// Whether a buffer was received by a device of netmon's own network namespace.
#[inline(always)]
pub(crate) fn is_received_home(skb: *const SkBuff) -> bool {
    let device: u64 = Probed::read(skb, Member::SkbDevice);
    is_home_net(Probed::read(device as *const Opaque, Member::DeviceNet))
}

#[inline(always)]
fn is_home_net(net: u64) -> bool {
    let home = HOME_NET.load();
    home != 0 && Probed::read::<_, u32>(net as *const Opaque, Member::NetNumber) == home
}

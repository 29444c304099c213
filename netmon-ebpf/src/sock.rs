//! What the hooks read of a socket.
//!
//! By checked copies: most of it lies beyond `struct sock`, which is all that the
//! verifier knows of the socket of a tracepoint. It is read once per connection
//! or lost segment, never per packet.

use netmon_common::{abi::member::Member, scope::Scope};

use crate::{
    kernel::{Memory, Probed, Sock},
    scope,
};

/// `AF_INET` and `AF_INET6`.
const IPV4: u16 = 2;
const IPV6: u16 = 10;

/// Reads a member of a socket.
#[inline(always)]
pub(crate) fn read<T: Copy + Default>(sock: *const Sock, member: Member) -> T {
    Probed::read(sock, member)
}

/// How far away the remote address of a socket is.
#[inline(always)]
pub(crate) fn scope(sock: *const Sock) -> Scope {
    match read::<u16>(sock, Member::SockFamily) {
        IPV4 => scope::of_ipv4(read(sock, Member::SockDaddr)),
        IPV6 => scope::of_ipv6(&read(sock, Member::SockDaddr6)),
        _ => Scope::Public,
    }
}

/// The remote port of a socket.
#[inline(always)]
pub(crate) fn remote_port(sock: *const Sock) -> u16 {
    u16::from_be(read(sock, Member::SockDport))
}

/// The local port of a socket, also after it was given back.
#[inline(always)]
pub(crate) fn local_port(sock: *const Sock) -> u16 {
    u16::from_be(read(sock, Member::InetSport))
}

/// The state of congestion control, one of the kernel's `enum tcp_ca_state`.
#[inline(always)]
pub(crate) fn congestion_state(sock: *const Sock) -> u8 {
    // A bit field of five bits; the others tell of other things.
    const BITS: u8 = 0x1f;
    read::<u8>(sock, Member::CongestionState) & BITS
}

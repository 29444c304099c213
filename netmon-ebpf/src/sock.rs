//! What the hooks read of a socket.
//!
//! By checked copies: most of it lies beyond `struct sock`, which is all that the
//! verifier knows of the socket of a tracepoint. It is read once per connection
//! or lost segment, never per packet.

use netmon_common::{abi::member::Member, scope::Scope};

use crate::{
    kernel::{Memory, Probed, Sock, has},
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

/// The address of the other end as it stands on the wire, an IPv4 address as it is mapped
/// into IPv6.
#[inline(always)]
pub(crate) fn remote(sock: *const Sock) -> [u64; 2] {
    address(sock, Member::SockDaddr, Member::SockDaddr6)
}

/// The address of this end, likewise.
#[inline(always)]
pub(crate) fn local(sock: *const Sock) -> [u64; 2] {
    address(sock, Member::SockLocal, Member::SockLocal6)
}

#[inline(always)]
fn address(sock: *const Sock, four: Member, six: Member) -> [u64; 2] {
    match read::<u16>(sock, Member::SockFamily) {
        IPV6 => read(sock, six),
        // RFC 4291, section 2.5.5.2.
        _ => [0, u64::from_be(0xffff_0000_0000 | u64::from(u32::from_be(read(sock, four))))],
    }
}

/// The control group of whoever made a socket, or its listener; 0 where that is not known.
#[inline(always)]
pub(crate) fn group(sock: *const Sock) -> u64 {
    if !has(Member::SockGroup) || !has(Member::GroupNode) || !has(Member::NodeNumber) {
        return 0;
    }
    let group: u64 = read(sock, Member::SockGroup);
    let node: u64 = read(group as *const Sock, Member::GroupNode);
    read(node as *const Sock, Member::NodeNumber)
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

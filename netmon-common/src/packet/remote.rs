//! The remote end of a packet: which one it is, its address, and the scope that
//! the configuration gives it.

use super::{Link, Packet, parse::network};
use crate::{
    abi::networks::{Address, Networks},
    bytes::Bytes,
    wire::{
        ethernet::{ETHERTYPE_IPV4, ETHERTYPE_IPV6},
        ipv4, ipv6,
    },
};

/// Which end of a packet is the remote one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remote {
    /// The packet was received.
    Source,
    /// The packet was sent.
    Destination,
}

/// The packet that was parsed from a frame, with the scope that `networks` give
/// its remote end, if they do.
#[inline(always)]
#[must_use]
pub fn within<B: Bytes + ?Sized>(
    packet: Packet,
    bytes: &B,
    link: Link,
    remote: Remote,
    networks: &Networks,
) -> Packet {
    if !packet.has_scope() {
        return packet;
    }
    let scope = remote_address(bytes, link, remote)
        .and_then(|address| networks.scope_of(address.forgotten(bytes)));
    scope.map_or(packet, |scope| packet.with_scope(scope))
}

/// The address of the remote end; none where the frame has no IP header that
/// reaches so far.
#[inline(always)]
fn remote_address<B: Bytes + ?Sized>(bytes: &B, link: Link, remote: Remote) -> Option<Address> {
    let destination = matches!(remote, Remote::Destination);
    let payload = network(bytes, link)?;
    match payload.ethertype {
        ETHERTYPE_IPV4 => ipv4::address(bytes, payload.at, destination).map(Address::of_ipv4),
        ETHERTYPE_IPV6 => {
            ipv6::address(bytes, payload.at, destination).map(|address| Address::of_ipv6(&address))
        }
        _ => None,
    }
}

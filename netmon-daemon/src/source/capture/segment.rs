//! What one TCP segment of a capture says of its connection.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use netmon_common::{
    bytes::Bytes as _,
    packet::{self, Packet},
    wire::{ethernet::ETHERTYPE_IPV4, ipv4, ipv6},
};

use super::record::Record;

/// An address and a port.
pub(super) type Socket = (IpAddr, u16);

/// A TCP segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    /// The time of its packet.
    pub(super) at: Duration,
    /// Who sent it.
    pub(super) from: Socket,
    /// To whom.
    pub(super) to: Socket,
    /// Its sequence number.
    pub(super) sequence: u32,
    /// Its flags.
    pub(super) flags: u8,
    /// Bytes of payload.
    pub(super) payload: u32,
}

const IPV6_LEN: usize = 40;
/// Protocol number of TCP.
const TCP: u8 = 6;
/// Extension headers of IPv6 that can stand before TCP, with lengths in units of eight
/// bytes, and the one whose unit is four (RFC 8200, section 4; RFC 4302).
const EXTENSIONS: [u8; 3] = [0, 43, 60];
const AUTHENTICATION: u8 = 51;
/// Extension headers that are walked.
const MOST_EXTENSIONS: usize = 8;

impl Segment {
    /// The segment of a packet; none where it is none, or where not enough of it is there.
    pub(super) fn read(at: Duration, packet: Packet, record: &Record<'_>) -> Option<Self> {
        if !packet.is_tcp() {
            return None;
        }
        let Record { bytes, link, wire_len, .. } = *record;
        let network = packet::network(bytes, link)?;
        let (ends, transport, claimed) = if network.ethertype == ETHERTYPE_IPV4 {
            let [version, _, l0, l1] = bytes.array(network.at)?;
            let header = usize::from(version & 0xf) * 4;
            let total = usize::from(u16::from_be_bytes([l0, l1]));
            let end = |destination| ipv4::address(bytes, network.at, destination);
            let ends = [end(false)?, end(true)?].map(|it| IpAddr::from(Ipv4Addr::from(it)));
            (ends, network.at + header, network.at + total)
        } else {
            let [_, _, _, _, l0, l1, next, _] = bytes.array(network.at)?;
            let end = |destination| ipv6::address(bytes, network.at, destination);
            let ends = [end(false)?, end(true)?].map(|it| IpAddr::from(Ipv6Addr::from(it)));
            let payload = network.at + IPV6_LEN;
            let len = usize::from(u16::from_be_bytes([l0, l1]));
            (ends, transport(bytes, next, payload)?, payload + len)
        };
        let [ports, sequence] = [bytes.be32(transport)?, bytes.be32(transport + 4)?];
        let [offset] = bytes.array(transport + 12)?;
        let payload = transport + usize::from(offset >> 4) * 4;
        // Merged segments of a host that captured itself may claim nothing.
        let wire = usize::try_from(wire_len).ok()?;
        let end = if claimed <= transport { wire } else { claimed.min(wire) };
        let [a, b, c, d] = ports.to_be_bytes();
        let [from, to] = ends;
        Some(Self {
            at,
            from: (from, u16::from_be_bytes([a, b])),
            to: (to, u16::from_be_bytes([c, d])),
            sequence,
            flags: packet.tcp_flags(),
            payload: u32::try_from(end.saturating_sub(payload)).ok()?,
        })
    }
}

/// Where TCP begins behind the extension headers of IPv6.
fn transport(bytes: &[u8], mut next: u8, mut at: usize) -> Option<usize> {
    for _ in 0..=MOST_EXTENSIONS {
        if next == TCP {
            return Some(at);
        }
        let [following, len] = bytes.array(at)?;
        at += match next {
            AUTHENTICATION => (usize::from(len) + 2) * 4,
            next if EXTENSIONS.contains(&next) => (usize::from(len) + 1) * 8,
            _ => return None,
        };
        next = following;
    }
    None
}

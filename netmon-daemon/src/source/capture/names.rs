//! The DNS messages of a capture, as the names in them are looked at.
//!
//! Messages over UDP with port 53. Which end asks is told by the ports; a capture has no
//! direction that would.

use std::{net::IpAddr, time::Duration};

use netmon_common::{
    packet::{self, Link, Packet, Transport},
    wire::{
        dns::PORT,
        ethernet::{ETHERTYPE_IPV4, ETHERTYPE_IPV6},
        ipv4, ipv6, udp,
    },
};

use crate::names::Sighting;

/// The message of a packet, if it is one that can be read.
pub(super) fn sighting(
    at: Duration,
    packet: Packet,
    bytes: &[u8],
    link: Link,
) -> Option<Sighting<'_>> {
    let is_query = packet.is(Transport::DnsQuery);
    if !is_query && !packet.is(Transport::DnsResponse) {
        return None;
    }
    let len = usize::try_from(packet.claimed_message_len()).ok()?;
    let headers = usize::try_from(packet.headers()).ok()?;
    let ports = udp::parse(bytes, headers.checked_sub(usize::from(udp::HEADER_LEN))?).ok()?;
    let is_to_server = match (ports.source == PORT, ports.destination == PORT) {
        (true, true) => is_query,
        (_, is_to_server) => is_to_server,
    };
    let message = bytes.get(headers..)?;
    let message = message.get(..len).unwrap_or(message);
    let [source, destination] = addresses(bytes, link)?;
    let (client, server) = if is_to_server { (source, destination) } else { (destination, source) };
    Some(Sighting { at, client, server, workload: 0, message, len })
}

/// Source and destination.
fn addresses(bytes: &[u8], link: Link) -> Option<[IpAddr; 2]> {
    let network = packet::network(bytes, link)?;
    let address = |destination| -> Option<IpAddr> {
        match network.ethertype {
            ETHERTYPE_IPV4 => Some(ipv4::address(bytes, network.at, destination)?.into()),
            ETHERTYPE_IPV6 => Some(ipv6::address(bytes, network.at, destination)?.into()),
            _ => None,
        }
    };
    Some([address(false)?, address(true)?])
}

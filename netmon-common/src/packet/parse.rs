//! The walk from the link layer up to the transport layer.

use super::{
    Link, Packet, Remote, Transport,
    word::{
        DETAIL, FAMILY, FRAGMENTS, HEADERS, MDNS, MESSAGE, PROTOCOL, REJECT, SCOPE, TINY,
        TRANSPORT, VLAN_TAGS,
    },
};
use crate::{
    abi::labels::{Family, IcmpClass, Protocol},
    bytes::Bytes,
    reject::Reject,
    wire::{
        Payload, bsd_loopback, cooked, dns,
        ethernet::{self, ETHERTYPE_IPV4, ETHERTYPE_IPV6},
        icmp, ipv4, ipv6, raw, tcp, udp, vlan,
    },
};

/// Parses one frame, outermost headers only: no tunnel is opened.
#[inline(always)]
pub fn parse<B: Bytes + ?Sized>(bytes: &B, link: Link, remote: Remote) -> Packet {
    let mut packet = Packet::UNSEEN;
    let parsed = link_layer(bytes, link)
        .and_then(|payload| network_layer(bytes, payload, remote, &mut packet));
    if let Err(reject) = parsed {
        packet.set(REJECT, (reject.index() as u64).wrapping_add(1));
    }
    Packet::from_word(bytes.forget(packet.to_word()))
}

#[inline(always)]
fn link_layer<B: Bytes + ?Sized>(bytes: &B, link: Link) -> Result<Payload, Reject> {
    match link {
        Link::Ethernet => ethernet::parse(bytes),
        Link::Raw => raw::parse(bytes),
        Link::CookedV1 => cooked::parse_v1(bytes),
        Link::CookedV2 => cooked::parse_v2(bytes),
        Link::BsdLoopback => bsd_loopback::parse(bytes),
        Link::Unknown => Err(Reject::LinkType),
    }
}

#[inline(always)]
fn network_layer<B: Bytes + ?Sized>(
    bytes: &B,
    payload: Payload,
    remote: Remote,
    packet: &mut Packet,
) -> Result<(), Reject> {
    let mut tags = 0;
    let payload = vlan::skip(bytes, payload, &mut tags);
    packet.set(VLAN_TAGS, tags);
    let payload = payload?;
    let destination = matches!(remote, Remote::Destination);
    let next = match payload.ethertype {
        ETHERTYPE_IPV4 => {
            packet.set(FAMILY, Family::Ipv4.index() as u64);
            let header = ipv4::parse(bytes, payload.at, destination)?;
            packet.set(SCOPE, header.scope);
            packet.set(FRAGMENTS, header.fragments);
            if header.later_fragment {
                return Ok(());
            }
            Next {
                protocol: header.protocol,
                at: header.payload,
                end: header.payload.wrapping_add(usize::from(header.claimed_payload_len)),
                first_fragment: header.fragments,
            }
        }
        ETHERTYPE_IPV6 => {
            packet.set(FAMILY, Family::Ipv6.index() as u64);
            let header = ipv6::parse(bytes, payload.at, destination)?;
            packet.set(SCOPE, header.scope);
            let mut chain = ipv6::Chain::new(&header);
            let walked = chain.walk(bytes);
            packet.set(FRAGMENTS, chain.fragments);
            walked?;
            if chain.later_fragment {
                return Ok(());
            }
            Next {
                protocol: chain.protocol,
                at: chain.payload,
                end: header.claimed_end,
                first_fragment: chain.first_fragment,
            }
        }
        _ => return Ok(()),
    };
    transport_layer(bytes, next, packet)
}

/// The layer above IP, as IP describes it.
#[derive(Clone, Copy)]
struct Next {
    /// Its protocol number.
    protocol: u8,
    /// Where it begins.
    at: usize,
    /// Where the packet ends as the IP header claims.
    end: usize,
    /// Not 0 where this is the first of several fragments.
    first_fragment: u64,
}

impl Next {
    /// Whether this is a first fragment that claims fewer bytes than a transport
    /// header needs.
    #[inline(always)]
    const fn is_tiny(&self, header_len: u16) -> bool {
        self.first_fragment != 0 && self.end.wrapping_sub(self.at) < header_len as usize
    }

    /// Bytes of headers up to a payload behind `header_len` bytes.
    #[inline(always)]
    const fn headers(&self, header_len: u16) -> u64 {
        (self.at as u64).wrapping_add(header_len as u64)
    }
}

/// Protocol number of TCP.
const TCP: u8 = 6;
/// Protocol number of UDP.
const UDP: u8 = 17;

#[inline(always)]
fn transport_layer<B: Bytes + ?Sized>(
    bytes: &B,
    next: Next,
    packet: &mut Packet,
) -> Result<(), Reject> {
    let parsed = match next.protocol {
        TCP => segment(bytes, next, packet),
        UDP => datagram(bytes, next, packet),
        icmp::PROTOCOL_V4 => {
            packet.set(PROTOCOL, Protocol::Icmp.index() as u64);
            message(icmp::parse_v4(bytes, next.at), packet)
        }
        icmp::PROTOCOL_V6 => {
            packet.set(PROTOCOL, Protocol::Icmp.index() as u64);
            message(icmp::parse_v6(bytes, next.at), packet)
        }
        _ => Ok(()),
    };
    if next.first_fragment == 0 { parsed } else { parsed.map_err(|_| Reject::TinyFragment) }
}

#[inline(always)]
fn segment<B: Bytes + ?Sized>(bytes: &B, next: Next, packet: &mut Packet) -> Result<(), Reject> {
    packet.set(PROTOCOL, Protocol::Tcp.index() as u64);
    if next.is_tiny(tcp::MIN_HEADER_LEN) {
        packet.set(TINY, 1);
    }
    let header = tcp::parse(bytes, next.at)?;
    packet.set(TRANSPORT, Transport::Tcp.index() as u64);
    packet.set(DETAIL, u64::from(header.flags));
    packet.set(HEADERS, next.headers(header.claimed_len));
    Ok(())
}

#[inline(always)]
fn datagram<B: Bytes + ?Sized>(bytes: &B, next: Next, packet: &mut Packet) -> Result<(), Reject> {
    packet.set(PROTOCOL, Protocol::Udp.index() as u64);
    if next.is_tiny(udp::HEADER_LEN) {
        packet.set(TINY, 1);
    }
    let header = udp::parse(bytes, next.at)?;
    packet.set(HEADERS, next.headers(udp::HEADER_LEN));
    let transport = if header.has_port(dns::PORT) {
        packet.set(MESSAGE, u64::from(header.claimed_payload_len));
        match dns::parse(bytes, next.at.wrapping_add(usize::from(udp::HEADER_LEN))) {
            dns::Kind::Short => Transport::DnsShort,
            dns::Kind::Query => Transport::DnsQuery,
            dns::Kind::Response(rcode) => {
                packet.set(DETAIL, rcode.index() as u64);
                Transport::DnsResponse
            }
        }
    } else {
        Transport::Udp
    };
    packet.set(MDNS, u64::from(header.has_port(dns::MDNS_PORT)));
    packet.set(TRANSPORT, transport.index() as u64);
    Ok(())
}

#[inline(always)]
fn message(class: Result<IcmpClass, Reject>, packet: &mut Packet) -> Result<(), Reject> {
    packet.set(DETAIL, class?.index() as u64);
    packet.set(TRANSPORT, Transport::Icmp.index() as u64);
    Ok(())
}

//! The walk from the link layer up to the transport layer.

use super::{
    Link, Packet, Remote, Transport,
    word::{
        ANSWER, CELL, DETAIL, FAMILY, FRAGMENTS, HEADERS, LLMNR, MDNS, MESSAGE, MESSAGE_LEN,
        REJECT, REQUEST, TINY, TRANSPORT, VLAN_TAGS,
    },
};
use crate::{
    abi::{
        labels::{Class, Family, IcmpClass, Protocol},
        tally::host_cell,
    },
    bytes::Bytes,
    reject::Reject,
    wire::{
        Payload, bsd_loopback, cooked,
        dns::{self, Ports, Spoken},
        ethernet::{self, ETHERTYPE_IPV4, ETHERTYPE_IPV6},
        icmp, ipv4, ipv6, raw, tcp, udp, vlan,
    },
};

/// Parses one frame, outermost headers only: no tunnel is opened.
#[inline(always)]
pub fn parse<B: Bytes + ?Sized>(bytes: &B, link: Link, remote: Remote) -> Packet {
    parse_on(bytes, link, remote, &Ports::STANDARD)
}

/// [`parse`] where DNS is spoken on these ports.
#[inline(always)]
pub fn parse_on<B: Bytes + ?Sized>(
    bytes: &B,
    link: Link,
    remote: Remote,
    ports: &impl Spoken,
) -> Packet {
    let mut packet = unseen(bytes);
    if let Err(reject) = layers(bytes, link, remote, ports, &mut packet) {
        packet.set(REJECT, (reject.index() as u64).wrapping_add(1));
    }
    packet
}

/// Parses what nearly all frames are: Ethernet with at most one tag, then IPv4
/// without options, or IPv6 without extension headers, or no IP at all. Of such
/// a frame it says what [`parse`] says; it says nothing of any other, nor of one
/// that is cut short. Here every offset is a constant, which halves the cost in
/// the kernel.
#[inline(always)]
pub fn shortcut<B: Bytes + ?Sized>(bytes: &B, remote: Remote) -> Option<Packet> {
    shortcut_on(bytes, remote, &Ports::STANDARD)
}

/// [`shortcut`] where DNS is spoken on these ports.
#[inline(always)]
pub fn shortcut_on<B: Bytes + ?Sized>(
    bytes: &B,
    remote: Remote,
    ports: &impl Spoken,
) -> Option<Packet> {
    let mut packet = unseen(bytes);
    let outer = ethernet::parse(bytes).ok()?;
    if !vlan::is_tag(outer.ethertype) {
        return usual_layers(bytes, outer, remote, ports, packet);
    }
    packet.set(VLAN_TAGS, 1);
    let inner = vlan::parse(bytes, outer.at).ok()?;
    if vlan::is_tag(inner.ethertype) {
        None
    } else {
        usual_layers(bytes, inner, remote, ports, packet)
    }
}

/// Where the network layer of a frame begins, and what it is, if the frame says.
#[inline(always)]
pub fn network<B: Bytes + ?Sized>(bytes: &B, link: Link) -> Option<Payload> {
    link_layer(bytes, link).and_then(|payload| vlan::skip(bytes, payload, &mut 0)).ok()
}

/// The layers above the link layer, for [`shortcut`].
#[inline(always)]
fn usual_layers<B: Bytes + ?Sized>(
    bytes: &B,
    payload: Payload,
    remote: Remote,
    ports: &impl Spoken,
    mut packet: Packet,
) -> Option<Packet> {
    let next = match payload.ethertype {
        ETHERTYPE_IPV4 => {
            let header = ipv4_layer(bytes, payload.at, remote, &mut packet).ok()?;
            if header.has_options() || header.fragments != 0 {
                return None;
            }
            Next::whole(header.protocol, header.payload)
        }
        ETHERTYPE_IPV6 => {
            let header = ipv6_layer(bytes, payload.at, remote, &mut packet).ok()?;
            if !matches!(header.next_header, TCP | UDP | icmp::PROTOCOL_V6) {
                return None;
            }
            Next::whole(header.next_header, header.payload)
        }
        _ => return Some(packet),
    };
    // A DNS header that is not there may lie outside of the linear part, and so may
    // the window of TCP.
    if next.protocol == UDP {
        let message = next.at.wrapping_add(usize::from(udp::HEADER_LEN));
        bytes.byte(message.wrapping_add(dns::READ - 1))?;
    }
    transport_layer(bytes, next, tcp::parse_whole, ports, &mut packet).ok()?;
    Some(packet)
}

/// A frame of which nothing is known yet.
#[inline(always)]
fn unseen<B: Bytes + ?Sized>(bytes: &B) -> Packet {
    Packet::from_word(bytes.forget(0))
}

#[inline(always)]
fn layers<B: Bytes + ?Sized>(
    bytes: &B,
    link: Link,
    remote: Remote,
    ports: &impl Spoken,
    packet: &mut Packet,
) -> Result<(), Reject> {
    let payload = link_layer(bytes, link)?;
    let mut tags = 0;
    let payload = vlan::skip(bytes, payload, &mut tags);
    packet.set(VLAN_TAGS, tags);
    let payload = payload?;
    let next = match payload.ethertype {
        ETHERTYPE_IPV4 => {
            let header = ipv4_layer(bytes, payload.at, remote, packet)?;
            packet.set(FRAGMENTS, header.fragments);
            (!header.later_fragment).then(|| Next::under(&header))
        }
        ETHERTYPE_IPV6 => {
            let header = ipv6_layer(bytes, payload.at, remote, packet)?;
            let mut chain = ipv6::Chain::new(&header);
            let walked = chain.walk(bytes);
            packet.set(FRAGMENTS, chain.fragments);
            walked?;
            (!chain.later_fragment).then(|| Next::behind(&chain, &header))
        }
        _ => None,
    };
    next.map_or(Ok(()), |next| transport_layer(bytes, next, tcp::parse, ports, packet))
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

/// Reads an IPv4 header.
#[inline(always)]
fn ipv4_layer<B: Bytes + ?Sized>(
    bytes: &B,
    at: usize,
    remote: Remote,
    packet: &mut Packet,
) -> Result<ipv4::Header, Reject> {
    packet.set(FAMILY, Family::Ipv4.index() as u64);
    packet.set(CELL, Class::Ipv4Other.index() as u64);
    let header = ipv4::parse(bytes, at, matches!(remote, Remote::Destination))?;
    packet.set(CELL, host_cell(header.scope.index(), 0) as u64);
    Ok(header)
}

/// Reads an IPv6 header, without its extensions.
#[inline(always)]
fn ipv6_layer<B: Bytes + ?Sized>(
    bytes: &B,
    at: usize,
    remote: Remote,
    packet: &mut Packet,
) -> Result<ipv6::Header, Reject> {
    packet.set(FAMILY, Family::Ipv6.index() as u64);
    packet.set(CELL, Class::Ipv6Other.index() as u64);
    let header = ipv6::parse(bytes, at, matches!(remote, Remote::Destination))?;
    packet.set(CELL, host_cell(header.scope.index(), 0) as u64);
    Ok(header)
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
    /// The payload of a packet that is no fragment.
    #[inline(always)]
    const fn whole(protocol: u8, at: usize) -> Self {
        Self { protocol, at, end: 0, first_fragment: 0 }
    }

    /// The payload of an IPv4 packet that is no later fragment.
    #[inline(always)]
    const fn under(header: &ipv4::Header) -> Self {
        Self {
            protocol: header.protocol,
            at: header.payload,
            end: header.payload.wrapping_add(header.claimed_payload_len as usize),
            first_fragment: header.fragments,
        }
    }

    /// What an extension header chain leads to.
    #[inline(always)]
    const fn behind(chain: &ipv6::Chain, header: &ipv6::Header) -> Self {
        Self {
            protocol: chain.protocol,
            at: chain.payload,
            end: header.claimed_end,
            first_fragment: chain.first_fragment,
        }
    }

    /// Whether this is a first fragment that claims fewer bytes than a transport
    /// header needs.
    #[inline(always)]
    const fn is_tiny(&self, header_len: u16) -> bool {
        self.first_fragment != 0 && self.end.wrapping_sub(self.at) < header_len as usize
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
    tcp: impl FnOnce(&B, usize) -> Result<tcp::Header, Reject>,
    ports: &impl Spoken,
    packet: &mut Packet,
) -> Result<(), Reject> {
    let parsed = match next.protocol {
        TCP => segment(|| tcp(bytes, next.at), next, ports, packet),
        UDP => datagram(bytes, next, ports, packet),
        icmp::PROTOCOL_V4 => {
            packet.set(CELL, Protocol::Icmp.index() as u64);
            message(icmp::parse_v4(bytes, next.at), packet)
        }
        icmp::PROTOCOL_V6 => {
            packet.set(CELL, Protocol::Icmp.index() as u64);
            message(icmp::parse_v6(bytes, next.at), packet)
        }
        _ => Ok(()),
    };
    if next.first_fragment == 0 { parsed } else { parsed.map_err(|_| Reject::TinyFragment) }
}

#[inline(always)]
fn segment(
    read: impl FnOnce() -> Result<tcp::Header, Reject>,
    next: Next,
    ports: &impl Spoken,
    packet: &mut Packet,
) -> Result<(), Reject> {
    packet.set(CELL, Protocol::Tcp.index() as u64);
    if next.is_tiny(tcp::MIN_HEADER_LEN) {
        packet.set(TINY, 1);
    }
    let header = read()?;
    packet.set(DETAIL, u64::from(header.flags ^ tcp::ACK));
    if next.first_fragment == 0 && ports.has_any(header.ports) {
        packet.set(TRANSPORT, Transport::DnsSegment.index() as u64);
        packet.set(MESSAGE, 1);
        packet.set(MESSAGE_LEN, u64::from(header.zero_window));
    } else {
        packet.set(TRANSPORT, Transport::Tcp.index() as u64);
        packet.set(MESSAGE, u64::from(header.zero_window));
    }
    packet.set(HEADERS, next.at as u64);
    packet.set(HEADERS, u64::from(header.claimed_len));
    Ok(())
}

#[inline(always)]
fn datagram<B: Bytes + ?Sized>(
    bytes: &B,
    next: Next,
    ports: &impl Spoken,
    packet: &mut Packet,
) -> Result<(), Reject> {
    packet.set(CELL, Protocol::Udp.index() as u64);
    if next.is_tiny(udp::HEADER_LEN) {
        packet.set(TINY, 1);
    }
    let header = udp::parse(bytes, next.at)?;
    packet.set(HEADERS, next.at as u64);
    packet.set(HEADERS, u64::from(udp::HEADER_LEN));
    let transport = if ports.has_any([header.source, header.destination]) {
        packet.set(MESSAGE, 1);
        packet.set(MESSAGE_LEN, u64::from(header.claimed_payload_len));
        match dns::parse(bytes, next.at.wrapping_add(usize::from(udp::HEADER_LEN))) {
            dns::Kind::Short => Transport::DnsShort,
            dns::Kind::Query => Transport::DnsQuery,
            dns::Kind::Response(rcode) => {
                packet.set(DETAIL, rcode.index() as u64);
                Transport::DnsResponse
            }
        }
    } else {
        packet.set(DETAIL, u64::from(header.has_port(dns::LLMNR_PORT)).wrapping_mul(LLMNR));
        if header.may_amplify() {
            // Between two such ports, as servers of NTP speak among themselves, it is both:
            // an attacker who picks the port that is answered to hides nothing by it, and
            // of servers that answer each other there are as many of the one as of the other.
            if header.is_from_amplifier() {
                packet.set(DETAIL, ANSWER);
            }
            if header.is_to_amplifier() {
                packet.set(DETAIL, REQUEST);
            }
        }
        Transport::Udp
    };
    packet.set(MDNS, u64::from(header.has_port(dns::MDNS_PORT)));
    packet.set(TRANSPORT, transport.index() as u64);
    Ok(())
}

#[inline(always)]
fn message(class: Result<IcmpClass, Reject>, packet: &mut Packet) -> Result<(), Reject> {
    packet.set(DETAIL, class?.index() as u64);
    packet.set(MESSAGE, 1);
    packet.set(TRANSPORT, Transport::Icmp.index() as u64);
    Ok(())
}

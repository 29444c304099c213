//! From bytes to a packet: the only parser netmon has.

use crate::{
    abi::labels::{Class, Family, IcmpClass, IpVersion, Protocol, labels},
    bytes::Bytes,
    reject::Reject,
    scope::Scope,
    wire::{
        Payload, bsd_loopback, cooked, dns,
        ethernet::{self, ETHERTYPE_IPV4, ETHERTYPE_IPV6},
        icmp, ipv4, ipv6, raw, tcp, udp, vlan,
    },
};

labels! {
    /// How a frame begins.
    pub enum Link {
        /// With an Ethernet header.
        Ethernet = "ethernet",
        /// With an IP header.
        Raw = "raw",
        /// With a Linux cooked header, version 1.
        CookedV1 = "cooked_v1",
        /// With a Linux cooked header, version 2.
        CookedV2 = "cooked_v2",
        /// With a BSD loopback header.
        BsdLoopback = "bsd_loopback",
        /// In a way that netmon cannot read.
        Unknown = "unknown",
    }
}

/// Which end of a packet is the remote one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remote {
    /// The packet was received.
    Source,
    /// The packet was sent.
    Destination,
}

/// What follows the network layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Nothing that is counted by itself.
    None,
    /// A TCP segment with these flags.
    Tcp {
        /// The flag byte.
        flags: u8,
    },
    /// A UDP datagram without further interest.
    Udp,
    /// A UDP datagram with port 53 on either side.
    Dns {
        /// Query, response or neither.
        kind: dns::Kind,
        /// Length of the message as UDP claims it, in bytes.
        claimed_len: u16,
        /// Whether the other port is 5353.
        mdns: bool,
    },
    /// A UDP datagram with port 5353 on one side and not 53 on the other.
    Mdns,
    /// An ICMP message.
    Icmp(IcmpClass),
}

/// What the parser learned of a frame. It is complete even when the frame was
/// rejected: it then says how far the parser came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Why the frame belongs to no class, if so.
    pub reject: Option<Reject>,
    /// VLAN tags in the frame.
    pub vlan_tags: u8,
    /// Network layer that the link layer announces.
    pub family: Family,
    /// Transport protocol; `Other` for later fragments and until it is known.
    pub protocol: Protocol,
    /// Scope of the remote address.
    pub scope: Scope,
    /// Fragment headers that were met.
    pub fragments: u8,
    /// Whether a first fragment is too short for a whole transport header.
    pub tiny_first_fragment: bool,
    /// The transport layer, as far as it is counted.
    pub transport: Transport,
    /// Bytes of headers up to the transport payload; 0 when not known.
    pub headers: u32,
}

impl Packet {
    /// A frame of which nothing is known yet.
    const UNSEEN: Self = Self {
        reject: None,
        vlan_tags: 0,
        family: Family::Other,
        protocol: Protocol::Other,
        scope: Scope::Public,
        fragments: 0,
        tiny_first_fragment: false,
        transport: Transport::None,
        headers: 0,
    };

    /// The class of a packet that was not rejected.
    #[inline(always)]
    pub const fn class(&self) -> Class {
        match (self.family, self.protocol) {
            (Family::Ipv4, Protocol::Tcp) => Class::Ipv4Tcp,
            (Family::Ipv4, Protocol::Udp) => Class::Ipv4Udp,
            (Family::Ipv4, Protocol::Icmp) => Class::Ipv4Icmp,
            (Family::Ipv4, Protocol::Other) => Class::Ipv4Other,
            (Family::Ipv6, Protocol::Tcp) => Class::Ipv6Tcp,
            (Family::Ipv6, Protocol::Udp) => Class::Ipv6Udp,
            (Family::Ipv6, Protocol::Icmp) => Class::Ipv6Icmp,
            (Family::Ipv6, Protocol::Other) => Class::Ipv6Other,
            (Family::Other, _) => Class::NonIp,
        }
    }

    /// The IP version of the frame; version 4 stands in where there is none.
    #[inline(always)]
    pub const fn ip_version(&self) -> IpVersion {
        match self.family {
            Family::Ipv6 => IpVersion::V6,
            Family::Ipv4 | Family::Other => IpVersion::V4,
        }
    }
}

/// Parses one frame, outermost headers only: no tunnel is opened.
#[inline(always)]
pub fn parse<B: Bytes + ?Sized>(bytes: &B, link: Link, remote: Remote) -> Packet {
    let mut packet = Packet::UNSEEN;
    packet.reject = link_layer(bytes, link)
        .and_then(|payload| network_layer(bytes, payload, remote, &mut packet))
        .err();
    packet
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
    let payload = vlan::skip(bytes, payload, &mut packet.vlan_tags)?;
    let destination = matches!(remote, Remote::Destination);
    match payload.ethertype {
        ETHERTYPE_IPV4 => {
            packet.family = Family::Ipv4;
            let header = ipv4::parse(bytes, payload.at, destination)?;
            packet.scope = header.scope;
            packet.fragments = u8::from(header.fragment);
            if header.later_fragment {
                return Ok(());
            }
            let end = header.payload.wrapping_add(usize::from(header.claimed_payload_len));
            let next = Next { protocol: header.protocol, at: header.payload, end };
            transport_layer(bytes, next, header.fragment, packet)
        }
        ETHERTYPE_IPV6 => {
            packet.family = Family::Ipv6;
            let header = ipv6::parse(bytes, payload.at, destination)?;
            packet.scope = header.scope;
            let chain =
                ipv6::walk(bytes, header.next_header, header.payload, &mut packet.fragments)?;
            if chain.later_fragment {
                return Ok(());
            }
            let next =
                Next { protocol: chain.protocol, at: chain.payload, end: header.claimed_end };
            transport_layer(bytes, next, chain.first_fragment, packet)
        }
        _ => Ok(()),
    }
}

/// The layer above IP: its protocol number, where it begins, and where it ends
/// as the IP header claims.
#[derive(Clone, Copy)]
struct Next {
    protocol: u8,
    at: usize,
    end: usize,
}

#[inline(always)]
fn transport_layer<B: Bytes + ?Sized>(
    bytes: &B,
    next: Next,
    first_fragment: bool,
    packet: &mut Packet,
) -> Result<(), Reject> {
    let parsed = match next.protocol {
        TCP => {
            packet.protocol = Protocol::Tcp;
            packet.tiny_first_fragment =
                first_fragment && next.is_shorter_than(tcp::MIN_HEADER_LEN);
            tcp::parse(bytes, next.at).map(|header| {
                packet.headers = next.headers(header.claimed_len);
                Transport::Tcp { flags: header.flags }
            })
        }
        UDP => {
            packet.protocol = Protocol::Udp;
            packet.tiny_first_fragment = first_fragment && next.is_shorter_than(udp::HEADER_LEN);
            udp::parse(bytes, next.at).map(|header| {
                packet.headers = next.headers(udp::HEADER_LEN);
                datagram(bytes, next.at, header)
            })
        }
        icmp::PROTOCOL_V4 => {
            packet.protocol = Protocol::Icmp;
            icmp::parse_v4(bytes, next.at).map(Transport::Icmp)
        }
        icmp::PROTOCOL_V6 => {
            packet.protocol = Protocol::Icmp;
            icmp::parse_v6(bytes, next.at).map(Transport::Icmp)
        }
        _ => return Ok(()),
    };
    match parsed {
        Ok(transport) => {
            packet.transport = transport;
            Ok(())
        }
        Err(_) if first_fragment => Err(Reject::TinyFragment),
        Err(reject) => Err(reject),
    }
}

/// Protocol number of TCP.
const TCP: u8 = 6;
/// Protocol number of UDP.
const UDP: u8 = 17;

impl Next {
    /// Whether IP claims fewer bytes than a transport header needs.
    #[inline(always)]
    const fn is_shorter_than(&self, header_len: u16) -> bool {
        self.end.wrapping_sub(self.at) < header_len as usize
    }

    /// Bytes of headers up to a payload behind `header_len` bytes.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "header chains end below 20 KiB")]
    const fn headers(&self, header_len: u16) -> u32 {
        (self.at as u32).wrapping_add(header_len as u32)
    }
}

#[inline(always)]
fn datagram<B: Bytes + ?Sized>(bytes: &B, at: usize, header: udp::Header) -> Transport {
    if header.has_port(dns::PORT) {
        let kind = dns::parse(bytes, at.wrapping_add(usize::from(udp::HEADER_LEN)));
        let mdns = header.has_port(dns::MDNS_PORT);
        Transport::Dns { kind, claimed_len: header.claimed_payload_len, mdns }
    } else if header.has_port(dns::MDNS_PORT) {
        Transport::Mdns
    } else {
        Transport::Udp
    }
}

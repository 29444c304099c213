//! From bytes to a packet: the only parser netmon has.

use crate::{
    abi::labels::{Class, Family, IcmpClass, Protocol, Rcode, labels},
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

labels! {
    /// What follows the network layer, as far as it is counted.
    pub enum Transport {
        /// Nothing that is counted by itself.
        None = "none",
        /// A TCP segment; the detail is its flag byte.
        Tcp = "tcp",
        /// A UDP datagram without further interest.
        Udp = "udp",
        /// A DNS message over UDP that ends before its flags.
        DnsShort = "dns_short",
        /// A DNS query over UDP.
        DnsQuery = "dns_query",
        /// A DNS response over UDP; the detail is an index into [`Rcode`].
        DnsResponse = "dns_response",
        /// An ICMP message; the detail is an index into [`IcmpClass`].
        Icmp = "icmp",
    }
}

/// What the parser learned of a frame, packed into one word. It is complete
/// even when the frame was rejected: it then says how far the parser came.
///
/// One word, because the verifier walks every combination of what the kernel
/// program holds in registers: the paths of the parser meet in this word, and
/// the counting rules start from it alone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Packet(u64);

/// Some bits of a [`Packet`].
#[derive(Clone, Copy)]
struct Field {
    shift: u32,
    bits: u32,
}

/// 0, or the index of the reject reason plus 1.
const REJECT: Field = Field { shift: 0, bits: 4 };
const VLAN_TAGS: Field = REJECT.then(4);
const FAMILY: Field = VLAN_TAGS.then(2);
const PROTOCOL: Field = FAMILY.then(2);
const SCOPE: Field = PROTOCOL.then(3);
const FRAGMENTS: Field = SCOPE.then(4);
const TINY: Field = FRAGMENTS.then(1);
const TRANSPORT: Field = TINY.then(3);
const DETAIL: Field = TRANSPORT.then(8);
const HEADERS: Field = DETAIL.then(16);
const MESSAGE: Field = HEADERS.then(16);
const MDNS: Field = MESSAGE.then(1);

const _: () = {
    assert!(MDNS.shift + MDNS.bits <= u64::BITS);
    assert!(Reject::COUNT < 1 << REJECT.bits);
    assert!(vlan::MAX_TAGS + 1 < 1 << VLAN_TAGS.bits);
    assert!(Family::COUNT <= 1 << FAMILY.bits);
    assert!(Protocol::COUNT <= 1 << PROTOCOL.bits);
    assert!(Scope::COUNT <= 1 << SCOPE.bits);
    assert!(ipv6::MAX_EXTENSION_HEADERS < 1 << FRAGMENTS.bits);
    assert!(Transport::COUNT <= 1 << TRANSPORT.bits);
};

impl Field {
    /// The field of `bits` bits that follows this one.
    const fn then(self, bits: u32) -> Self {
        Self { shift: self.shift.wrapping_add(self.bits), bits }
    }

    const fn mask(self) -> u64 {
        1_u64.wrapping_shl(self.bits).wrapping_sub(1)
    }
}

impl Packet {
    /// A frame of which nothing is known yet.
    const UNSEEN: Self = Self(0)
        .with(FAMILY, Family::Other.index() as u64)
        .with(PROTOCOL, Protocol::Other.index() as u64)
        .with(SCOPE, Scope::Public.index() as u64);

    /// The packed form.
    #[inline(always)]
    pub const fn to_word(self) -> u64 {
        self.0
    }

    /// The packet of a packed form.
    #[inline(always)]
    pub const fn from_word(word: u64) -> Self {
        Self(word)
    }

    #[inline(always)]
    const fn get(self, field: Field) -> u64 {
        self.0.wrapping_shr(field.shift) & field.mask()
    }

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "fields have at most 16 bits")]
    const fn index(self, field: Field) -> usize {
        self.get(field) as usize
    }

    #[inline(always)]
    const fn with(self, field: Field, value: u64) -> Self {
        let cleared = self.0 & !field.mask().wrapping_shl(field.shift);
        Self(cleared | (value & field.mask()).wrapping_shl(field.shift))
    }

    #[inline(always)]
    const fn set(&mut self, field: Field, value: u64) {
        *self = self.with(field, value);
    }

    /// Why the frame belongs to no class, if so, as an index into
    /// [`Reject::ALL`].
    #[inline(always)]
    pub(crate) const fn reject_index(self) -> Option<usize> {
        self.index(REJECT).checked_sub(1)
    }

    /// Whether the frame was rejected for this reason.
    #[inline(always)]
    pub const fn is_rejected_as(self, reject: Reject) -> bool {
        self.get(REJECT) == (reject.index() as u64).wrapping_add(1)
    }

    /// VLAN tags in the frame.
    #[inline(always)]
    pub const fn vlan_tags(self) -> u64 {
        self.get(VLAN_TAGS)
    }

    /// The same packet with one more VLAN tag, which stood beside the frame.
    #[inline(always)]
    #[must_use]
    pub const fn with_outer_tag(self) -> Self {
        self.with(VLAN_TAGS, self.vlan_tags().wrapping_add(1))
    }

    /// Network layer that the link layer announces, as an index into
    /// [`Family::ALL`].
    #[inline(always)]
    pub(crate) const fn family_index(self) -> usize {
        self.index(FAMILY)
    }

    /// The IP version, as an index into
    /// [`IpVersion::ALL`](crate::abi::labels::IpVersion::ALL); out of range
    /// where there is none.
    #[inline(always)]
    pub(crate) const fn ip_version_index(self) -> usize {
        self.family_index()
    }

    /// Transport protocol, as an index into [`Protocol::ALL`]; `Other` for later
    /// fragments and as long as it is not known.
    #[inline(always)]
    pub(crate) const fn protocol_index(self) -> usize {
        self.index(PROTOCOL)
    }

    /// The class, as an index into [`Class::ALL`](crate::abi::labels::Class::ALL).
    #[inline(always)]
    pub(crate) const fn class_index(self) -> usize {
        // Classes stand in the order of family and protocol, and `NonIp` comes
        // last; the protocol of a frame without IP is always `Other`.
        let cell =
            self.family_index().wrapping_mul(Protocol::COUNT).wrapping_add(self.protocol_index());
        if cell < Class::COUNT { cell } else { Class::NonIp.index() }
    }

    /// Scope of the remote address, as an index into [`Scope::ALL`].
    #[inline(always)]
    pub(crate) const fn scope_index(self) -> usize {
        self.index(SCOPE)
    }

    /// Fragment headers that were met.
    #[inline(always)]
    pub const fn fragments(self) -> u64 {
        self.get(FRAGMENTS)
    }

    /// Whether a first fragment is too short for a whole transport header.
    #[inline(always)]
    pub const fn is_tiny_first_fragment(self) -> bool {
        self.get(TINY) != 0
    }

    /// What is counted of the transport layer.
    #[inline(always)]
    pub const fn is(self, transport: Transport) -> bool {
        self.get(TRANSPORT) == transport.index() as u64
    }

    /// Whether this is a DNS message over UDP of any kind.
    #[inline(always)]
    pub const fn is_dns(self) -> bool {
        self.is(Transport::DnsShort)
            || self.is(Transport::DnsQuery)
            || self.is(Transport::DnsResponse)
    }

    /// Whether this is a UDP datagram with port 5353 on either side.
    #[inline(always)]
    pub const fn is_mdns(self) -> bool {
        self.get(MDNS) != 0
    }

    /// What [`Transport`] says of it.
    #[inline(always)]
    pub(crate) const fn detail(self) -> usize {
        self.index(DETAIL)
    }

    /// The flag byte of a TCP segment.
    #[inline(always)]
    pub const fn tcp_flags(self) -> u8 {
        let [flags, ..] = self.get(DETAIL).to_le_bytes();
        flags
    }

    /// Bytes of headers up to the transport payload; 0 when not known.
    #[inline(always)]
    pub const fn headers(self) -> u64 {
        self.get(HEADERS)
    }

    /// Length of the UDP payload as UDP claims it, in bytes.
    #[inline(always)]
    pub const fn claimed_message_len(self) -> u64 {
        self.get(MESSAGE)
    }
}

/// The same in words, for people and tests: nothing here runs in the kernel.
impl Packet {
    /// Why the frame belongs to no class, if so.
    pub fn reject(self) -> Option<Reject> {
        self.reject_index().and_then(|index| Reject::ALL.get(index)).copied()
    }

    /// Network layer that the link layer announces.
    pub fn family(self) -> Family {
        Family::ALL.get(self.family_index()).copied().unwrap_or(Family::Other)
    }

    /// Transport protocol; `Other` for later fragments and as long as it is not
    /// known.
    pub fn protocol(self) -> Protocol {
        Protocol::ALL.get(self.protocol_index()).copied().unwrap_or(Protocol::Other)
    }

    /// The class of a packet that was not rejected.
    pub fn class(self) -> Class {
        Class::ALL.get(self.class_index()).copied().unwrap_or(Class::NonIp)
    }

    /// Scope of the remote address.
    pub fn scope(self) -> Scope {
        Scope::ALL.get(self.scope_index()).copied().unwrap_or(Scope::Public)
    }

    /// The transport layer, as far as it is counted.
    pub fn transport(self) -> Transport {
        Transport::ALL.get(self.index(TRANSPORT)).copied().unwrap_or(Transport::None)
    }

    /// The class of an ICMP message.
    pub fn icmp_class(self) -> Option<IcmpClass> {
        self.is(Transport::Icmp).then(|| IcmpClass::ALL.get(self.detail()).copied()).flatten()
    }

    /// The response code of a DNS response.
    pub fn rcode(self) -> Option<Rcode> {
        self.is(Transport::DnsResponse).then(|| Rcode::ALL.get(self.detail()).copied()).flatten()
    }
}

impl core::fmt::Debug for Packet {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Packet")
            .field("reject", &self.reject())
            .field("vlan_tags", &self.vlan_tags())
            .field("class", &self.class())
            .field("scope", &self.scope())
            .field("fragments", &self.fragments())
            .field("tiny_first_fragment", &self.is_tiny_first_fragment())
            .field("transport", &self.transport())
            .field("mdns", &self.is_mdns())
            .field("detail", &self.detail())
            .field("headers", &self.headers())
            .field("claimed_message_len", &self.claimed_message_len())
            .finish()
    }
}

/// Parses one frame, outermost headers only: no tunnel is opened.
#[inline(always)]
pub fn parse<B: Bytes + ?Sized>(bytes: &B, link: Link, remote: Remote) -> Packet {
    let mut packet = Packet::UNSEEN;
    let parsed = link_layer(bytes, link)
        .and_then(|payload| network_layer(bytes, payload, remote, &mut packet));
    if let Err(reject) = parsed {
        packet.set(REJECT, (reject.index() as u64).wrapping_add(1));
    }
    Packet(bytes.forget(packet.0))
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

//! Well-formed layers, and the few lies that a generator cannot leave to
//! chance. Lengths follow from what is inside unless they are given.

use netmon_common::packet::Link;

/// Puts a link layer and VLAN tags in front of a packet. Link types without an
/// EtherType leave the tags out.
pub(crate) fn link(link: Link, tags: &[u16], ethertype: u16, packet: &[u8]) -> Vec<u8> {
    let mut types: Vec<u8> =
        tags.iter().flat_map(|tpid| [tpid.to_be_bytes(), [0, 100]]).flatten().collect();
    types.extend(ethertype.to_be_bytes());
    let (before, types, after): (&[u8], &[u8], &[u8]) = match link {
        Link::Ethernet => (&[0x02, 0, 0, 0, 0, 2, 0x02, 0, 0, 0, 0, 1], &types, &[]),
        Link::CookedV1 => (&[0, 0, 0, 1, 0, 6, 0x02, 0, 0, 0, 0, 1, 0, 0], &types, &[]),
        Link::CookedV2 => {
            (&ethertype.to_be_bytes(), &[], &[0, 0, 0, 0, 0, 2, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0])
        }
        Link::BsdLoopback if ethertype == 0x0800 => (&[2, 0, 0, 0], &[], &[]),
        Link::BsdLoopback => (&[0, 0, 0, 30], &[], &[]),
        Link::Raw | Link::Unknown => (&[], &[], &[]),
    };
    [before, types, after, packet].concat()
}

/// An IPv4 header.
#[derive(Clone, Debug)]
pub(crate) struct Ipv4 {
    /// Options, a multiple of four bytes, at most forty.
    pub(crate) options: Vec<u8>,
    /// Flags and fragment offset.
    pub(crate) fragment: u16,
    /// Protocol of the payload.
    pub(crate) protocol: u8,
    /// Source and destination.
    pub(crate) addresses: [[u8; 4]; 2],
    /// Total length, if it is not to be true.
    pub(crate) total_length: Option<u16>,
}

impl Ipv4 {
    /// A header without options between two documentation addresses.
    pub(crate) fn of(protocol: u8) -> Self {
        Self {
            options: Vec::new(),
            fragment: 0,
            protocol,
            addresses: [[192, 0, 2, 1], [198, 51, 100, 2]],
            total_length: None,
        }
    }

    /// The header and its payload.
    pub(crate) fn packet(&self, payload: &[u8]) -> Vec<u8> {
        let words = 5 + low_byte(self.options.len() / 4);
        let length = self.options.len() + 20 + payload.len();
        let length = self.total_length.unwrap_or(low_half(length));
        let mut packet = vec![0x40 | words, 0];
        packet.extend(length.to_be_bytes());
        packet.extend([0, 1]);
        packet.extend(self.fragment.to_be_bytes());
        packet.extend([64, self.protocol, 0, 0]);
        packet.extend(self.addresses.as_flattened());
        packet.extend(&self.options);
        packet.extend(payload);
        packet
    }
}

/// Number, length byte and the two bytes behind it, which are the offset of a
/// fragment header.
pub(crate) type Extension = (u8, u8, u16);

/// An IPv6 header and its extension headers.
#[derive(Clone, Debug)]
pub(crate) struct Ipv6 {
    /// The extension headers.
    pub(crate) chain: Vec<Extension>,
    /// Protocol of the payload.
    pub(crate) protocol: u8,
    /// Source and destination.
    pub(crate) addresses: [[u8; 16]; 2],
    /// Payload length, if it is not to be true.
    pub(crate) payload_length: Option<u16>,
}

impl Ipv6 {
    /// A header without extension headers between two documentation addresses.
    pub(crate) fn of(protocol: u8) -> Self {
        let address = |last| [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last];
        Self {
            chain: Vec::new(),
            protocol,
            addresses: [address(1), address(2)],
            payload_length: None,
        }
    }

    /// The headers and their payload.
    pub(crate) fn packet(&self, payload: &[u8]) -> Vec<u8> {
        let mut rest = Vec::new();
        for (at, (number, length, field)) in self.chain.iter().enumerate() {
            let next = self.chain.get(at + 1).map_or(self.protocol, |(number, ..)| *number);
            let body = match number {
                44 => 4,
                51 => usize::from(*length) * 4 + 4,
                _ => usize::from(*length) * 8 + 4,
            };
            rest.extend([next, *length]);
            rest.extend(field.to_be_bytes());
            rest.resize(rest.len() + body, 0);
        }
        rest.extend(payload);
        let length = self.payload_length.unwrap_or(low_half(rest.len()));
        let mut packet = vec![0x60, 0, 0, 0];
        packet.extend(length.to_be_bytes());
        packet.extend([self.chain.first().map_or(self.protocol, |(number, ..)| *number), 64]);
        packet.extend(self.addresses.as_flattened());
        packet.extend(rest);
        packet
    }
}

/// A TCP header with this data offset, in words, and these flags.
pub(crate) fn tcp(offset: u8, flags: u8) -> Vec<u8> {
    let mut header =
        vec![0xd4, 0x31, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, offset << 4, flags, 0x72, 0x10, 0, 0, 0, 0];
    header.resize(usize::from(offset).max(5) * 4, 1);
    header
}

/// The same segment with this window.
pub(crate) fn with_window(mut segment: Vec<u8>, window: u16) -> Vec<u8> {
    segment[14..16].copy_from_slice(&window.to_be_bytes());
    segment
}

/// A UDP datagram, with its true length unless another is given.
pub(crate) fn udp(ports: [u16; 2], length: Option<u16>, payload: &[u8]) -> Vec<u8> {
    let length = length.unwrap_or(low_half(payload.len() + 8));
    let mut datagram = [ports[0], ports[1], length, 0].map(u16::to_be_bytes).concat();
    datagram.extend(payload);
    datagram
}

/// A DNS message of this length with these flags.
pub(crate) fn dns(flags: u16, len: usize) -> Vec<u8> {
    let [high, low] = flags.to_be_bytes();
    let mut message = vec![0x12, 0x34, high, low, 0, 1, 0, 0, 0, 0, 0, 0];
    message.resize(len, 0);
    message
}

/// An ICMP message.
pub(crate) fn icmp(kind: u8, code: u8) -> Vec<u8> {
    vec![kind, code, 0, 0, 0, 0, 0, 0]
}

fn low_byte(number: usize) -> u8 {
    number.to_le_bytes()[0]
}

fn low_half(number: usize) -> u16 {
    let [low, high, ..] = number.to_le_bytes();
    u16::from_le_bytes([low, high])
}

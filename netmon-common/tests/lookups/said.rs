//! Messages, and the frames around them.

use netmon_common::packet::Link;

use crate::frame::{Ipv4, Ipv6, link, tcp, udp};

/// Ports of a client and of a server.
pub(crate) const PORTS: [u16; 2] = [40_000, 53];
pub(crate) const BACK: [u16; 2] = [53, 40_000];

pub(crate) const RESPONSE: u16 = 0x8000;
pub(crate) const TRUNCATED: u16 = 0x0200;

/// A name of labels of these lengths.
pub(crate) fn name(labels: &[u8]) -> Vec<u8> {
    let mut name = Vec::new();
    for len in labels {
        name.push(*len);
        name.resize(name.len() + usize::from(*len), b'a');
    }
    name.push(0);
    name
}

/// The header of a message.
pub(crate) fn header(id: u16, flags: u16, questions: u16) -> Vec<u8> {
    [id, flags, questions, 0, 0, 0].map(u16::to_be_bytes).concat()
}

/// A message with one question.
pub(crate) fn message(id: u16, flags: u16, qtype: u16) -> Vec<u8> {
    asks(id, flags, &name(&[7, 3]), qtype)
}

/// A message that asks for this name.
pub(crate) fn asks(id: u16, flags: u16, name: &[u8], qtype: u16) -> Vec<u8> {
    [&header(id, flags, 1), name, &qtype.to_be_bytes(), &[0, 1]].concat()
}

/// How a message travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    V4,
    V4Options,
    V4Tagged,
    V6,
    V6Tagged,
    V6Raw,
}

impl Way {
    pub(crate) const ALL: [Self; 6] =
        [Self::V4, Self::V4Options, Self::V4Tagged, Self::V6, Self::V6Tagged, Self::V6Raw];

    pub(crate) fn is_version_6(self) -> bool {
        matches!(self, Self::V6 | Self::V6Tagged | Self::V6Raw)
    }

    pub(crate) fn link(self) -> Link {
        if self == Self::V6Raw { Link::Raw } else { Link::Ethernet }
    }

    /// A frame between the ends with these numbers.
    pub(crate) fn frame(self, protocol: u8, ends: [u8; 2], payload: &[u8]) -> Vec<u8> {
        let tags = match self {
            Self::V4Tagged => &[0x8100][..],
            Self::V6Tagged => &[0x88a8, 0x8100],
            _ => &[],
        };
        if self.is_version_6() {
            let mut packet = Ipv6::of(protocol);
            (packet.addresses[0][15], packet.addresses[1][15]) = (ends[0], ends[1]);
            link(self.link(), tags, 0x86dd, &packet.packet(payload))
        } else {
            let options = if self == Self::V4Options { vec![1; 12] } else { Vec::new() };
            let addresses = ends.map(|end| [10, 0, 0, end]);
            let packet = Ipv4 { options, addresses, ..Ipv4::of(protocol) };
            link(self.link(), tags, 0x0800, &packet.packet(payload))
        }
    }

    /// A datagram.
    pub(crate) fn datagram(self, ends: [u8; 2], ports: [u16; 2], message: &[u8]) -> Vec<u8> {
        self.frame(17, ends, &udp(ports, None, message))
    }

    /// A segment.
    pub(crate) fn segment(
        self,
        ends: [u8; 2],
        ports: [u16; 2],
        sequence: u32,
        flags: u8,
        payload: &[u8],
    ) -> Vec<u8> {
        let mut segment = tcp(8, flags);
        segment[0..2].copy_from_slice(&ports[0].to_be_bytes());
        segment[2..4].copy_from_slice(&ports[1].to_be_bytes());
        segment[4..8].copy_from_slice(&sequence.to_be_bytes());
        segment.extend(payload);
        self.frame(6, ends, &segment)
    }
}

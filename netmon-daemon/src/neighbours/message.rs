//! The messages of an rtnetlink datagram that tell of neighbours, and of the way to far
//! addresses.
//!
//! Must not trust a length. Invariant: what cannot be read is left out, never a neighbour
//! that is not there.

use std::net::IpAddr;

use super::Hardware;
use crate::netlink::{
    attribute::{array, u32, walk},
    message::{DONE, ERROR, Message as Raw, Messages, OVERRUN, dump_request, request},
};

/// One message of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Message {
    /// Somebody has an address.
    Neighbour {
        /// Index of the link.
        link: u32,
        /// The address.
        address: IpAddr,
        /// Who has it.
        hardware: Hardware,
    },
    /// The answer to the request of this number: the gateway behind which far addresses
    /// are, if it is not on the link itself.
    Way {
        /// The request.
        sequence: u32,
        /// Index of the link, and the gateway.
        gateway: Option<(u32, IpAddr)>,
    },
    /// The request of this number has no answer.
    None(u32),
    /// The list of this number ends.
    Done(u32),
    /// Messages were lost.
    Lost,
}

const RTM_NEWNEIGH: u16 = 28;
const RTM_GETNEIGH: u16 = 30;
const RTM_NEWROUTE: u16 = 24;
const RTM_GETROUTE: u16 = 26;

const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;

/// Bytes of `struct ndmsg` and of `struct rtmsg`, which precede the attributes.
const HEADER_LEN: usize = 12;
const NDA_DST: u16 = 1;
const NDA_LLADDR: u16 = 2;
const RTA_DST: u16 = 1;
/// The index of the link that a packet leaves by.
const RTA_LINK: u16 = 4;
const RTA_GATEWAY: u16 = 5;
const RTA_VIA: u16 = 18;

/// States in which a hardware address is known (`NUD_REACHABLE`, `NUD_STALE`, `NUD_DELAY`,
/// `NUD_PROBE`, `NUD_PERMANENT`).
const KNOWN: u16 = 0x02 | 0x04 | 0x08 | 0x10 | 0x80;
/// An address for which this host answers in place of others (`NTF_PROXY`).
const PROXY: u8 = 0x08;

/// A request for all neighbours.
pub(super) fn list_request(sequence: u32) -> Vec<u8> {
    dump_request(RTM_GETNEIGH, sequence, &[0; HEADER_LEN])
}

/// The question which way a packet to this address would take. None is sent.
pub(super) fn way_request(sequence: u32, address: IpAddr) -> Vec<u8> {
    let (family, octets) = match address {
        IpAddr::V4(address) => (AF_INET, address.octets().to_vec()),
        IpAddr::V6(address) => (AF_INET6, address.octets().to_vec()),
    };
    let bits = u8::try_from(octets.len() * 8).unwrap_or_default();
    let mut body = vec![0; HEADER_LEN];
    body[..2].copy_from_slice(&[family, bits]);
    let len = u16::try_from(octets.len() + 4).unwrap_or_default();
    body.extend(len.to_ne_bytes());
    body.extend(RTA_DST.to_ne_bytes());
    body.extend(octets);
    request(RTM_GETROUTE, sequence, &body)
}

/// The messages of `datagram`, in order, as far as they say something here.
pub(super) fn parse(datagram: &[u8]) -> impl Iterator<Item = Message> {
    Messages::parse(datagram)
        .filter_map(|message| message.map_or(Some(Message::Lost), |it| read(&it)))
}

fn read(message: &Raw<'_>) -> Option<Message> {
    let (payload, sequence) = (message.payload, message.sequence);
    match message.kind {
        RTM_NEWNEIGH => neighbour(payload),
        RTM_NEWROUTE => Some(Message::Way { sequence, gateway: gateway(payload) }),
        DONE => Some(Message::Done(sequence)),
        ERROR if message.errno() != Some(0) => Some(Message::None(sequence)),
        OVERRUN => Some(Message::Lost),
        _ => None,
    }
}

fn neighbour(payload: &[u8]) -> Option<Message> {
    let family = *payload.first()?;
    let link = u32::from_ne_bytes(array(payload, 4)?);
    let state = u16::from_ne_bytes(array(payload, 8)?);
    let flags = *payload.get(10)?;
    if state & KNOWN == 0 || flags & PROXY != 0 {
        return None;
    }
    let (mut address, mut hardware) = (None, None);
    for (attribute, payload) in walk(payload.get(HEADER_LEN..)?) {
        match attribute {
            NDA_DST => address = self::address(family, payload),
            NDA_LLADDR => hardware = Hardware::new(payload),
            _ => {}
        }
    }
    Some(Message::Neighbour { link, address: address?, hardware: hardware? })
}

fn gateway(payload: &[u8]) -> Option<(u32, IpAddr)> {
    let family = *payload.first()?;
    let (mut link, mut gateway) = (None, None);
    for (attribute, payload) in walk(payload.get(HEADER_LEN..)?) {
        match attribute {
            RTA_LINK => link = u32(payload),
            RTA_GATEWAY => gateway = address(family, payload),
            // A gateway of the other IP version (RFC 5549): its version precedes it.
            RTA_VIA => {
                let family = u16::from_ne_bytes(array(payload, 0)?);
                gateway = address(u8::try_from(family).ok()?, payload.get(2..)?);
            }
            _ => {}
        }
    }
    Some((link?, gateway?))
}

/// An address of this family; none for others, such as those of bridge ports.
fn address(family: u8, payload: &[u8]) -> Option<IpAddr> {
    match family {
        AF_INET => Some(array::<4>(payload, 0)?.into()),
        AF_INET6 => Some(array::<16>(payload, 0)?.into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlink::message::build;

    fn attributes(mut header: Vec<u8>, attributes: &[(u16, &[u8])]) -> Vec<u8> {
        for (kind, payload) in attributes {
            let len = u16::try_from(payload.len() + 4).unwrap_or_default();
            header.extend(len.to_ne_bytes());
            header.extend(kind.to_ne_bytes());
            header.extend(*payload);
            header.resize(header.len().next_multiple_of(4), 0);
        }
        header
    }

    fn entry(family: u8, state: u16, flags: u8, more: &[(u16, &[u8])]) -> Vec<u8> {
        let mut header = vec![family, 0, 0, 0];
        header.extend(3_u32.to_ne_bytes());
        header.extend(state.to_ne_bytes());
        header.extend([flags, 1]);
        build(RTM_NEWNEIGH, 0, 0, &attributes(header, more))
    }

    fn way(family: u8, more: &[(u16, &[u8])]) -> Vec<u8> {
        let mut header = vec![0; HEADER_LEN];
        header[0] = family;
        build(RTM_NEWROUTE, 0, 9, &attributes(header, more))
    }

    const V4: [u8; 4] = [192, 0, 2, 1];
    const CARD: [u8; 6] = [2, 0, 0, 0, 0, 1];

    #[test]
    fn reads_neighbours_and_ways() {
        let v6: [u8; 16] = std::array::from_fn(|at| if at == 0 { 0xfe } else { 7 });
        let there =
            |address: IpAddr| Message::Neighbour { link: 3, address, hardware: Hardware(CARD) };
        let through = |gateway: Option<IpAddr>| Message::Way {
            sequence: 9,
            gateway: gateway.map(|gateway| (3, gateway)),
        };
        let both: &[(u16, &[u8])] = &[(NDA_DST, &V4), (NDA_LLADDR, &CARD)];
        let link = 3_u32.to_ne_bytes();
        let mut via = 10_u16.to_ne_bytes().to_vec();
        via.extend(v6);
        let cases = [
            ("nothing", vec![], None),
            ("reachable", entry(AF_INET, 2, 0, both), Some(there(V4.into()))),
            ("permanent", entry(AF_INET, 0x80, 0, both), Some(there(V4.into()))),
            (
                "IPv6",
                entry(AF_INET6, 4, 0, &[(NDA_DST, &v6), (NDA_LLADDR, &CARD)]),
                Some(there(v6.into())),
            ),
            ("incomplete", entry(AF_INET, 1, 0, both), None),
            ("failed", entry(AF_INET, 0x20, 0, both), None),
            ("needs none", entry(AF_INET, 0x40, 0, both), None),
            ("proxy", entry(AF_INET, 0x80, PROXY, both), None),
            ("a port of a bridge", entry(7, 0x80, 0, both), None),
            ("no card", entry(AF_INET, 2, 0, &both[..1]), None),
            ("no address", entry(AF_INET, 2, 0, &both[1..]), None),
            ("a longer card", entry(AF_INET, 2, 0, &[both[0], (NDA_LLADDR, &[1; 20])]), None),
            ("a shorter address", entry(AF_INET6, 2, 0, both), None),
            (
                "a gateway",
                way(AF_INET, &[(RTA_LINK, &link), (RTA_GATEWAY, &V4)]),
                Some(through(Some(V4.into()))),
            ),
            (
                "of the other version",
                way(AF_INET, &[(RTA_LINK, &link), (RTA_VIA, &via)]),
                Some(through(Some(v6.into()))),
            ),
            ("on the link itself", way(AF_INET, &[(RTA_LINK, &link)]), Some(through(None))),
            ("no way", build(ERROR, 0, 9, &(-101_i32).to_ne_bytes()), Some(Message::None(9))),
            ("acknowledged", build(ERROR, 0, 9, &[0; 4]), None),
            ("the end", build(DONE, 2, 9, &[0; 4]), Some(Message::Done(9))),
            ("overrun", build(OVERRUN, 0, 0, &[]), Some(Message::Lost)),
            ("cut", entry(AF_INET, 2, 0, both)[..20].to_vec(), Some(Message::Lost)),
        ];
        for (name, datagram, expected) in cases {
            assert_eq!(parse(&datagram).collect::<Vec<_>>(), Vec::from_iter(expected), "{name}");
        }
    }

    #[test]
    fn every_cut_and_every_flipped_byte_ends() {
        let both: &[(u16, &[u8])] = &[(NDA_DST, &V4), (NDA_LLADDR, &CARD)];
        let whole = [entry(AF_INET, 2, 0, both), way(AF_INET, &[(RTA_GATEWAY, &V4)])].concat();
        for len in 0..whole.len() {
            assert!(parse(&whole[..len]).count() <= 2);
        }
        for at in 0..whole.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut damaged = whole.clone();
                damaged[at] = value;
                assert!(parse(&damaged).count() <= 2 + whole.len() / 16);
            }
        }
    }

    #[test]
    fn questions_are_what_the_kernel_expects() {
        let question = way_request(7, V4.into());
        let expected = [
            &36_u32.to_ne_bytes()[..],
            &[26, 0, 1, 0, 7, 0, 0, 0, 0, 0, 0, 0],
            &[AF_INET, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            &[8, 0, 1, 0, 192, 0, 2, 1],
        ];
        assert_eq!(question, expected.concat());
        assert_eq!(list_request(7).len(), 28);
    }
}

//! The neighbours of a capture: ARP, and who forwards for public addresses.
//!
//! A capture does not say which address the gateway has. Whoever sends frames whose
//! packets come from public addresses forwards them, and the addresses that it claims by
//! ARP are those of a gateway.

use std::{collections::BTreeMap, net::IpAddr, sync::Arc, time::Duration};

use netmon_common::{
    bytes::Bytes as _,
    packet::{self, Link},
    scope::{self, Scope},
    wire::{arp, ethernet::ETHERTYPE_IPV4, ipv4},
};

use super::record::Record;
use crate::neighbours::{Claims, Hardware, Report};

/// The only link: a capture does not tell several apart.
const LINK: u32 = 0;

/// Packets from public addresses after which somebody is taken for a router.
const ROUTER: u32 = 10;

/// How many are counted.
const MOST: usize = 1024;

/// Where the sender stands in an Ethernet header.
const SENDER: usize = 6;

/// What was seen so far.
#[derive(Default)]
pub(super) struct Neighbours {
    claims: Claims,
    /// Packets from public addresses by the sender of their frames.
    forwarded: BTreeMap<Hardware, u32>,
}

impl Neighbours {
    /// Takes a packet.
    pub(super) fn follow(&mut self, at: Duration, Record { bytes, link, .. }: Record<'_>) {
        if link != Link::Ethernet {
            return;
        }
        let Some(network) = packet::network(bytes, link) else { return };
        match network.ethertype {
            arp::ETHERTYPE => {
                if let Some(claim) = arp::claim(bytes, network.at) {
                    let hardware = Hardware(claim.hardware);
                    self.claims.claim(at, LINK, claim.address.into(), hardware);
                    if self.forwarded.get(&hardware).is_some_and(|packets| *packets >= ROUTER) {
                        self.claims.add_gateway(LINK, claim.address.into());
                    }
                }
            }
            ETHERTYPE_IPV4 => {
                let _ = self.forward(bytes, network.at);
            }
            _ => {}
        }
    }

    /// What changed up to a moment.
    pub(super) fn report(&mut self, now: Duration) -> Arc<Report> {
        self.claims.report(now)
    }

    /// Takes note of who sends a packet from a public address.
    fn forward(&mut self, bytes: &[u8], network: usize) -> Option<()> {
        let source = ipv4::address(bytes, network, false)?;
        let [first, second, ..] = source;
        if scope::of_ipv4(first, second) != Scope::Public || first == 0 {
            return None;
        }
        let hardware = Hardware(bytes.array(SENDER)?);
        if !self.forwarded.contains_key(&hardware) && self.forwarded.len() >= MOST {
            return None;
        }
        let packets = self.forwarded.entry(hardware).or_default();
        *packets = packets.saturating_add(1);
        if *packets == ROUTER {
            let addresses: Vec<IpAddr> = self.claims.addresses(LINK, hardware).collect();
            for address in addresses {
                self.claims.add_gateway(LINK, address);
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUTER_CARD: u8 = 1;
    const HOST_CARD: u8 = 7;

    fn frame(sender: u8, ethertype: u16, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, sender];
        frame.extend(ethertype.to_be_bytes());
        frame.extend(payload);
        frame
    }

    /// Somebody says by ARP that it has 192.168.0.`last`.
    fn says(card: u8, last: u8) -> Vec<u8> {
        let mut payload = vec![0, 1, 8, 0, 6, 4, 0, 2, 2, 0, 0, 0, 0, card, 192, 168, 0, last];
        payload.extend([0; 10]);
        frame(card, 0x0806, &payload)
    }

    /// A packet from this address in a frame of somebody.
    fn packet(card: u8, source: [u8; 4]) -> Vec<u8> {
        let mut payload = vec![0x45, 0, 0, 20, 0, 0, 0, 0, 64, 17, 0, 0];
        payload.extend(source);
        payload.extend([192, 168, 0, 7]);
        frame(card, 0x0800, &payload)
    }

    /// How many changes come of these frames, and how many are of gateways.
    fn changes(frames: &[Vec<u8>]) -> [usize; 2] {
        let mut neighbours = Neighbours::default();
        for frame in frames {
            let wire_len = u32::try_from(frame.len()).unwrap_or_default();
            let record = Record { link: Link::Ethernet, at: None, wire_len, bytes: frame };
            neighbours.follow(Duration::ZERO, record);
            for cut in 0..frame.len() {
                let mut other = Neighbours::default();
                other.follow(Duration::ZERO, Record { bytes: &frame[..cut], ..record });
            }
        }
        let report = neighbours.report(Duration::from_secs(1));
        [report.changes.len(), report.changes.iter().filter(|it| it.is_gateway).count()]
    }

    #[test]
    fn a_router_is_known_by_what_it_forwards() {
        let far = packet(ROUTER_CARD, [198, 51, 100, 7]);
        let near = packet(ROUTER_CARD, [192, 168, 0, 9]);
        let many = |frame: &Vec<u8>, times| vec![frame.clone(); times];
        let (router, host) = (says(ROUTER_CARD, 1), says(HOST_CARD, 7));
        let taken = says(HOST_CARD, 1);
        let cases = [
            ("nothing", vec![], [0, 0]),
            ("first sight", [vec![router.clone(), host.clone()], many(&far, 20)].concat(), [0, 0]),
            (
                "it says where it is before it forwards",
                [vec![router.clone(), host.clone()], many(&far, 10), vec![taken.clone()]].concat(),
                [1, 1],
            ),
            (
                "and after",
                [many(&far, 10), vec![router.clone(), host.clone(), taken.clone()]].concat(),
                [1, 1],
            ),
            (
                "a few packets make no router",
                [vec![router.clone()], many(&far, 9), vec![taken.clone()]].concat(),
                [0, 0],
            ),
            (
                "nor do those of its own network",
                [vec![router.clone()], many(&near, 99), vec![taken]].concat(),
                [0, 0],
            ),
            (
                "a host that the router takes over",
                [vec![router, host], many(&far, 10), vec![says(ROUTER_CARD, 7)]].concat(),
                [1, 0],
            ),
        ];
        for (name, frames, expected) in cases {
            assert_eq!(changes(&frames), expected, "{name}");
        }
    }
}

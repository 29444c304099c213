//! Both directions of a connection are one flow, and no two connections are.

use netmon_common::{
    handshake::{Flow, Sampling, Step},
    packet::{Link, Remote, parse},
};
use proptest::prelude::*;

use crate::{
    frame::{Ipv4, Ipv6, link, tcp},
    keys,
};

const TCP: u8 = 6;
const SYN: u8 = 0x02;
const SYNACK: u8 = 0x12;

/// A segment between two ports.
fn segment(flags: u8, ports: [u16; 2]) -> Vec<u8> {
    let mut segment = tcp(5, flags);
    segment[0..2].copy_from_slice(&ports[0].to_be_bytes());
    segment[2..4].copy_from_slice(&ports[1].to_be_bytes());
    segment
}

fn v4(flags: u8, addresses: [[u8; 4]; 2], ports: [u16; 2]) -> Vec<u8> {
    Ipv4 { addresses, ..Ipv4::of(TCP) }.packet(&segment(flags, ports))
}

fn v6(flags: u8, addresses: [[u8; 16]; 2], ports: [u16; 2]) -> Vec<u8> {
    Ipv6 { addresses, ..Ipv6::of(TCP) }.packet(&segment(flags, ports))
}

fn swap<T: Copy>([a, b]: [T; 2]) -> [T; 2] {
    [b, a]
}

fn read(frame: &[u8], link: Link) -> Option<Flow> {
    let step = Step::of(parse(frame, link, Remote::Source)).unwrap();
    Flow::read(frame, link, step, &keys(1))
}

#[test]
fn steps_by_flags() {
    for (flags, step) in [
        (0x02, Some(Step::Request)),
        (0xc2, Some(Step::Request)),
        (0x0a, Some(Step::Request)),
        (0x12, Some(Step::Answer)),
        (0x52, Some(Step::Answer)),
        (0x10, None),
        (0x18, None),
        (0x03, None),
        (0x06, None),
        (0x13, None),
        (0x16, None),
        (0x00, None),
    ] {
        let frame = Ipv4::of(TCP).packet(&tcp(5, flags));
        assert_eq!(Step::of(parse(&*frame, Link::Raw, Remote::Source)), step, "{flags:#x}");
    }
    let udp = Ipv4::of(17).packet(&tcp(5, SYN));
    assert_eq!(Step::of(parse(&*udp, Link::Raw, Remote::Source)), None, "no TCP");
}

#[test]
fn a_flow_is_the_same_behind_every_link_layer() {
    let bare = v4(SYN, [[10, 0, 0, 1], [10, 0, 0, 2]], [40_000, 443]);
    let flow = read(&bare, Link::Raw).unwrap();
    assert_eq!(flow.server_port, 443);
    for kind in [Link::Ethernet, Link::CookedV1, Link::CookedV2, Link::BsdLoopback] {
        let frame = link(kind, &[], 0x0800, &bare);
        assert_eq!(read(&frame, kind), Some(flow), "{kind:?}");
    }
    for tags in [&[0x8100][..], &[0x88a8, 0x8100], &[0x8100, 0x8100, 0x9100, 0x88a8]] {
        let frame = link(Link::Ethernet, tags, 0x0800, &bare);
        assert_eq!(read(&frame, Link::Ethernet), Some(flow), "{tags:x?}");
    }
}

#[test]
fn what_does_not_stand_side_by_side_is_no_flow() {
    let syn = segment(SYN, [40_000, 443]);
    let of = Ipv4::of(TCP);
    let options = Ipv4 { options: vec![1; 4], ..of.clone() }.packet(&syn);
    let fragment = Ipv4 { fragment: 0x2000, ..of.clone() }.packet(&syn);
    let whole = Ipv4 { fragment: 0x4000, ..of }.packet(&syn);
    let chain = Ipv6 { chain: vec![(0, 0, 0)], ..Ipv6::of(TCP) }.packet(&syn);
    for (name, frame, timed) in [
        ("IPv4 options", options, false),
        ("a first fragment", fragment, false),
        ("not to be fragmented", whole, true),
        ("an extension header", chain, false),
    ] {
        assert_eq!(read(&frame, Link::Raw).is_some(), timed, "{name}");
        for len in 0..frame.len().min(24) {
            let cut = Flow::read(&frame[..len], Link::Raw, Step::Request, &keys(1));
            assert_eq!(cut, None, "{name}, cut at {len}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_directions_of_ipv4_are_one_flow(
        addresses in any::<[[u8; 4]; 2]>(),
        ports in any::<[u16; 2]>(),
        bit in 0..96_usize,
    ) {
        let request = read(&v4(SYN, addresses, ports), Link::Raw).unwrap();
        let answer = read(&v4(SYNACK, swap(addresses), swap(ports)), Link::Raw).unwrap();
        prop_assert_eq!(request, answer);
        prop_assert_eq!(request.server_port, ports[1]);
        prop_assert!(request.set(Sampling::EXACT) < netmon_common::handshake::SETS);
        let mut other = v4(SYN, addresses, ports);
        other[12 + bit / 8] ^= 1 << (bit % 8);
        prop_assert_ne!(request, read(&other, Link::Raw).unwrap());
    }

    #[test]
    fn both_directions_of_ipv6_are_one_flow(
        addresses in any::<[[u8; 16]; 2]>(),
        ports in any::<[u16; 2]>(),
        bit in 0..288_usize,
    ) {
        let request = read(&v6(SYN, addresses, ports), Link::Raw).unwrap();
        let answer = read(&v6(SYNACK, swap(addresses), swap(ports)), Link::Raw).unwrap();
        prop_assert_eq!(request, answer);
        prop_assert_eq!(request.server_port, ports[1]);
        let mut other = v6(SYN, addresses, ports);
        other[8 + bit / 8] ^= 1 << (bit % 8);
        prop_assert_ne!(request, read(&other, Link::Raw).unwrap());
    }
}

#[test]
fn neighbours_spread_over_the_sets() {
    // Whole ranges of addresses and ports, as scanners and load generators use them.
    for vary in ["source port", "destination port", "source", "destination"] {
        let mut hits = vec![0_u32; netmon_common::handshake::SETS as usize / 2];
        for number in 0..hits.len() as u32 * 4 {
            let [.., high, low] = number.to_be_bytes();
            let (mut addresses, mut ports) = ([[10, 0, 0, 1], [10, 0, 0, 2]], [40_000, 443]);
            match vary {
                "source port" => ports = [number as u16, 443 + (number >> 16) as u16],
                "destination port" => ports = [40_000 + (number >> 16) as u16, number as u16],
                "source" => addresses[0] = [10, (number >> 16) as u8, high, low],
                _ => addresses[1] = [10, (number >> 16) as u8, high, low],
            }
            let flow = read(&v4(SYN, addresses, ports), Link::Raw).unwrap();
            hits[flow.set(Sampling::EXACT) as usize] += 1;
        }
        let most = hits.iter().max().unwrap();
        assert!(*most <= 20, "{vary}: {most} of 4 on average in one set");
    }
}

//! Attempts as packets say them.

use netmon_common::{
    attempts::{Attempt, Probe},
    packet::{Link, Remote, network, parse},
};

use crate::{
    frame::{Ipv4, Ipv6, link, tcp, udp},
    ledger::keys,
};

const TCP: u8 = 6;
const UDP: u8 = 17;
const SYN: u8 = 2;

/// What a frame says: the probe, whether it is read, its port.
fn said(link_type: Link, bytes: &[u8]) -> Option<(Probe, Option<u16>)> {
    let packet = parse(bytes, link_type, Remote::Source);
    let probe = Probe::of(packet)?;
    let at = network(bytes, link_type).unwrap().at;
    let attempt = Attempt::read(bytes, at, packet.version_6() == 1, probe);
    Some((probe, attempt.map(|attempt| attempt.port)))
}

#[test]
fn flags_say_what_a_segment_asks() {
    for (flags, expected) in [
        (SYN, Some(Probe::Request)),
        // Explicit congestion notification, in its first and its accurate form.
        (0xc2, Some(Probe::Request)),
        (0x12, Some(Probe::Answer)),
        (0x52, Some(Probe::Answer)),
        (0x00, Some(Probe::Stealth)),
        (0x01, Some(Probe::Stealth)),
        (0x29, Some(Probe::Stealth)),
        (0x03, Some(Probe::Stealth)),
        (0x06, Some(Probe::Stealth)),
        (0x10, None),
        (0x11, None),
        (0x18, None),
        (0x14, None),
        (0x04, None),
        (0x09, None),
        (0x08, None),
    ] {
        let frame = link(Link::Ethernet, &[], 0x0800, &Ipv4::of(TCP).packet(&tcp(5, flags)));
        let probe = said(Link::Ethernet, &frame);
        assert_eq!(probe.map(|(probe, _)| probe), expected, "{flags:#x}");
        if let Some((probe, port)) = probe {
            assert_eq!(port, Some(if probe == Probe::Answer { 0xd431 } else { 80 }));
        }
    }
}

#[test]
fn requests_are_read_wherever_they_stand() {
    let v4 = |header: Ipv4, payload: &[u8]| (0x0800, header.packet(payload));
    let v6 = |header: Ipv6, payload: &[u8]| (0x86dd, header.packet(payload));
    let request = tcp(5, SYN);
    let options = Ipv4 { options: vec![1; 40], ..Ipv4::of(TCP) };
    let first = Ipv4 { fragment: 0x2000, ..Ipv4::of(TCP) };
    let later = Ipv4 { fragment: 0x2001, ..Ipv4::of(TCP) };
    let hopping = Ipv6 { chain: vec![(0, 0, 0)], ..Ipv6::of(TCP) };
    let requested = Some((Probe::Request, Some(80)));
    let unread = Some((Probe::Request, None));
    for (name, (ethertype, packet), expected) in [
        ("IPv4", v4(Ipv4::of(TCP), &request), requested),
        ("IPv4 with options", v4(options, &request), requested),
        ("a first fragment without flags", v4(first.clone(), &request[..8]), requested),
        ("a first fragment with flags", v4(first.clone(), &request), requested),
        ("a later fragment", v4(later, &request), None),
        (
            "a tiny datagram",
            v4(Ipv4 { protocol: UDP, ..first }, &udp([1, 80], None, &[])[..4]),
            unread,
        ),
        ("IPv6", v6(Ipv6::of(TCP), &request), requested),
        ("IPv6 with an extension header", v6(hopping, &request), unread),
    ] {
        for (link_type, tags) in [
            (Link::Ethernet, &[][..]),
            (Link::Ethernet, &[0x88a8, 0x8100][..]),
            (Link::Raw, &[][..]),
            (Link::CookedV1, &[][..]),
            (Link::CookedV2, &[][..]),
        ] {
            let frame = link(link_type, tags, ethertype, &packet);
            assert_eq!(said(link_type, &frame), expected, "{name}, {link_type:?} {tags:?}");
        }
    }
}

#[test]
fn an_answer_is_about_whoever_asked() {
    let frames = [
        (0x0800, Ipv4::of(TCP).packet(&tcp(5, SYN)), {
            let mut header = Ipv4::of(TCP);
            header.addresses.reverse();
            header.packet(&back(&tcp(5, 0x12)))
        }),
        (0x86dd, Ipv6::of(TCP).packet(&tcp(5, SYN)), {
            let mut header = Ipv6::of(TCP);
            header.addresses.reverse();
            header.packet(&back(&tcp(5, 0x12)))
        }),
    ];
    for (ethertype, request, answer) in frames {
        let version_6 = ethertype == 0x86dd;
        let asked = Attempt::read(&request[..], 0, version_6, Probe::Request).unwrap();
        let answered = Attempt::read(&answer[..], 0, version_6, Probe::Answer).unwrap();
        assert_eq!(asked, answered);
        assert_eq!(asked.client[2], if version_6 { 0 } else { 0xffff });
        let keys = keys(0);
        assert_eq!(asked.hashes(&keys), answered.hashes(&keys));
        // Every cut is read as far as it goes, or not at all.
        for len in 0..request.len() {
            let cut = Attempt::read(&request[..len], 0, version_6, Probe::Request);
            assert!(cut.is_none_or(|cut| cut == asked), "{len}");
        }
    }
}

/// A segment with its ports exchanged.
fn back(segment: &[u8]) -> Vec<u8> {
    [&segment[2..4], &segment[..2], &segment[4..]].concat()
}

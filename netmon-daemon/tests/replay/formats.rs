//! Every format and link type means the same packets.

use serde_json::Value;

use crate::{
    file::{
        Order, SYN, ethernet, gzip, interface, old_packet, packet, pcap, section, simple_packet,
        tcp, tcp6,
    },
    flags, report_on,
};

const ORDERS: [Order; 2] = [Order::Big, Order::Little];

/// Packets, bytes, duration and connection requests of a report.
fn figures(capture: &Value) -> (u64, u64, f64, u64) {
    let number = |value: &Value| value.as_u64().unwrap();
    (
        number(&capture["packets"]),
        number(&capture["bytes"]),
        capture["duration_seconds"].as_f64().unwrap(),
        number(&capture["counters"]["tcp_syn"]),
    )
}

#[track_caller]
fn check(name: &str, bytes: &[u8], expected: (u64, u64, f64, u64)) {
    let (packets, volume, duration, requests) = figures(&report_on(bytes));
    assert_eq!((packets, volume, requests), (expected.0, expected.1, expected.3), "{name}");
    assert!((duration - expected.2).abs() < 1e-6, "{name}: {duration} s");
}

#[test]
fn classic_captures_in_every_variant() {
    // The second packet was cut to 60 of 1514 bytes; it counts in full.
    let mut long = ethernet(&tcp(SYN));
    long.resize(60, 0);
    for order in ORDERS {
        for (magic, fraction) in [(0xa1b2_c3d4, 250_000), (0xa1b2_3c4d, 250_000_000)] {
            let records = [(100, 0, 54, ethernet(&tcp(SYN))), (101, fraction, 1514, long.clone())];
            let file = pcap(order, magic, 1, &records);
            let name = format!("{order:?} {magic:x}");
            check(&name, &file, (2, 1568, 1.25, 2));
            check(&format!("{name}, gzip"), &gzip(&file), (2, 1568, 1.25, 2));
            let (front, back) = file.split_at(70);
            let members = [gzip(front), gzip(&[]), gzip(back)].concat();
            check(&format!("{name}, gzip members"), &members, (2, 1568, 1.25, 2));
        }
        check("no packets", &pcap(order, 0xa1b2_c3d4, 1, &[]), (0, 0, 0.0, 0));
    }
}

#[test]
fn every_link_type() {
    let (v4, v6) = (tcp(SYN), tcp6(SYN));
    let cooked = |kind: [u8; 2], packet: &[u8]| [&[0; 14], &kind[..], packet].concat();
    let cooked2 = |kind: [u8; 2], packet: &[u8]| [&kind[..], &[0; 18], packet].concat();
    let family = |family: [u8; 4], packet: &[u8]| [&family, packet].concat();
    for (link, frame, family) in [
        (1, ethernet(&v4), "ipv4"),
        (1, ethernet(&v6), "ipv6"),
        (0, family([2, 0, 0, 0], &v4), "ipv4"),
        (0, family([0, 0, 0, 2], &v4), "ipv4"),
        (0, family([30, 0, 0, 0], &v6), "ipv6"),
        (108, family([0, 0, 0, 2], &v4), "ipv4"),
        (108, family([0, 0, 0, 24], &v6), "ipv6"),
        (101, v4.clone(), "ipv4"),
        (101, v6.clone(), "ipv6"),
        (12, v4.clone(), "ipv4"),
        (14, v6.clone(), "ipv6"),
        (228, v4.clone(), "ipv4"),
        (229, v6.clone(), "ipv6"),
        (113, cooked([0x08, 0x00], &v4), "ipv4"),
        (113, cooked([0x86, 0xdd], &v6), "ipv6"),
        (276, cooked2([0x08, 0x00], &v4), "ipv4"),
        (276, cooked2([0x86, 0xdd], &v6), "ipv6"),
        // A length of frame check sequences in the upper bits means nothing.
        (0x1400_0001, ethernet(&v4), "ipv4"),
    ] {
        let file = pcap(Order::Little, 0xa1b2_c3d4, link, &[(1, 0, 77, frame)]);
        let capture = report_on(&file);
        assert_eq!(figures(&capture), (1, 77, 0.0, 1), "link type {link}, {family}");
        assert_eq!(capture["counters"][format!("{family}_packets")], 1, "link type {link}");
    }
}

#[test]
fn unknown_link_types_are_counted_and_rejected() {
    let file = pcap(Order::Little, 0xa1b2_c3d4, 105, &[(1, 0, 99, tcp(SYN))]);
    let capture = report_on(&file);
    assert_eq!(figures(&capture), (1, 99, 0.0, 0));
    assert_eq!(capture["rejects"]["link_type"], 1);
    assert_eq!(flags(&capture), []);
}

#[test]
fn blocks_of_every_kind() {
    let frame = ethernet(&tcp(SYN));
    for order in ORDERS {
        let name = |what: &str| format!("{what}, {order:?}");
        let start = [section(order), interface(order, 1, 0, &[])].concat();
        let unknown = block_of_names(order);
        let enhanced = [packet(order, 0, 5_000_000, &frame), packet(order, 0, 7_500_000, &frame)];
        let file = [start.clone(), unknown, enhanced.concat()].concat();
        check(&name("enhanced"), &file, (2, 108, 2.5, 2));
        check(&name("enhanced, gzip"), &gzip(&file), (2, 108, 2.5, 2));

        let old =
            [old_packet(order, 0, 1_000_000, &frame), old_packet(order, 0, 1_500_000, &frame)];
        check(&name("old"), &[start.clone(), old.concat()].concat(), (2, 108, 0.5, 2));

        let simple = simple_packet(order, 54, &frame);
        check(&name("simple"), &[start, simple].concat(), (1, 54, 0.0, 1));

        // 47 bytes were captured, up to the flags of the segment but for one;
        // what follows is padding.
        let short = [section(order), interface(order, 1, 47, &[])].concat();
        let simple = simple_packet(order, 54, &frame[..48]);
        check(&name("simple, cut"), &[short, simple].concat(), (1, 54, 0.0, 0));
    }
}

/// A name resolution block, which holds no packets.
fn block_of_names(order: Order) -> Vec<u8> {
    crate::file::block(order, 4, &[0; 21])
}

/// Options of an interface: code and value.
type Options = &'static [(u16, &'static [u8])];

#[test]
fn interfaces_have_their_own_link_type_and_clock() {
    let order = Order::Big;
    // The same 3 seconds, as each interface writes them.
    let clocks: [(Options, u64); 8] = [
        (&[][..], 3_000_000),
        (&[(9, &[6])], 3_000_000),
        (&[(9, &[9])], 3_000_000_000),
        (&[(9, &[0])], 3),
        (&[(9, &[0x8a])], 3072),
        (&[(1, b"a comment"), (9, &[3])], 3000),
        (&[(9, &[3]), (14, &[0, 0, 0, 0, 0, 0, 0, 1])], 2000),
        (&[(9, &[3]), (14, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe])], 5000),
    ];
    for (options, stamp) in clocks {
        let file = [
            section(order),
            interface(order, 1, 0, &[(9, &[0])]),
            interface(order, 101, 0, options),
            packet(order, 0, 1, &ethernet(&tcp(SYN))),
            packet(order, 1, stamp, &tcp6(SYN)),
        ];
        check(&format!("{options:?}"), &file.concat(), (2, 114, 2.0, 2));
    }
}

#[test]
fn sections_begin_anew() {
    let (big, little) = (Order::Big, Order::Little);
    let file = [
        section(big),
        interface(big, 1, 0, &[]),
        packet(big, 0, 1_000_000, &ethernet(&tcp(SYN))),
        section(little),
        interface(little, 101, 0, &[(9, &[3])]),
        packet(little, 0, 4000, &tcp(SYN)),
    ];
    check("two sections", &file.concat(), (2, 94, 3.0, 2));
}

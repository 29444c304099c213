//! UDP: the ports and what the length field claims.

use super::{IPV4, IPV4_REST, IPV6_ADDRESSES, MACS, check};

fn over_ipv4(datagram: &str) -> String {
    format!("{MACS} 0800 {IPV4} 11 {IPV4_REST} {datagram}")
}

#[test]
fn ports() {
    let cases = [
        ("NTP", "d431 007b 0008 0000", "ipv4_udp, udp, headers 42"),
        ("port 0", "0000 0000 0008 0000", "ipv4_udp, udp, headers 42"),
        ("to port 53", "d431 0035 0008 0000", "ipv4_udp, dns 0, headers 42"),
        ("from port 53", "0035 d431 0008 0000", "ipv4_udp, dns 0, headers 42"),
        ("53 on both sides", "0035 0035 0008 0000", "ipv4_udp, dns 0, headers 42"),
        ("neighbours of 53", "0034 0036 0008 0000", "ipv4_udp, udp, headers 42"),
        ("53 in the wrong byte order", "3500 3500 0008 0000", "ipv4_udp, udp, headers 42"),
        ("to port 5353", "d431 14e9 0008 0000", "ipv4_udp, mdns, headers 42"),
        ("from port 5353", "14e9 d431 0008 0000", "ipv4_udp, mdns, headers 42"),
        ("from port 5353 to 53", "14e9 0035 0008 0000", "ipv4_udp, dns 0, mdns, headers 42"),
        ("from port 53 to 5353", "0035 14e9 0008 0000", "ipv4_udp, dns 0, mdns, headers 42"),
        ("neighbours of 5353", "14e8 14ea 0008 0000", "ipv4_udp, udp, headers 42"),
        ("LLMNR", "d431 14eb 0008 0000", "ipv4_udp, udp, headers 42"),
    ];
    for (name, datagram, expected) in cases {
        check(&[(name, over_ipv4(datagram), expected)]);
    }
}

#[test]
fn length_lies() {
    let cases = [
        ("0, as in a jumbogram", "d431 0035 0000 0000", "ipv4_udp, dns 0, headers 42"),
        ("below the header", "d431 0035 0007 0000", "ipv4_udp, dns 0, headers 42"),
        ("the header", "d431 0035 0008 0000", "ipv4_udp, dns 0, headers 42"),
        ("one byte", "d431 0035 0009 0000", "ipv4_udp, dns 1, headers 42"),
        ("the whole range", "d431 0035 ffff 0000", "ipv4_udp, dns 65527, headers 42"),
    ];
    for (name, datagram, expected) in cases {
        check(&[(name, over_ipv4(datagram), expected)]);
    }
}

#[test]
fn eight_bytes_are_needed() {
    check(&[
        ("nothing", over_ipv4(""), "truncated ipv4 udp"),
        ("seven bytes", over_ipv4("d431 0035 0008 00"), "truncated ipv4 udp"),
        (
            "IPv6, seven bytes",
            format!("{MACS} 86dd 60000000 0008 11 40 {IPV6_ADDRESSES} d431 0035 0008 00"),
            "truncated ipv6 udp",
        ),
        (
            "IPv6, eight bytes",
            format!("{MACS} 86dd 60000000 0008 11 40 {IPV6_ADDRESSES} d431 007b 0008 0000"),
            "ipv6_udp, udp, headers 62",
        ),
    ]);
}

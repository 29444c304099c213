//! ICMP and ICMPv6: all 256 types against the groups of metrics.md.

use super::{IPV4, IPV4_REST, IPV6_ADDRESSES, MACS, check};

fn v4(message: &str) -> String {
    format!("{MACS} 0800 {IPV4} 01 {IPV4_REST} {message}")
}

fn v6(message: &str) -> String {
    format!("{MACS} 86dd 60000000 0008 3a ff {IPV6_ADDRESSES} {message}")
}

#[test]
fn types_of_icmp() {
    let groups = [
        ("echo", &[0, 8][..]),
        ("unreachable", &[3]),
        ("redirect", &[5]),
        ("nd", &[9, 10]),
        ("ttl_exceeded", &[11]),
    ];
    for kind in 0..=u8::MAX {
        let group = groups.iter().find(|(_, kinds)| kinds.contains(&kind));
        let expected = format!("ipv4_icmp, {}", group.map_or("other", |(name, _)| name));
        check(&[("type", v4(&format!("{kind:02x}00 0000 00000000")), &expected)]);
    }
}

#[test]
fn codes_of_destination_unreachable() {
    for code in 0..=u8::MAX {
        let group = if code == 4 { "frag_needed" } else { "unreachable" };
        let expected = format!("ipv4_icmp, {group}");
        check(&[("code", v4(&format!("03{code:02x} 0000 00000000")), &expected)]);
    }
    // Code 4 means nothing of the sort elsewhere.
    check(&[
        ("echo with code 4", v4("0804 0000"), "ipv4_icmp, echo"),
        ("ICMPv6, port unreachable", v6("0104 0000"), "ipv6_icmp, unreachable"),
    ]);
}

#[test]
fn types_of_icmpv6() {
    let groups = [
        ("unreachable", &[1][..]),
        ("frag_needed", &[2]),
        ("ttl_exceeded", &[3]),
        ("echo", &[128, 129]),
        ("nd", &[133, 134, 135, 136]),
        ("redirect", &[137]),
    ];
    for kind in 0..=u8::MAX {
        let group = groups.iter().find(|(_, kinds)| kinds.contains(&kind));
        let expected = format!("ipv6_icmp, {}", group.map_or("other", |(name, _)| name));
        check(&[("type", v6(&format!("{kind:02x}00 0000 00000000")), &expected)]);
    }
}

#[test]
fn short_messages() {
    check(&[
        ("ICMP without anything", v4(""), "truncated ipv4 icmp"),
        ("ICMP without a code", v4("08"), "truncated ipv4 icmp"),
        ("ICMP of two bytes", v4("0800"), "ipv4_icmp, echo"),
        ("ICMPv6 without anything", v6(""), "truncated ipv6 icmp"),
        ("ICMPv6 of one byte", v6("80"), "ipv6_icmp, echo"),
    ]);
}

#[test]
fn the_protocol_number_decides_not_the_ip_version() {
    let crossed = format!("{MACS} 86dd 60000000 0008 01 40 {IPV6_ADDRESSES} 0800 0000");
    check(&[("ICMP over IPv6", crossed, "ipv6_icmp, echo")]);
    let crossed = format!("{MACS} 0800 {IPV4} 3a {IPV4_REST} 8000 0000");
    check(&[("ICMPv6 over IPv4", crossed, "ipv4_icmp, echo")]);
}

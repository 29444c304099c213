//! The DNS header: the QR bit, and the response code of a response.

use super::{IPV4, IPV4_REST, IPV6_ADDRESSES, MACS, check};

/// A datagram to port 53 with this message.
fn message(message: &str) -> String {
    let length = 8 + super::hex(message).len();
    format!("{MACS} 0800 {IPV4} 11 {IPV4_REST} d431 0035 {length:04x} 0000 {message}")
}

#[test]
fn query_and_response() {
    let cases = [
        (
            "query for the address of a.example",
            "1234 0100 0001 0000 0000 0000 0161 07 6578616d706c65 00 0001 0001",
            "ipv4_udp, query 27, headers 42",
        ),
        ("header of a query", "1234 0100 0001 0000 0000 0000", "ipv4_udp, query 12, headers 42"),
        ("every bit but QR", "1234 7fff", "ipv4_udp, query 4, headers 42"),
        (
            "header of a response",
            "1234 8180 0001 0001 0000 0000",
            "ipv4_udp, noerror 12, headers 42",
        ),
        ("only QR", "1234 8000", "ipv4_udp, noerror 4, headers 42"),
    ];
    for (name, bytes, expected) in cases {
        check(&[(name, message(bytes), expected)]);
    }
}

#[test]
fn response_codes() {
    let labels = ["noerror", "formerr", "servfail", "nxdomain", "notimp", "refused"];
    for code in 0..16_usize {
        let label = labels.get(code).unwrap_or(&"other");
        // The upper half of the byte holds RA, Z, AD and CD.
        for upper in [0x0, 0x8, 0xf] {
            let expected = format!("ipv4_udp, {label} 4, headers 42");
            check(&[("response code", message(&format!("1234 81{upper:x}{code:x}")), &expected)]);
        }
    }
}

#[test]
fn short_messages() {
    let cases = [
        ("empty", "", "ipv4_udp, dns 0, headers 42"),
        ("half an identifier", "12", "ipv4_udp, dns 1, headers 42"),
        ("identifier only", "1234", "ipv4_udp, dns 2, headers 42"),
        ("a query is known from three bytes", "1234 01", "ipv4_udp, query 3, headers 42"),
        ("a response without its code", "1234 81", "ipv4_udp, other 3, headers 42"),
    ];
    for (name, bytes, expected) in cases {
        check(&[(name, message(bytes), expected)]);
    }
}

#[test]
fn over_ipv6() {
    let header = format!("{MACS} 86dd 60000000 000c 11 40 {IPV6_ADDRESSES}");
    check(&[
        (
            "query",
            format!("{header} d431 0035 000c 0000 1234 0100"),
            "ipv6_udp, query 4, headers 62",
        ),
        (
            "response",
            format!("{header} 0035 d431 000c 0000 1234 8183"),
            "ipv6_udp, nxdomain 4, headers 62",
        ),
    ]);
}

#[test]
fn multicast_dns_is_not_dns() {
    let frame = format!("{MACS} 0800 {IPV4} 11 {IPV4_REST} 14e9 14e9 000c 0000 0000 8400");
    check(&[("mDNS response", frame, "ipv4_udp, mdns, headers 42")]);
}

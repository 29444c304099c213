//! BSD loopback captures: the address family in either byte order.

use super::{IPV4, IPV4_REST, IPV6_ADDRESSES, SYN, check_link};
use netmon_common::packet::Link;

#[test]
fn families_in_both_byte_orders() {
    let v4 = format!("{IPV4} 06 {IPV4_REST} {SYN}");
    let v6 = format!("60000000 0014 06 40 {IPV6_ADDRESSES} {SYN}");
    for family in 0..=u8::MAX {
        let (payload, expected) = match family {
            2 => (v4.as_str(), "ipv4_tcp, flags 02, headers 44"),
            10 | 23 | 24 | 28 | 30 => (v6.as_str(), "ipv6_tcp, flags 02, headers 64"),
            _ => (v4.as_str(), "non_ip"),
        };
        check_link(
            Link::BsdLoopback,
            &[
                ("big-endian", format!("000000{family:02x} {payload}"), expected),
                ("little-endian", format!("{family:02x}000000 {payload}"), expected),
            ],
        );
    }
}

#[test]
fn families_beyond_one_byte() {
    check_link(
        Link::BsdLoopback,
        &[
            ("big-endian 0x0202", "00000202 45".to_owned(), "non_ip"),
            ("little-endian 0x0202", "02020000 45".to_owned(), "non_ip"),
            ("in the middle", "00020000 45".to_owned(), "non_ip"),
            ("all ones", "ffffffff 45".to_owned(), "non_ip"),
        ],
    );
}

#[test]
fn short_header_is_truncated() {
    check_link(
        Link::BsdLoopback,
        &[
            ("empty", String::new(), "truncated other other"),
            ("three bytes", "020000".to_owned(), "truncated other other"),
            ("only the header, IPv4", "02000000".to_owned(), "truncated ipv4 other"),
            ("only the header, IPv6", "1e000000".to_owned(), "truncated ipv6 other"),
        ],
    );
}

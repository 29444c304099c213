//! Frames that begin with an IP header, and frames that cannot be read.

use super::{IPV4, IPV4_REST, IPV6_ADDRESSES, SYN, check_link};
use netmon_common::packet::Link;

#[test]
fn the_version_decides() {
    for version in 0..16 {
        let expected = match version {
            4 => "ipv4_tcp, flags 02, headers 40",
            6 => "ipv6_tcp, flags 02, headers 60",
            _ => "ip_version ipv6 other",
        };
        let frame = if version == 4 {
            format!("{IPV4} 06 {IPV4_REST} {SYN}")
        } else {
            format!("{version:x}0000000 0014 06 40 {IPV6_ADDRESSES} {SYN}")
        };
        check_link(Link::Raw, &[("version", frame, expected)]);
    }
    check_link(
        Link::Raw,
        &[
            ("empty", String::new(), "truncated other other"),
            ("one byte of IPv4", "45".to_owned(), "truncated ipv4 other"),
            ("one byte of IPv6", "60".to_owned(), "truncated ipv6 other"),
            // No link layer, so nothing can be tagged.
            ("a tag is no IP version", format!("8100 0064 0800 {IPV4}"), "truncated ipv6 other"),
        ],
    );
}

#[test]
fn an_unknown_link_type_is_a_reject() {
    check_link(
        Link::Unknown,
        &[
            ("empty", String::new(), "link_type other other"),
            ("IPv4", format!("{IPV4} 06 {IPV4_REST} {SYN}"), "link_type other other"),
        ],
    );
}

//! Linux cooked captures, versions 1 and 2.

use super::{IPV4, IPV4_REST, IPV6_ADDRESSES, SYN, check_link};
use netmon_common::packet::Link;

#[test]
fn version_1() {
    // Packet type, ARPHRD type, address length, address, protocol.
    let header = "0000 0001 0006 020000000001 0000";
    check_link(
        Link::CookedV1,
        &[
            (
                "IPv4",
                format!("{header} 0800 {IPV4} 06 {IPV4_REST} {SYN}"),
                "ipv4_tcp, flags 02, headers 56",
            ),
            (
                "IPv6",
                format!("{header} 86dd 60000000 0014 06 40 {IPV6_ADDRESSES} {SYN}"),
                "ipv6_tcp, flags 02, headers 76",
            ),
            (
                "a tag that the capture kept",
                format!("{header} 8100 0064 0800 {IPV4} 06 {IPV4_REST} {SYN}"),
                "ipv4_tcp, tags 1, flags 02, headers 60",
            ),
            ("ARP", format!("{header} 0806 0001"), "non_ip"),
            ("802.2 frame, protocol 4", format!("{header} 0004 424203"), "non_ip"),
            ("no protocol", header.to_owned(), "truncated other other"),
            ("half a protocol", format!("{header} 08"), "truncated other other"),
        ],
    );
}

#[test]
fn version_2() {
    // Reserved, interface, ARPHRD type, packet type, address length, address.
    let rest = "0000 00000002 0001 00 06 0200000000010000";
    check_link(
        Link::CookedV2,
        &[
            (
                "IPv4",
                format!("0800 {rest} {IPV4} 06 {IPV4_REST} {SYN}"),
                "ipv4_tcp, flags 02, headers 60",
            ),
            (
                "IPv6",
                format!("86dd {rest} 60000000 0014 06 40 {IPV6_ADDRESSES} {SYN}"),
                "ipv6_tcp, flags 02, headers 80",
            ),
            ("ARP", format!("0806 {rest} 0001"), "non_ip"),
            ("no protocol", String::new(), "truncated other other"),
            (
                "the header ends behind its protocol",
                "0806 0000 00000002 0001 00 06 02000000000100".to_owned(),
                "truncated other other",
            ),
        ],
    );
}

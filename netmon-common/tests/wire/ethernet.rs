//! Ethernet: the EtherType decides, nothing else of the header matters.

use super::{IPV4, IPV4_REST, IPV6_ADDRESSES, MACS, SYN, check};

#[test]
fn ethertype_decides() {
    check(&[
        (
            "IPv4",
            format!("{MACS} 0800 {IPV4} 06 {IPV4_REST} {SYN}"),
            "ipv4_tcp, flags 02, headers 54",
        ),
        (
            "IPv6",
            format!("{MACS} 86dd 60000000 0014 06 40 {IPV6_ADDRESSES} {SYN}"),
            "ipv6_tcp, flags 02, headers 74",
        ),
        (
            "ARP",
            format!("{MACS} 0806 0001 0800 06 04 0001 020000000001 c0000201 000000000000 c6336402"),
            "non_ip",
        ),
        ("LLDP without a body", format!("{MACS} 88cc"), "non_ip"),
        ("EtherType 0", format!("{MACS} 0000"), "non_ip"),
        (
            "802.3 length field of a spanning tree frame",
            "0180c2000000 020000000001 0026 424203 0000".to_owned(),
            "non_ip",
        ),
        ("802.3 length 1500, the largest", format!("{MACS} 05dc aaaa03"), "non_ip"),
        ("PPPoE session is not opened", format!("{MACS} 8864 1100 0001 002a 0021 45"), "non_ip"),
        ("MPLS is not opened", format!("{MACS} 8847 00010140 45000028"), "non_ip"),
        ("neighbour of IPv4", format!("{MACS} 0801 45000028"), "non_ip"),
        ("neighbour of IPv6", format!("{MACS} 86de 60000000"), "non_ip"),
        (
            "EtherType in the wrong byte order",
            format!("{MACS} 0008 {IPV4} 06 {IPV4_REST} {SYN}"),
            "non_ip",
        ),
    ]);
}

#[test]
fn short_header_is_truncated() {
    check(&[
        ("empty frame", String::new(), "truncated other other"),
        ("addresses only", MACS.to_owned(), "truncated other other"),
        ("half an EtherType", format!("{MACS} 08"), "truncated other other"),
        ("no IPv4 header", format!("{MACS} 0800"), "truncated ipv4 other"),
        ("no IPv6 header", format!("{MACS} 86dd"), "truncated ipv6 other"),
    ]);
}

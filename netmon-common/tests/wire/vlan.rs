//! VLAN tags: three tag protocol identifiers, at most four tags.

use super::{IPV4, IPV4_REST, IPV6_ADDRESSES, MACS, SYN, check};

/// What lies behind the tags: EtherType IPv4 and a SYN.
fn inner() -> String {
    format!("0800 {IPV4} 06 {IPV4_REST} {SYN}")
}

#[test]
fn each_identifier_is_opened() {
    for tpid in ["8100", "88a8", "9100"] {
        check(&[(
            tpid,
            format!("{MACS} {tpid} 0064 {}", inner()),
            "ipv4_tcp, tags 1, flags 02, headers 58",
        )]);
    }
    // 0x9200 and 0x9300 were never assigned to tags; netmon counts what the
    // reference counts.
    for other in ["9200", "9300", "8101", "88a9", "0081", "a888"] {
        check(&[(other, format!("{MACS} {other} 0064 {}", inner()), "non_ip")]);
    }
}

#[test]
fn up_to_four_tags_are_opened() {
    let expected = [
        "ipv4_tcp, flags 02, headers 54",
        "ipv4_tcp, tags 1, flags 02, headers 58",
        "ipv4_tcp, tags 2, flags 02, headers 62",
        "ipv4_tcp, tags 3, flags 02, headers 66",
        "ipv4_tcp, tags 4, flags 02, headers 70",
        "non_ip, tags 4",
        "non_ip, tags 4",
    ];
    for tpid in ["8100", "88a8", "9100"] {
        for (tags, expected) in expected.iter().enumerate() {
            let stack = format!("{tpid} 0fff ").repeat(tags);
            check(&[(tpid, format!("{MACS} {stack} {}", inner()), expected)]);
        }
    }
}

#[test]
fn mixed_stacks() {
    check(&[
        (
            "QinQ",
            format!("{MACS} 88a8 0064 8100 00c8 {}", inner()),
            "ipv4_tcp, tags 2, flags 02, headers 62",
        ),
        (
            "QinQ the old way",
            format!("{MACS} 9100 0064 8100 00c8 {}", inner()),
            "ipv4_tcp, tags 2, flags 02, headers 62",
        ),
        (
            "priority tag (VLAN 0) with all priority bits",
            format!("{MACS} 8100 f000 {}", inner()),
            "ipv4_tcp, tags 1, flags 02, headers 58",
        ),
        (
            "the tag control field looks like an EtherType",
            format!("{MACS} 8100 8100 {}", inner()),
            "ipv4_tcp, tags 1, flags 02, headers 58",
        ),
        (
            "IPv6 behind a tag",
            format!("{MACS} 8100 0064 86dd 60000000 0014 06 40 {IPV6_ADDRESSES} {SYN}"),
            "ipv6_tcp, tags 1, flags 02, headers 78",
        ),
        ("ARP behind a tag", format!("{MACS} 8100 0064 0806 0001"), "non_ip, tags 1"),
        ("length field behind a tag", format!("{MACS} 8100 0064 0026 424203"), "non_ip, tags 1"),
    ]);
}

#[test]
fn frame_that_ends_within_a_tag() {
    check(&[
        ("no tag control", format!("{MACS} 8100"), "truncated other other"),
        ("no inner EtherType", format!("{MACS} 8100 0064 08"), "truncated other other"),
        ("second tag cut", format!("{MACS} 88a8 0064 8100 00c8"), "truncated other other, tags 1"),
        (
            "nothing behind the tag",
            format!("{MACS} 8100 0064 0800"),
            "truncated ipv4 other, tags 1",
        ),
        (
            "a fifth tag is not looked at, so it may be cut",
            format!("{MACS} {} 8100", "8100 0001 ".repeat(4)),
            "non_ip, tags 4",
        ),
    ]);
}

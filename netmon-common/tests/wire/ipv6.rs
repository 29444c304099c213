//! IPv6: the fixed header, extension headers, fragments, jumbograms.

use super::{IPV6_ADDRESSES, MACS, SYN, check, hex};

/// A frame with this next header and everything behind the fixed header.
fn frame(next_header: u8, rest: &str) -> String {
    let length = hex(rest).len();
    format!("{MACS} 86dd 60000000 {length:04x} {next_header:02x} 40 {IPV6_ADDRESSES} {rest}")
}

/// The extension headers that have the common form "next, length in 8 bytes".
const COMMON: [(u8, &str); 6] = [
    (0, "hop-by-hop options"),
    (43, "routing"),
    (60, "destination options"),
    (135, "mobility"),
    (139, "host identity"),
    (140, "shim6"),
];

#[test]
fn fixed_header() {
    check(&[
        ("TCP", frame(6, SYN), "ipv6_tcp, flags 02, headers 74"),
        ("no next header", frame(59, ""), "ipv6_other"),
        ("no next header, but bytes", frame(59, SYN), "ipv6_other"),
        ("ESP is not opened", frame(50, SYN), "ipv6_other"),
        ("IPv6 in IPv6 is not opened", frame(41, SYN), "ipv6_other"),
        ("reserved", frame(255, SYN), "ipv6_other"),
    ]);
    for version in (0..16).filter(|version| *version != 6) {
        let frame = format!("{MACS} 86dd {version:x}0000000 0014 06 40 {IPV6_ADDRESSES} {SYN}");
        check(&[("version lie", frame, "ip_version ipv6 other")]);
    }
    let cut = format!("{MACS} 86dd 60000000 0014 06 40 {IPV6_ADDRESSES}");
    check(&[
        ("39 bytes", cut[..cut.len() - 2].to_owned(), "truncated ipv6 other"),
        ("40 bytes", cut, "truncated ipv6 tcp"),
    ]);
}

#[test]
fn each_extension_header_with_each_length() {
    for (number, name) in COMMON {
        for units in [0, 1, 2, 30, 255_usize] {
            let body = "00".repeat(6 + units * 8);
            let rest = format!("06 {units:02x} {body} {SYN}");
            let expected =
                format!("ipv6_tcp, flags 02, headers {}", 14 + 40 + (units + 1) * 8 + 20);
            check(&[(name, frame(number, &rest), &expected)]);
        }
    }
}

#[test]
fn authentication_header_counts_in_units_of_four() {
    // A length below 1 is a lie (the header has 12 bytes at least), believed.
    for units in [0, 1, 2, 3, 4, 30, 255_usize] {
        let body = "00".repeat((units + 2) * 4 - 2);
        let rest = format!("06 {units:02x} {body} {SYN}");
        let expected = format!("ipv6_tcp, flags 02, headers {}", 14 + 40 + (units + 2) * 4 + 20);
        check(&[("AH", frame(51, &rest), &expected)]);
    }
}

#[test]
fn numbers_that_are_no_extension_headers() {
    let known = [0, 43, 44, 51, 60, 135, 139, 140];
    for number in (0..=u8::MAX).filter(|number| ![1, 6, 17, 58].contains(number)) {
        // Eight bytes that lead to TCP, were they an extension header.
        let rest = format!("06 00 000000000000 {SYN}");
        let expected = match number {
            44 => "ipv6_tcp, fragments 1, flags 02, headers 82",
            _ if known.contains(&number) => "ipv6_tcp, flags 02, headers 82",
            _ => "ipv6_other",
        };
        check(&[("next header", frame(number, &rest), expected)]);
    }
}

#[test]
fn chains() {
    for (number, name) in COMMON {
        for count in 0..=10_usize {
            let link = format!("{number:02x} 00 010400000000 ");
            let last = format!("06 00 010400000000 {SYN}");
            let rest = match count {
                0 => SYN.to_owned(),
                _ => format!("{}{last}", link.repeat(count - 1)),
            };
            let expected = match count {
                0..=8 => format!("ipv6_tcp, flags 02, headers {}", 74 + 8 * count),
                _ => "ext_header_limit ipv6 other".to_owned(),
            };
            let first = if count == 0 { 6 } else { number };
            check(&[(name, frame(first, &rest), &expected)]);
        }
    }
}

#[test]
fn chain_of_every_kind() {
    let chain = "3c 00 000000000000 2b 00 000000000000 2c 00 000000000000 33 00 0000 00000001 \
                 87 01 0000 00000000 00000000 8b 00 000000000000 8c 00 000000000000 06 00 000000000000";
    check(&[(
        "eight kinds",
        frame(0, &format!("{chain} {SYN}")),
        "ipv6_tcp, fragments 1, flags 02, headers 142",
    )]);
}

#[test]
fn cut_chains() {
    check(&[
        ("nothing of the header", frame(0, ""), "truncated ipv6 other"),
        ("seven bytes of the header", frame(60, "06 00 0000000000"), "truncated ipv6 other"),
        ("the second header is missing", frame(60, "2b 00 000000000000"), "truncated ipv6 other"),
        ("the length leads beyond the end", frame(60, "06 ff 000000000000"), "truncated ipv6 tcp"),
        (
            "beyond the end to a protocol without a header of interest",
            frame(60, "3b ff 000000000000"),
            "ipv6_other",
        ),
    ]);
}

#[test]
fn fragments() {
    let fragment =
        |field: &str, next: u8| frame(44, &format!("{next:02x} 00 {field} 00000001 {SYN}"));
    let whole = "ipv6_tcp, fragments 1, flags 02, headers 82";
    check(&[
        ("first", fragment("0001", 6), whole),
        ("atomic (RFC 6946)", fragment("0000", 6), whole),
        ("reserved bits are no offset", fragment("0006", 6), whole),
        ("later", fragment("0009", 6), "ipv6_other, fragments 1"),
        ("last", fragment("0008", 6), "ipv6_other, fragments 1"),
        ("the farthest offset", fragment("fff8", 6), "ipv6_other, fragments 1"),
        ("first, of no interest", fragment("0001", 59), "ipv6_other, fragments 1"),
        ("later, an extension header follows", fragment("0008", 60), "ipv6_other, fragments 1"),
        (
            "two fragment headers",
            frame(44, &format!("2c 00 0000 00000001 06 00 0001 00000002 {SYN}")),
            "ipv6_tcp, fragments 2, flags 02, headers 90",
        ),
        (
            "two fragment headers, the second of a later fragment",
            frame(44, &format!("2c 00 0001 00000001 06 00 0008 00000002 {SYN}")),
            "ipv6_other, fragments 2",
        ),
        (
            "nine fragment headers",
            frame(44, &format!("{} {SYN}", "2c 00 0000 00000001".repeat(9))),
            "ext_header_limit ipv6 other, fragments 8",
        ),
        (
            "the second fragment header is cut",
            frame(44, "2c 00 0000 00000001 06 00 0001"),
            "truncated ipv6 other, fragments 1",
        ),
        (
            "the length byte of a fragment header is reserved",
            frame(44, &format!("06 ff 0001 00000001 {SYN}")),
            whole,
        ),
    ]);
}

#[test]
fn tiny_first_fragments() {
    let cases = [
        (
            "8 bytes of TCP",
            44,
            "06 00 0001 00000001 d431 0050 00000001",
            "tiny_fragment ipv6 tcp, fragments 1, tiny",
        ),
        (
            "13 bytes of TCP",
            44,
            "06 00 0001 00000001 d431 0050 00000001 00000000 50",
            "tiny_fragment ipv6 tcp, fragments 1, tiny",
        ),
        (
            "14 bytes of TCP",
            44,
            "06 00 0001 00000001 d431 0050 00000001 00000000 5002",
            "ipv6_tcp, fragments 1, tiny, flags 02, headers 82",
        ),
        (
            "4 bytes of UDP",
            44,
            "11 00 0001 00000001 d431 0035",
            "tiny_fragment ipv6 udp, fragments 1, tiny",
        ),
        (
            "UDP header",
            44,
            "11 00 0001 00000001 d431 007b 0010 0000",
            "ipv6_udp, fragments 1, udp, headers 70",
        ),
        ("no ICMPv6", 44, "3a 00 0001 00000001", "tiny_fragment ipv6 icmp, fragments 1"),
        (
            "the TCP header is in the next fragment",
            44,
            "3c 00 0001 00000001",
            "tiny_fragment ipv6 other, fragments 1",
        ),
        (
            "an atomic fragment is whole",
            44,
            "06 00 0000 00000001 d431 0050 00000001",
            "truncated ipv6 tcp, fragments 1",
        ),
    ];
    for (name, next, rest, expected) in cases {
        check(&[(name, frame(next, rest), expected)]);
    }
}

#[test]
fn jumbograms() {
    // RFC 2675: payload length 0, and the jumbo payload option.
    let header = format!("{MACS} 86dd 60000000 0000 00 40 {IPV6_ADDRESSES}");
    check(&[
        ("TCP", format!("{header} 06 00 c204 00011170 {SYN}"), "ipv6_tcp, flags 02, headers 82"),
        (
            "a fragment header in a jumbogram is forbidden, and not tiny",
            format!("{header} 2c 00 c204 00011170 06 00 0001 00000001 {SYN}"),
            "ipv6_tcp, fragments 1, flags 02, headers 90",
        ),
    ]);
}

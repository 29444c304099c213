//! IPv4: version, header length, options, fragments.

use super::{IPV4_REST, MACS, SYN, check};

const TCP_WITHOUT_OPTIONS: &str = "ipv4_tcp, flags 02, headers 54";

#[test]
fn header_length() {
    // Twenty bytes of header, then up to forty that are options if the header
    // length says so and the TCP header otherwise.
    for ihl in 0..16_usize {
        let options = "01".repeat(ihl.saturating_sub(5) * 4);
        let frame =
            format!("{MACS} 0800 4{ihl:x}00 0050 0001 0000 4006 {IPV4_REST} {options} {SYN}");
        let expected = match ihl {
            0..5 => "ip_header_length ipv4 other".to_owned(),
            _ => format!("ipv4_tcp, flags 02, headers {}", 14 + ihl * 4 + 20),
        };
        check(&[(&format!("IHL {ihl}"), frame, &expected)]);
    }
}

#[test]
fn options_must_be_there() {
    for ihl in 6..16_usize {
        for missing in 1..=(ihl - 5) * 4 {
            let options = "01".repeat((ihl - 5) * 4 - missing);
            let frame = format!("{MACS} 0800 4{ihl:x}00 0050 0001 0000 4006 {IPV4_REST} {options}");
            check(&[(&format!("IHL {ihl}"), frame, "truncated ipv4 other")]);
        }
    }
}

#[test]
fn version_lies() {
    for version in (0..16).filter(|version| *version != 4) {
        let frame = format!("{MACS} 0800 {version:x}500 0028 0001 0000 4006 {IPV4_REST} {SYN}");
        check(&[(&format!("version {version}"), frame, "ip_version ipv4 other")]);
    }
    // The version is checked before the header length.
    let frame = format!("{MACS} 0800 6000 0028 0001 0000 4006 {IPV4_REST} {SYN}");
    check(&[("IPv6 behind the EtherType of IPv4", frame, "ip_version ipv4 other")]);
}

#[test]
fn protocols() {
    let cases = [
        ("IP in IP", "04", "ipv4_other"),
        ("IGMP", "02", "ipv4_other"),
        ("GRE", "2f", "ipv4_other"),
        ("IPv6 in IPv4", "29", "ipv4_other"),
        ("SCTP", "84", "ipv4_other"),
        ("UDP-Lite", "88", "ipv4_other"),
        ("AH is no extension header of IPv4", "33", "ipv4_other"),
        ("the number of ICMPv6", "3a", "ipv4_icmp, other"),
        ("reserved", "ff", "ipv4_other"),
        ("0", "00", "ipv4_other"),
    ];
    for (name, protocol, expected) in cases {
        let frame = format!("{MACS} 0800 4500 0028 0001 0000 40 {protocol} {IPV4_REST} {SYN}");
        check(&[(name, frame, expected)]);
    }
}

#[test]
fn fragments() {
    let cases = [
        ("do not fragment", "4000", TCP_WITHOUT_OPTIONS),
        ("the reserved bit", "8000", TCP_WITHOUT_OPTIONS),
        ("first", "2000", "ipv4_tcp, fragments 1, flags 02, headers 54"),
        ("first, with DF", "6000", "ipv4_tcp, fragments 1, flags 02, headers 54"),
        ("later", "2001", "ipv4_other, fragments 1"),
        ("later at 256", "0100", "ipv4_other, fragments 1"),
        ("last", "0001", "ipv4_other, fragments 1"),
        ("the farthest offset", "1fff", "ipv4_other, fragments 1"),
        ("everything set", "ffff", "ipv4_other, fragments 1"),
    ];
    for (name, fragment, expected) in cases {
        let frame = format!("{MACS} 0800 4500 0028 0001 {fragment} 4006 {IPV4_REST} {SYN}");
        check(&[(name, frame, expected)]);
    }
}

#[test]
fn tiny_first_fragments() {
    let cases = [
        // The header claims it: 8 bytes of TCP, and Ethernet padding behind.
        (
            "TCP claims 8 bytes",
            "001c",
            "2000",
            "06",
            "ipv4_tcp, fragments 1, tiny, flags 02, headers 54",
        ),
        (
            "TCP claims 19 bytes",
            "0027",
            "2000",
            "06",
            "ipv4_tcp, fragments 1, tiny, flags 02, headers 54",
        ),
        (
            "TCP claims 20 bytes",
            "0028",
            "2000",
            "06",
            "ipv4_tcp, fragments 1, flags 02, headers 54",
        ),
        (
            "UDP claims 7 bytes",
            "001b",
            "2000",
            "11",
            "ipv4_udp, fragments 1, tiny, udp, headers 42",
        ),
        ("UDP claims 8 bytes", "001c", "2000", "11", "ipv4_udp, fragments 1, udp, headers 42"),
        ("no fragment", "001c", "0000", "06", TCP_WITHOUT_OPTIONS),
        ("later fragment", "001c", "2001", "06", "ipv4_other, fragments 1"),
        (
            "total length 0, as merged segments have",
            "0000",
            "2000",
            "06",
            "ipv4_tcp, fragments 1, flags 02, headers 54",
        ),
    ];
    for (name, length, fragment, protocol, expected) in cases {
        let frame =
            format!("{MACS} 0800 4500 {length} 0001 {fragment} 40 {protocol} {IPV4_REST} {SYN}");
        check(&[(name, frame, expected)]);
    }
}

#[test]
fn first_fragment_without_its_transport_header() {
    let cases = [
        (
            "TCP, 8 bytes there",
            "06",
            "d431 0050 00000001",
            "tiny_fragment ipv4 tcp, fragments 1, tiny",
        ),
        ("TCP, nothing there", "06", "", "tiny_fragment ipv4 tcp, fragments 1, tiny"),
        ("UDP, 4 bytes there", "11", "d431 0035", "tiny_fragment ipv4 udp, fragments 1, tiny"),
        ("ICMP, 1 byte there", "01", "08", "tiny_fragment ipv4 icmp, fragments 1"),
        ("GRE has no header to be missed", "2f", "", "ipv4_other, fragments 1"),
    ];
    for (name, protocol, payload, expected) in cases {
        let length = 20 + super::hex(payload).len();
        let frame =
            format!("{MACS} 0800 4500 {length:04x} 0001 2000 40 {protocol} {IPV4_REST} {payload}");
        check(&[(name, frame, expected)]);
    }
    let frame = format!("{MACS} 0800 4500 0028 0001 2000 4006 {IPV4_REST} d431 0050");
    check(&[("capture cut, header long enough", frame, "tiny_fragment ipv4 tcp, fragments 1")]);
    let frame = format!("{MACS} 0800 4500 001c 0001 0000 4006 {IPV4_REST} d431 0050 00000001");
    check(&[("no fragment", frame, "truncated ipv4 tcp")]);
}

#[test]
fn no_bytes_beyond_the_header_are_needed_for_other_protocols() {
    let frame = format!("{MACS} 0800 4500 0014 0001 0000 402f {IPV4_REST}");
    check(&[("GRE without a body", frame, "ipv4_other")]);
}

#[test]
fn scope_of_either_end() {
    use netmon_common::{
        packet::{Link, Remote, parse},
        scope::Scope,
    };
    let frame =
        super::hex(&format!("{MACS} 0800 4500 0028 0001 0000 4006 0000 0a000001 a9fe0001 {SYN}"));
    for (remote, scope) in
        [(Remote::Source, Scope::Private), (Remote::Destination, Scope::LinkLocal)]
    {
        assert_eq!(parse(frame.as_slice(), Link::Ethernet, remote).scope(), scope, "{remote:?}");
    }
}

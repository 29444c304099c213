//! TCP: the flag byte, the data offset, and which counters the flags move.

use super::{IPV4, IPV4_REST, IPV6_ADDRESSES, MACS, check, hex};
use netmon_common::{
    abi::{labels::TcpFlag, tally::Tally},
    account::{Volume, account},
    packet::{Link, Remote, parse},
};

/// A segment with this data offset nibble and these flags.
fn segment(offset: u8, flags: u8) -> String {
    format!("d431 0050 00000001 00000002 {offset:x}0{flags:02x} 7210 0000 0000")
}

#[test]
fn all_flag_sets() {
    for flags in 0..=u8::MAX {
        let frame = format!("{MACS} 0800 {IPV4} 06 {IPV4_REST} {}", segment(5, flags));
        let expected = format!("ipv4_tcp, flags {flags:02x}, headers 54");
        check(&[("flags", frame, &expected)]);
    }
}

/// The counters of a flag set, by the words of interface.md and with the bits
/// named by letters: C E U A P R S F from the highest to the lowest.
fn expected_counters(flags: u8) -> Vec<&'static str> {
    let letters: String = "FSRPAUEC"
        .chars()
        .enumerate()
        .filter(|(bit, _)| flags >> bit & 1 == 1)
        .map(|(_, c)| c)
        .collect();
    let classic: String = letters.chars().filter(|c| !"EC".contains(*c)).collect();
    let has = |letter: char| classic.contains(letter);
    let mut counters = Vec::new();
    if has('S') && !has('A') {
        counters.push("syn");
    }
    if has('S') && has('A') {
        counters.push("synack");
    }
    if has('F') {
        counters.push("fin");
    }
    if has('R') {
        counters.push("rst");
    }
    if classic.is_empty() {
        counters.push("null");
    }
    if classic == "FPU" {
        counters.push("xmas");
    }
    if has('S') && has('F') {
        counters.push("syn_fin");
    }
    let invalid = ["F", "P", "U", "FP", "FU", "PU"].contains(&classic.as_str());
    if invalid || has('S') && has('R') {
        counters.push("other_invalid");
    }
    if classic == "F" {
        counters.push("fin_only");
    }
    if ["", "F", "FPU"].contains(&classic.as_str()) || has('S') && (has('F') || has('R')) {
        counters.push("stealth");
    }
    counters
}

#[test]
fn counters_of_all_flag_sets() {
    for flags in 0..=u8::MAX {
        let frame = hex(&format!("{MACS} 0800 {IPV4} 06 {IPV4_REST} {}", segment(5, flags)));
        let packet = parse(frame.as_slice(), Link::Ethernet, Remote::Source);
        let mut tally = Tally::ZERO;
        account(&mut tally, packet, &Volume::packet(54));
        let mut counted: Vec<&str> = Vec::new();
        for flag in TcpFlag::ALL {
            assert!(tally.flag(*flag) <= 1, "{} counted twice", flag.label());
            counted.extend((tally.flag(*flag) == 1).then_some(flag.label()));
        }
        counted.extend((tally.tcp_fin_only == 1).then_some("fin_only"));
        counted.extend((tally.tcp_stealth == 1).then_some("stealth"));
        assert_eq!(counted, expected_counters(flags), "flags {flags:02x}");
        assert_eq!(tally.unexplained(), 0);
    }
}

#[test]
fn ordinary_segments_move_no_flag_counter() {
    // ACK; PSH+ACK; both with ECE and CWR.
    for flags in [0x10, 0x18, 0x50, 0xd8] {
        assert_eq!(expected_counters(flags), Vec::<&str>::new(), "flags {flags:02x}");
    }
}

/// Zero windows that are counted of a buffer of two segments that begins so.
fn zero_windows(ip: &str, flags: u8, window: &str, offset: u8, cut: usize) -> u64 {
    let tcp = format!("d431 0050 00000001 00000002 {offset:x}0{flags:02x} {window} 0000 0000");
    let frame = [hex(&format!("{MACS} {ip} {tcp}")), vec![0; 12]].concat();
    let packet = parse(&frame[..frame.len() - cut], Link::Ethernet, Remote::Source);
    let mut tally = Tally::ZERO;
    account(&mut tally, packet, &Volume::merged(2054, 54, 1000, 0));
    assert_eq!((tally.packets(), tally.unexplained()), (2, 0));
    tally.tcp_zero_window
}

#[test]
fn zero_windows_of_open_connections() {
    let v4 = format!("0800 {IPV4} 06 {IPV4_REST}");
    let v6 = format!("86dd 60000000 0020 06 40 {IPV6_ADDRESSES}");
    for ip in [&v4, &v6] {
        for flags in 0..=u8::MAX {
            let [fin, syn, rst, _, ack, ..] =
                std::array::from_fn::<_, 8, _>(|bit| flags >> bit & 1 == 1);
            let expected = if ack && !fin && !syn && !rst { 2 } else { 0 };
            assert_eq!(zero_windows(ip, flags, "0000", 5, 0), expected, "flags {flags:02x}");
        }
        for (name, window, offset, cut, expected) in [
            ("with options", "0000", 8, 0, 2),
            ("a header that claims to be shorter than any", "0000", 4, 0, 0),
            ("one unit", "0001", 5, 0, 0),
            ("256 units", "0100", 5, 0, 0),
            ("cut behind the window", "0000", 5, 16, 2),
            ("cut within the window", "0000", 5, 17, 0),
            ("cut before the window", "0000", 5, 18, 0),
        ] {
            assert_eq!(zero_windows(ip, 0x10, window, offset, cut), expected, "{name}");
        }
    }
}

#[test]
fn data_offset_is_believed_for_the_header_length_only() {
    for offset in 0..16_u8 {
        let frame = format!("{MACS} 0800 {IPV4} 06 {IPV4_REST} {}", segment(offset, 0x12));
        let expected = match offset {
            0 => "ipv4_tcp, flags 12, headers 34".to_owned(),
            _ => format!("ipv4_tcp, flags 12, headers {}", 34 + u32::from(offset) * 4),
        };
        check(&[("data offset", frame, &expected)]);
    }
}

#[test]
fn reserved_bits_are_no_flags() {
    let frame = format!("{MACS} 0800 {IPV4} 06 {IPV4_REST} d431 0050 00000001 00000002 5f10 7210");
    check(&[("reserved bits and the accurate ECN bit", frame, "ipv4_tcp, flags 10, headers 54")]);
}

#[test]
fn fourteen_bytes_suffice() {
    let header = "d431 0050 00000001 00000002 50";
    let v4 = format!("{MACS} 0800 {IPV4} 06 {IPV4_REST} {header}");
    let v6 = format!("{MACS} 86dd 60000000 0014 06 40 {IPV6_ADDRESSES} {header}");
    check(&[
        ("IPv4, up to the data offset", v4.clone(), "truncated ipv4 tcp"),
        ("IPv4, up to the flags", format!("{v4} 02"), "ipv4_tcp, flags 02, headers 54"),
        ("IPv6, up to the data offset", v6.clone(), "truncated ipv6 tcp"),
        ("IPv6, up to the flags", format!("{v6} 02"), "ipv6_tcp, flags 02, headers 74"),
    ]);
}

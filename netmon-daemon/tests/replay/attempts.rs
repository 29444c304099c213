//! Who asks in vain in a capture, however seldom.

use serde_json::Value;

use crate::{
    file::{at, ethernet, simple, tcp},
    flags, report_on,
};

/// What is said of 12 ports that one source asks for, so many seconds apart.
fn scan(apart: u64, flag: u8) -> Value {
    let request = |number: u16| {
        let mut packet = tcp(flag);
        packet[22..24].copy_from_slice(&(1000 + number).to_be_bytes());
        at(u64::from(number) * apart * 1000, ethernet(&packet))
    };
    report_on(&simple(&(0..12).map(request).collect::<Vec<_>>()))
}

#[test]
fn a_slow_scan_is_seen_at_any_pace() {
    const SYN: u8 = 0x02;
    const NULL: u8 = 0x00;
    for apart in [1, 2, 3, 4, 7, 20, 60] {
        let raised = flags(&scan(apart, SYN));
        assert!(raised.iter().any(|(name, _)| name == "port_scan"), "{apart} s: {raised:?}");
    }
    for apart in [1, 3, 7, 10] {
        let raised = scan(apart, NULL);
        let flags = raised["red_flags"].as_array().unwrap();
        let named = flags
            .iter()
            .any(|flag| flag["detector"] == "stealth_scan" && flag["subject"] == "192.0.2.1");
        assert!(named, "{apart} s: {raised}");
    }
}

//! Gateways that change in a capture: what ARP says, and who forwards.

use crate::{
    file::{Record, at, ethernet, simple, tcp},
    flags, report_on,
};

const ROUTER: u8 = 1;
const HOST: u8 = 7;
const ACK: u8 = 0x10;

/// A frame around this packet that somebody sends.
fn from(card: u8, packet: &[u8]) -> Vec<u8> {
    let mut frame = ethernet(packet);
    frame[6..12].copy_from_slice(&[2, 0, 0, 0, 0, card]);
    frame
}

/// Somebody says by ARP that it has 192.168.0.`last`.
fn says(card: u8, last: u8) -> Vec<u8> {
    let mut frame = from(card, &[0x45]);
    frame.truncate(12);
    frame.extend([8, 6, 0, 1, 8, 0, 6, 4, 0, 2, 2, 0, 0, 0, 0, card, 192, 168, 0, last]);
    frame.extend([2, 0, 0, 0, 0, HOST, 192, 168, 0, HOST]);
    frame
}

/// What a capture shows: router and host say where they are, the router forwards, and the
/// rest.
fn shown(rest: &[(u64, Vec<u8>)]) -> Vec<u8> {
    let mut records = vec![at(0, says(ROUTER, ROUTER)), at(1, says(HOST, HOST))];
    // From 192.0.2.1, which is no private address.
    let forwarded = |n: u64| at(10 + n * 10, from(ROUTER, &tcp(ACK)));
    records.extend((0..20).map(forwarded));
    records.extend(rest.iter().map(|(millis, frame)| -> Record { at(*millis, frame.clone()) }));
    simple(&records)
}

#[test]
fn whoever_takes_the_gateway_over_is_told() {
    let minute = 60_000;
    let cases = [
        (
            "nothing happens",
            vec![(minute, says(ROUTER, ROUTER)), (minute + 5, says(HOST, HOST))],
            None,
        ),
        ("a host gets another card", vec![(minute, says(9, HOST))], None),
        ("the host takes the gateway over", vec![(minute, says(HOST, ROUTER))], Some("critical")),
        ("the router takes the host over", vec![(minute, says(ROUTER, HOST))], Some("warning")),
    ];
    for (name, rest, expected) in cases {
        let report = report_on(&shown(&rest));
        let found = flags(&report);
        let expected: Vec<_> = expected.into_iter().collect();
        let severities: Vec<_> = found.iter().map(|(_, severity)| severity.as_str()).collect();
        assert_eq!(severities, expected, "{name}: {found:?}");
        assert!(found.iter().all(|(detector, _)| detector == "gateway_change"), "{name}");
    }
}

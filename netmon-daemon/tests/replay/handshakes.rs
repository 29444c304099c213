//! Handshakes that a capture shows.

use crate::{
    file::{Record, SYN, at, ethernet, simple, tcp, tcp6},
    flags, report_on,
};

const SYN_ACK: u8 = 0x12;
const SECOND: u64 = 1000;

/// The packet with its ends exchanged, and these flags.
fn answer(request: &[u8]) -> Vec<u8> {
    let mut packet = request.to_vec();
    let (addresses, len) = if request[0] >> 4 == 4 { (12, 4) } else { (8, 16) };
    let ports = addresses + 2 * len;
    packet[addresses..ports].rotate_left(len);
    packet[ports..ports + 4].rotate_left(2);
    packet[ports + 13] = SYN_ACK;
    packet
}

/// A handshake a second, of which every tenth takes `late` milliseconds and the
/// others 20; a request that waits is sent again after a second.
fn handshakes(segment: fn(u8) -> Vec<u8>, number: u16, late: u64) -> Vec<u8> {
    let mut records: Vec<(u64, Record)> = Vec::new();
    for connection in 0..number {
        let mut request = segment(SYN);
        let port = if request[0] >> 4 == 4 { 20 } else { 40 };
        request[port..port + 2].copy_from_slice(&(10_000 + connection).to_be_bytes());
        let start = u64::from(connection) * SECOND;
        let took = if connection % 10 == 0 { late } else { 20 };
        let mut put = |time: u64, packet: &[u8]| records.push((time, at(time, ethernet(packet))));
        put(start, &request);
        if took > SECOND {
            put(start + SECOND, &request);
        }
        put(start + took, &answer(&request));
    }
    records.sort_by_key(|(time, _)| *time);
    simple(&records.into_iter().map(|(_, record)| record).collect::<Vec<_>>())
}

/// A kind of segment, milliseconds, and the flags of it.
type Case<'a> = (fn(u8) -> Vec<u8>, u64, &'a [(String, String)]);

#[test]
fn slow_ones_are_told() {
    let slow = [("slow_handshakes".to_owned(), "critical".to_owned())];
    let cases: [Case<'_>; 4] =
        [(tcp, 20, &[]), (tcp6, 900, &[]), (tcp6, 1020, &slow), (tcp, 7000, &slow)];
    for (segment, late, expected) in cases {
        let report = report_on(&handshakes(segment, 400, late));
        let mut found = flags(&report);
        found.retain(|(detector, _)| detector == "slow_handshakes");
        assert_eq!(found, expected, "{late} ms");
    }
}

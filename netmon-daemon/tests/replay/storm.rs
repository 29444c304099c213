//! A storm in a capture, which has no directions, and a transfer.

use netmon::{
    cli::replay::{self, Format},
    config::Config,
};
use serde_json::Value;

use crate::{
    file::{Record, at, ethernet, simple, tcp},
    flags, stored,
};

/// When it begins, in milliseconds, and how far apart its packets are.
const BEGINS: u64 = 70_000;
const STEP: u64 = 5;

/// A datagram with so many bytes of payload.
fn datagram(payload: u16) -> Vec<u8> {
    let [l0, l1] = (28 + payload).to_be_bytes();
    let [u0, u1] = (8 + payload).to_be_bytes();
    let mut packet = vec![0x45, 0, l0, l1, 0, 1, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 198, 51, 100, 2];
    packet.extend([0xc0, 0, 0x0f, 0xa0, u0, u1, 0, 0]);
    packet.resize(usize::from(28 + payload), 7);
    packet
}

/// The flags of a minute of next to nothing and fifteen seconds of this packet.
fn flags_of(packet: &[u8]) -> Vec<(String, String)> {
    let usual = (0..70).map(|second| at(second * 1000, ethernet(&tcp(0x10))));
    let many = (0..3000).map(|n| at(BEGINS + n * STEP, ethernet(packet)));
    let records: Vec<Record> = usual.chain(many).collect();
    let mut config = Config::default();
    config.detectors.traffic_storm.packets = 100.0;
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let files = [stored(&simple(&records))];
    replay::replay(&files, &config, Format::Json, None, &mut out, &mut err).unwrap();
    let report: Value = serde_json::from_slice(&out).unwrap();
    flags(&report["captures"][0])
}

#[test]
fn small_datagrams_are_a_storm_and_large_ones_are_none() {
    let storm = [("traffic_storm".to_owned(), "warning".to_owned())];
    assert_eq!(flags_of(&datagram(20)), storm);
    assert_eq!(flags_of(&datagram(1400)), []);
    assert_eq!(flags_of(&tcp(0x10)), [], "acknowledgements of a transfer that is not seen");
}

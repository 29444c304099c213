//! Volumes: what one buffer of the kernel was on the wire, and what that does
//! to the counters.

use netmon_common::{
    abi::{histogram::PACKET_SIZE_BOUNDS, tally::Tally},
    account::{Volume, account, account_merged},
    packet::{Link, Packet, Remote, parse},
};
use proptest::prelude::*;

#[test]
fn merged_buffers() {
    // bytes, headers, gso_size, gso_segs -> segments, segment, last
    let cases = [
        ("two full segments", (2974, 54, 1460, 2), (2, 1514, 1514)),
        ("a short last one", (1624, 54, 1460, 2), (2, 1514, 164)),
        ("the same without a count", (1624, 54, 1460, 0), (2, 1514, 164)),
        ("full segments without a count", (2974, 54, 1460, 0), (2, 1514, 1514)),
        ("one byte more without a count", (2975, 54, 1460, 0), (3, 1514, 55)),
        ("45 segments", (65_754, 54, 1460, 45), (45, 1514, 1514)),
        ("BIG TCP", (400_054, 54, 1448, 0), (277, 1502, 406)),
        ("no payload", (54, 54, 1460, 0), (1, 1514, 54)),
        ("shorter than its headers", (40, 54, 1460, 0), (1, 1514, 54)),
        ("gso_size 0", (60, 54, 0, 0), (6, 55, 55)),
        ("count 1", (1514, 54, 1460, 1), (1, 1514, 1514)),
        ("more segments than payload", (100, 54, 1460, 3), (3, 1514, 54)),
    ];
    for (name, (bytes, headers, gso_size, gso_segments), (segments, segment, last)) in cases {
        assert_eq!(
            Volume::merged(bytes, headers, gso_size, gso_segments),
            Volume { bytes, segments, segment_bytes: segment, last_bytes: last },
            "{name}"
        );
    }
}

#[test]
fn one_packet() {
    let volume = Volume::packet(60);
    assert_eq!(volume, Volume { bytes: 60, segments: 1, segment_bytes: 60, last_bytes: 60 });
}

#[test]
fn nonsense_does_not_overflow() {
    for bytes in [0, 1, u64::MAX] {
        for headers in [0, 1, u64::MAX] {
            for gso_size in [0, 1, u64::MAX] {
                for gso_segments in [0, 1, u64::MAX] {
                    let volume = Volume::merged(bytes, headers, gso_size, gso_segments);
                    assert!(volume.segments > 0);
                    let mut tally = Tally::ZERO;
                    account(&mut tally, syn(), &volume);
                    assert_eq!(tally.unexplained(), 0);
                }
            }
        }
    }
}

#[test]
fn counters_move_by_segments_and_bytes_by_bytes() {
    let mut tally = Tally::ZERO;
    account(&mut tally, syn(), &Volume::merged(2 * 1460 + 100 + 54, 54, 1460, 0));
    assert_eq!(tally.packets(), 3);
    assert_eq!(tally.bytes(), 2 * 1460 + 100 + 54);
    assert_eq!(tally.classed(|_, _| true), 3);
    assert_eq!(tally.tcp_flags[0], 3);
    let mut sizes = Tally::ZERO.packet_size_bytes;
    sizes.count(&PACKET_SIZE_BOUNDS, 1514, 2);
    sizes.count(&PACKET_SIZE_BOUNDS, 154, 1);
    assert_eq!(tally.packet_size_bytes.buckets, sizes.buckets);
}

#[test]
fn what_merging_saved_is_counted() {
    let cases = [
        ("one packet", Volume::packet(1514), 0, 0),
        ("one in a buffer", Volume::merged(1514, 54, 1460, 1), 0, 0),
        ("three", Volume::merged(2 * 1460 + 100 + 54, 54, 1460, 0), 2, 2 * 54),
        (
            "45, as the kernel counted them",
            Volume::merged(45 * 1448 + 66, 66, 1448, 45),
            44,
            44 * 66,
        ),
        ("an empty last one", Volume::merged(1448 + 66, 66, 1448, 2), 1, 66),
    ];
    for (name, volume, packets, headers) in cases {
        let mut tally = Tally::ZERO;
        account_merged(&mut tally, &volume);
        assert_eq!(
            (tally.merged_packets, tally.merged_headers_bytes),
            (packets, headers),
            "{name}"
        );
    }
}

#[test]
fn a_tag_beside_the_frame_counts_as_one_in_it() {
    let mut tally = Tally::ZERO;
    let packet = syn().with_outer_tags(1);
    assert_eq!((packet.vlan_tags(), syn().vlan_tags()), (1, 0));
    account(&mut tally, packet, &Volume::packet(58));
    account(&mut tally, packet.with_outer_tags(1), &Volume::packet(62));
    assert_eq!((tally.vlan_packets, tally.packets(), tally.unexplained()), (2, 2, 0));
}

#[test]
fn a_tag_beside_the_frame_makes_known_headers_longer() {
    let arp = parse([0; 20].as_slice(), Link::Ethernet, Remote::Source);
    for (packet, headers) in [(syn(), 44), (arp, 0)] {
        assert_eq!(packet.with_longer_headers(4).headers(), headers, "{packet:?}");
    }
}

/// An IPv4 SYN without a link layer.
fn syn() -> Packet {
    let mut frame = [0; 40];
    frame[0] = 0x45;
    frame[9] = 6;
    frame[32] = 0x50;
    frame[33] = 0x02;
    parse(frame.as_slice(), Link::Raw, Remote::Source)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// A buffer that the kernel split into segments is those segments again.
    #[test]
    fn merging_keeps_the_sum(
        headers in 14..200_u64,
        gso_size in 1..10_000_u64,
        full in 0..60_u64,
        rest in 1..10_000_u64,
        counted: bool,
    ) {
        let last = rest.min(gso_size);
        let payload = full * gso_size + last;
        let segments = full + 1;
        let known = if counted { segments } else { 0 };
        let volume = Volume::merged(headers + payload, headers, gso_size, known);
        prop_assert_eq!(volume.segments, segments);
        prop_assert_eq!(volume.last_bytes, headers + last);
        prop_assert_eq!(volume.segment_bytes, headers + gso_size);
        let on_the_wire = volume.segment_bytes * full + volume.last_bytes;
        prop_assert_eq!(on_the_wire, volume.bytes + full * headers);
    }
}

//! Packets and bytes of a device and direction: what the hook counted, against what
//! the driver counted.
//!
//! The two look at different places, so they may differ by what happens between:
//!
//! - A driver counts merged segments as one packet with one header, or one by one
//!   with a header each, depending on which side of the merging it stands.
//! - Received packets are dropped between driver and hook when a CPU has too many
//!   waiting, or by programs of others that come first.
//! - Sent packets are dropped between hook and driver by queues.
//! - Drivers count the checksum of an Ethernet frame (4 bytes), or leave the Ethernet
//!   header out (14 bytes), and tags that the hardware inserts (4 bytes each); what is
//!   shorter than an Ethernet frame may be, is padded on its way out.

use netmon_common::abi::{labels::Direction, tally::Tally};

use super::range::{Outcome, Range};
use crate::{links::Stats, snapshot::Snapshot};

/// Packets that may be between driver and hook while both are read: as many as a
/// driver hands on at once (NAPI_POLL_WEIGHT) before it adds up its statistics.
pub(super) const PACKETS_SLACK: u64 = 64;
/// The same in bytes.
pub(super) const BYTES_SLACK: u64 = PACKETS_SLACK * 1514;

/// What drivers add to a packet, or leave out, in bytes.
const PER_PACKET: [i128; 4] = [0, 4, 8, -14];
/// By how much the shortest packet is padded at most: an Ethernet header alone, to 60
/// bytes.
const PADDING: i128 = 60 - 14;

/// What was dropped between hook and driver since the earlier snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Between {
    /// Packets that the driver had and the hook had not.
    pub(super) before_hook: u64,
    /// Packets that the hook had and the driver had not; none if nobody says.
    pub(super) behind_hook: Option<u64>,
}

/// What was found of a device and direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) packets: Outcome,
    /// None where dropped packets make their bytes unknown.
    pub(super) bytes: Option<Outcome>,
}

impl Between {
    /// What was dropped on any way in or out of this direction between two snapshots:
    /// for which device, the kernel does not say.
    pub(super) fn of(direction: Direction, earlier: &Snapshot, later: &Snapshot) -> Self {
        let dropped = |is_between: fn(&str) -> bool| {
            let sum = |snapshot: &Snapshot| {
                let counts = snapshot.drops.iter().filter(|drop| is_between(&drop.reason));
                counts.fold(0, |sum: u64, drop| sum.wrapping_add(drop.dropped.packets))
            };
            sum(later).saturating_sub(sum(earlier))
        };
        let softnet = |snapshot: &Snapshot| snapshot.proc.softnet_dropped.unwrap_or_default();
        let sees_drops = |snapshot: &Snapshot| snapshot.sources.has(crate::signal::Signal::Drops);
        match direction {
            Direction::Ingress => Self {
                before_hook: softnet(later)
                    .saturating_sub(softnet(earlier))
                    .saturating_add(dropped(|reason| matches!(reason, "xdp" | "tc_ingress"))),
                behind_hook: Some(0),
            },
            Direction::Egress => Self {
                before_hook: 0,
                behind_hook: (sees_drops(earlier) && sees_drops(later)).then(|| {
                    dropped(|reason| {
                        ["qdisc_", "tc_egress", "fq_", "cake_", "dualpi2_", "dev_", "full_ring"]
                            .iter()
                            .any(|prefix| reason.starts_with(prefix))
                    })
                }),
            },
        }
    }
}

/// Compares what was counted between two snapshots with what the driver counted, read
/// `[before, after]` either of them. None where the counters began anew.
pub(super) fn check(
    direction: Direction,
    [earlier, later]: [&Tally; 2],
    [earlier_driver, later_driver]: [[&Stats; 2]; 2],
    between: Between,
) -> Option<Found> {
    later.packets().checked_sub(earlier.packets())?;
    let tally = later.since(earlier);
    let merged = i128::from(tally.merged_packets);
    let packets = i128::from(tally.packets());
    let moved = |of: fn(&Stats, Direction) -> u64| {
        let read = |both: [&Stats; 2]| both.map(|stats| of(stats, direction));
        Range::between(read(earlier_driver), read(later_driver))
    };
    let [dropped_by_driver, driver_packets, driver_bytes] =
        [moved(dropped), moved(packets_of), moved(bytes_of)];
    let (before, behind) = match direction {
        Direction::Ingress => (dropped_by_driver.most, Some(0)),
        Direction::Egress => (0, Some(dropped_by_driver.most)),
    };
    let before = before + i128::from(between.before_hook);
    let behind = behind.zip(between.behind_hook).map(|(one, other)| one + i128::from(other));
    // As the driver counts: merged ones once, or one by one.
    let allowed = driver_packets.widened(before, merged + behind.unwrap_or(i128::MAX / 2));
    let found = allowed.judge(packets, driver_packets);
    let is_whole = before == 0 && behind == Some(0);
    let bytes = is_whole.then(|| {
        let buffers = packets - merged;
        let expected = Range {
            least: expected_bytes(&tally, driver_packets.least - buffers),
            most: expected_bytes(&tally, driver_packets.most - buffers)
                + if direction == Direction::Egress { PADDING * short(&tally) } else { 0 },
        };
        let above = PER_PACKET.into_iter().map(|added| {
            let added = added * driver_packets.most;
            expected.above(driver_bytes.widened(added, -added))
        });
        Outcome::new(driver_bytes, above.min_by_key(|above| above.abs()).unwrap_or_default())
    });
    Some(Found { packets: found, bytes })
}

/// Bytes that a driver counts that saw this many of the merged segments one by one,
/// each with the headers that the buffer has once.
fn expected_bytes(tally: &Tally, apart: i128) -> i128 {
    let merged = i128::from(tally.merged_packets);
    let headers = i128::from(tally.merged_headers_bytes);
    i128::from(tally.bytes())
        + if merged == 0 { 0 } else { headers * apart.clamp(0, merged) / merged }
}

/// Packets of at most 64 bytes.
fn short(tally: &Tally) -> i128 {
    tally.packet_size_bytes.buckets.first().copied().map_or(0, i128::from)
}

const fn packets_of(stats: &Stats, direction: Direction) -> u64 {
    match direction {
        Direction::Ingress => stats.rx_packets,
        Direction::Egress => stats.tx_packets,
    }
}

const fn bytes_of(stats: &Stats, direction: Direction) -> u64 {
    match direction {
        Direction::Ingress => stats.rx_bytes,
        Direction::Egress => stats.tx_bytes,
    }
}

const fn dropped(stats: &Stats, direction: Direction) -> u64 {
    match direction {
        Direction::Ingress => stats.rx_dropped,
        Direction::Egress => stats.tx_dropped,
    }
}

//! The host's own boundary, packet sizes and rejects.

use netmon_common::{
    abi::{
        histogram::PACKET_SIZE_BOUNDS,
        labels::{Class, Direction},
        tally::{Tally, host_cell},
    },
    reject::Reject,
    scope::Scope,
};

use super::{
    Context,
    family::{
        Family,
        Kind::{Counter, Histogram},
        bounds,
    },
    model::Model,
};
use crate::snapshot::Vantage;

const BY_CLASS: &[&str] = &["direction", "scope", "family", "protocol"];

const PACKETS: Family = Family::new(
    Counter,
    "host_packets",
    "Packets that entered or left the host, by scope of the remote address.",
    BY_CLASS,
    144,
);
const BYTES: Family = Family::new(
    Counter,
    "host_bytes",
    "Bytes that entered or left the host, from the link layer up, by scope of the remote address.",
    BY_CLASS,
    144,
);
static SIZE_BOUNDS: [f64; PACKET_SIZE_BOUNDS.len()] = bounds(PACKET_SIZE_BOUNDS);
const SIZES: Family = Family::new(
    Histogram(&SIZE_BOUNDS),
    "packet_size_bytes",
    "Size of packets on the wire, from the link layer up. The sum counts the headers of segments that the kernel merged once.",
    &["vantage", "direction"],
    78,
);
const REJECTED: Family = Family::new(
    Counter,
    "rejected_packets",
    "Packets that belong to no class, by reason, over all vantages and directions.",
    &["reason"],
    16,
);

/// The families of this group.
pub fn families() -> Vec<Family> {
    vec![PACKETS, BYTES, SIZES, REJECTED]
}

/// Adds their rows.
pub fn collect(context: &Context<'_>, model: &mut Model) {
    let boundary = || context.tallies().filter(|(vantage, ..)| *vantage == Vantage::Boundary);
    for (family, cells) in [
        (&PACKETS, (|tally| &tally.host_packets) as fn(&Tally) -> &[u64; CELLS]),
        (&BYTES, |tally| &tally.host_bytes),
    ] {
        let mut rows = model.family(family);
        for (_, direction, tally) in boundary() {
            for (scope, class) in
                Scope::ALL.iter().flat_map(|scope| Class::ALL.iter().map(move |class| (scope, class)))
            {
                let value = cells(tally).get(host_cell(scope.index(), class.index())).copied().unwrap_or(0);
                // Frames without an address have no scope but the last one.
                if value > 0 || *class != Class::NonIp || *scope == Scope::Public {
                    let family = class.family().label();
                    let protocol = class.protocol().label();
                    rows.integer(&[direction.label(), scope.label(), family, protocol], value);
                }
            }
        }
    }
    let mut rows = model.family(&SIZES);
    for (vantage, direction, tally) in context.tallies() {
        let sizes = &tally.packet_size_bytes;
        rows.histogram(&[vantage.label(), direction.label()], &sizes.buckets, sizes.sum as f64);
    }
    let Some(view) = context.view else { return };
    let mut rows = model.family(&REJECTED);
    for reason in Reject::ALL {
        let sum = Vantage::ALL
            .into_iter()
            .flat_map(|vantage| {
                Direction::ALL.iter().map(move |of| view.snapshot.vantages.of(vantage).of(*of))
            })
            .filter_map(|tally| tally.rejected_packets.get(reason.index()))
            .fold(0, |sum: u64, count| sum.wrapping_add(*count));
        rows.integer(&[reason.label()], sum);
    }
}

/// Cells of `host_packets`.
const CELLS: usize = Scope::COUNT * Class::COUNT;

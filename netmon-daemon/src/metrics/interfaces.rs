//! Devices: traffic, speed, drops, state.
//!
//! Every device counts here, stacked ones too, so these families are never
//! added up over devices; `netmon_host_*` is for that.

use netmon_common::abi::labels::Direction;

use super::{
    Context,
    devices::{Counts, Label},
    family::{
        Family,
        Kind::{Counter, Gauge},
    },
    model::Model,
};
use crate::snapshot::Device;

const BY_DIRECTION: &[&str] = &["device", "direction"];
const BY_DEVICE: &[&str] = &["device"];

const PACKETS: Family = Family::new(
    Counter,
    "interface_packets",
    "Packets on the wire that crossed a device, merged segments counted one by one.",
    BY_DIRECTION,
    66,
)
.open(0);
const BYTES: Family = Family::new(
    Counter,
    "interface_bytes",
    "Bytes that crossed a device, from the link layer up.",
    BY_DIRECTION,
    66,
)
.open(0);
const SPEED: Family = Family::new(
    Gauge,
    "interface_speed_bytes_per_second",
    "Speed of a device, where the configuration says it or its driver reports one.",
    BY_DEVICE,
    32,
)
.open(0);
const UTILIZATION: Family = Family::new(
    Gauge,
    "interface_utilization_ratio",
    "Share of its speed that a device used within the last poll.",
    BY_DIRECTION,
    64,
)
.open(0);
const PEAK: Family = Family::new(
    Gauge,
    "interface_peak_bytes_per_second",
    "Highest rate of a device over 100 ms within the last poll; over the whole poll while it is quiet and there are many devices.",
    BY_DIRECTION,
    64,
)
.open(0);
const DROPS: Family = Family::new(
    Counter,
    "interface_drops",
    "Packets that a device dropped: by its driver, for a full queue (fifo) or for lack of buffers (missed).",
    &["device", "direction", "kind"],
    192,
)
.open(0);
const UP: Family = Family::new(
    Gauge,
    "interface_up",
    "Whether a device is up and has a carrier.",
    BY_DEVICE,
    32,
)
.open(0);
const FLAPS: Family = Family::new(
    Counter,
    "interface_flaps",
    "How often a device went down since netmon watches it.",
    BY_DEVICE,
    33,
)
.open(0);

/// Picks one counter of a device and direction.
type Count = fn(&Counts, Direction) -> u64;

/// The families of this group.
pub fn families() -> Vec<Family> {
    vec![PACKETS, BYTES, SPEED, UTILIZATION, PEAK, DROPS, UP, FLAPS]
}

/// Adds their rows.
pub fn collect(context: &Context<'_>, model: &mut Model) {
    let Some(view) = context.view else { return };
    let own: Vec<(&Device, Counts, f64, f64)> = view
        .snapshot
        .devices
        .iter()
        .enumerate()
        .filter(|(_, device)| context.devices.label(device) == Label::Own)
        .map(|(index, device)| {
            let rate = view.device_rates.get(index).copied().unwrap_or_default();
            (device, Counts::of(device), rate.ingress, rate.egress)
        })
        .collect();
    let merged: Vec<(&str, Counts)> = context.devices.merged().collect();

    for (family, of) in [
        (&PACKETS, (|counts, direction| counts.of_direction(direction).0) as Count),
        (&BYTES, |counts, direction| counts.of_direction(direction).1),
    ] {
        let mut rows = model.family(family);
        for direction in Direction::ALL.iter().copied() {
            for (device, counts, ..) in &own {
                let value = of(counts, direction);
                // Where packets are not counted, 0 would be a lie.
                if device.counting.is_ok() || value > 0 {
                    rows.integer(&[&device.name, direction.label()], value);
                }
            }
            for (label, counts) in &merged {
                rows.integer(&[label, direction.label()], of(counts, direction));
            }
        }
    }

    let mut rows = model.family(&SPEED);
    for (device, speed) in own.iter().filter_map(|row| Some((row.0, row.0.speed?))) {
        rows.integer(&[&device.name], speed);
    }
    let mut rows = model.family(&UTILIZATION);
    for (device, _, ingress, egress) in &own {
        let Some(speed) = device.speed.filter(|speed| *speed > 0 && device.counting.is_ok()) else {
            continue;
        };
        rows.float(&[&device.name, Direction::Ingress.label()], ingress / speed as f64);
        rows.float(&[&device.name, Direction::Egress.label()], egress / speed as f64);
    }
    let mut rows = model.family(&PEAK);
    for (device, peaks) in own.iter().filter_map(|row| Some((row.0, row.0.load.peak?))) {
        for (direction, peak) in Direction::ALL.iter().zip(peaks) {
            rows.integer(&[&device.name, direction.label()], peak);
        }
    }
    let labelled = || {
        own.iter()
            .map(|(device, counts, ..)| (device.name.as_str(), counts))
            .chain(merged.iter().map(|(label, counts)| (*label, counts)))
    };
    let mut rows = model.family(&DROPS);
    for (label, Counts { drops, .. }) in labelled() {
        let ingress = Direction::Ingress.label();
        let egress = Direction::Egress.label();
        rows.integer(&[label, ingress, "driver"], drops.ingress_driver);
        rows.integer(&[label, ingress, "fifo"], drops.ingress_fifo);
        rows.integer(&[label, ingress, "missed"], drops.ingress_missed);
        rows.integer(&[label, egress, "driver"], drops.egress_driver);
        rows.integer(&[label, egress, "fifo"], drops.egress_fifo);
    }
    let mut rows = model.family(&UP);
    for (device, ..) in &own {
        rows.integer(&[&device.name], u64::from(device.up));
    }
    let mut rows = model.family(&FLAPS);
    for (label, counts) in labelled() {
        rows.integer(&[label], counts.flaps);
    }
}


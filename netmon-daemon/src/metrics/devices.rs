//! Which device counts under which label, and what merged labels add up to.
//!
//! A label that stands for several devices (`veth`, `other`) must not fall when
//! one of them vanishes, or Prometheus would take it for a restart. So this is
//! the one part of the metrics that remembers: it is told of every snapshot.

use std::collections::HashMap;

use netmon_common::abi::{labels::Direction, tally::Tally};

use crate::{
    metrics::budget::OTHER,
    snapshot::{Device, Drops, Snapshot},
};

/// Values of the label `device` beside `other`: devices of their own, and `veth`.
pub const MAX_DEVICES: usize = 32;

/// The label of all ports of containers and guests that are not listed by name.
const VETH: &str = "veth";

/// How the names of such ports begin: container runtimes, Calico, Cilium.
const VETH_PREFIXES: [&str; 4] = ["veth", "cali", "lxc", "docker-veth"];

/// What is counted of one label.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Packets by direction.
    pub packets: [u64; 2],
    /// Bytes by direction.
    pub bytes: [u64; 2],
    /// Drops of the drivers.
    pub drops: Drops,
    /// How often a device went down.
    pub flaps: u64,
}

/// Label and counts of every device that was ever seen.
#[derive(Debug, Default)]
pub struct Ledger {
    /// The devices of the last snapshot, by index and name.
    present: HashMap<(u32, String), Entry>,
    /// What devices that vanished left behind under a merged label.
    gone: [Counts; 2],
    /// What the source itself counts without telling devices apart.
    unnamed: Counts,
    /// Whether a merged label ever held anything.
    used: [bool; 2],
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    label: Label,
    counts: Counts,
    round: bool,
}

/// Under which label a device counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    /// Its own name.
    Own,
    /// `veth`.
    Veth,
    /// `other`.
    Other,
}

impl Label {
    /// Position among the merged labels.
    const fn merged(self) -> Option<usize> {
        match self {
            Self::Own => None,
            Self::Veth => Some(0),
            Self::Other => Some(1),
        }
    }
}

impl Counts {
    /// The counts of one device.
    pub fn of(device: &Device) -> Self {
        let tally =
            |of: fn(&Tally) -> u64| [of(&device.traffic.ingress), of(&device.traffic.egress)];
        Self {
            packets: tally(Tally::packets),
            bytes: tally(Tally::bytes),
            drops: device.drops,
            flaps: device.flaps,
        }
    }

    /// Packets and bytes of one direction.
    pub fn of_direction(&self, direction: Direction) -> (u64, u64) {
        match direction {
            Direction::Ingress => (self.packets[0], self.bytes[0]),
            Direction::Egress => (self.packets[1], self.bytes[1]),
        }
    }

    /// What `later` no longer holds, because packets are counted from 0 again:
    /// the device moved to another vantage.
    fn lost(&self, later: &Self) -> Self {
        let fell = self.packets.iter().zip(later.packets).any(|(before, now)| *before > now);
        if fell {
            Self { packets: self.packets, bytes: self.bytes, ..Self::default() }
        } else {
            Self::default()
        }
    }

    fn add(&mut self, other: &Self) {
        let drops = &mut self.drops;
        let pairs = (self.packets.iter_mut().zip(other.packets))
            .chain(self.bytes.iter_mut().zip(other.bytes))
            .chain([
                (&mut drops.ingress_driver, other.drops.ingress_driver),
                (&mut drops.ingress_fifo, other.drops.ingress_fifo),
                (&mut drops.ingress_missed, other.drops.ingress_missed),
                (&mut drops.egress_driver, other.drops.egress_driver),
                (&mut drops.egress_fifo, other.drops.egress_fifo),
                (&mut self.flaps, other.flaps),
            ]);
        for (mine, more) in pairs {
            *mine = mine.wrapping_add(more);
        }
    }
}

impl Ledger {
    /// Takes note of a snapshot. A device keeps the label that it got first, but
    /// one that becomes listed by name gets its own; one that was there earlier
    /// comes first.
    pub fn observe(&mut self, snapshot: &Snapshot) {
        for entry in self.present.values_mut() {
            entry.round = false;
        }
        let mut newcomers: Vec<&Device> = Vec::new();
        let mut own = 0;
        for device in &snapshot.devices {
            let key = (device.ifindex, device.name.clone());
            match self.present.get_mut(&key) {
                Some(entry) if entry.label == Label::Own || !device.listed => {
                    let counts = Counts::of(device);
                    if let Some(slot) = entry.label.merged().and_then(|at| self.gone.get_mut(at)) {
                        slot.add(&entry.counts.lost(&counts));
                    }
                    entry.counts = counts;
                    entry.round = true;
                    own += usize::from(entry.label == Label::Own);
                }
                _ => newcomers.push(device),
            }
        }
        let gone = &mut self.gone;
        self.present.retain(|_, entry| {
            if let (false, Some(slot)) =
                (entry.round, entry.label.merged().and_then(|label| gone.get_mut(label)))
            {
                slot.add(&entry.counts);
            }
            entry.round
        });
        newcomers.sort_by_key(|device| (!device.listed, device.ifindex));
        for device in newcomers {
            let collapses = VETH_PREFIXES.iter().any(|prefix| device.name.starts_with(prefix));
            // A device that happens to bear the name of a merged label counts
            // with it rather than beside it.
            let label = if device.name == OTHER {
                Label::Other
            } else if device.name == VETH || (collapses && !device.listed) {
                Label::Veth
            } else if own < MAX_DEVICES - 1 {
                own += 1;
                Label::Own
            } else {
                Label::Other
            };
            if let Some(used) = label.merged().and_then(|label| self.used.get_mut(label)) {
                *used = true;
            }
            let entry = Entry { label, counts: Counts::of(device), round: true };
            self.present.insert((device.ifindex, device.name.clone()), entry);
        }
        let other = &snapshot.other_devices;
        self.unnamed = Counts {
            packets: [other.ingress.packets(), other.egress.packets()],
            bytes: [other.ingress.bytes(), other.egress.bytes()],
            ..Counts::default()
        };
        self.used[1] |= self.unnamed != Counts::default();
    }

    /// The label of a device of the last snapshot.
    pub fn label(&self, device: &Device) -> Label {
        self.present
            .get(&(device.ifindex, device.name.clone()))
            .map_or(Label::Other, |entry| entry.label)
    }

    /// What the merged labels add up to, where they ever stood for anything.
    pub fn merged(&self) -> impl Iterator<Item = (&'static str, Counts)> {
        let mut sums = self.gone;
        for entry in self.present.values() {
            if let Some(sum) = entry.label.merged().and_then(|label| sums.get_mut(label)) {
                sum.add(&entry.counts);
            }
        }
        sums[1].add(&self.unnamed);
        let used = self.used;
        [VETH, OTHER].into_iter().zip(sums).zip(used).filter(|(_, used)| *used).map(|(row, _)| row)
    }
}

//! Packets and bytes by scope of the remote address and by protocol, over minutes: what
//! is usual at a vantage.
//!
//! Invariant: every count is cumulative; both directions are one.

use std::time::Duration;

use netmon_common::{
    abi::{
        labels::{Class, Protocol},
        tally::{Tally, host_cell},
    },
    scope::Scope,
};

use super::{VantageRates, Window};
use crate::snapshot::{Snapshot, Traffic, Vantage};

/// How many cells a vantage has.
pub const CELLS: usize = Scope::COUNT * Protocol::COUNT;

/// Packets on the wire and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Volume {
    /// Packets.
    pub packets: u64,
    /// Bytes, from the link layer up.
    pub bytes: u64,
}

/// The volumes of all cells, in the order of scope and protocol.
pub type Volumes = [Volume; CELLS];

/// What every vantage had seen up to one moment.
#[derive(Clone, Debug)]
pub(super) struct CellPast([Volumes; Vantage::ALL.len()]);

impl Volume {
    /// Adds another volume.
    pub const fn add(&mut self, other: Self) {
        self.packets = self.packets.wrapping_add(other.packets);
        self.bytes = self.bytes.wrapping_add(other.bytes);
    }

    const fn since(self, earlier: Self) -> Self {
        Self {
            packets: self.packets.wrapping_sub(earlier.packets),
            bytes: self.bytes.wrapping_sub(earlier.bytes),
        }
    }
}

/// Adds the cells of a tally.
pub fn add_volumes(volumes: &mut Volumes, tally: &Tally) {
    for scope in Scope::ALL {
        let first = host_cell(scope.index(), 0);
        let counts = tally.host_packets.iter().zip(&tally.host_bytes).skip(first);
        for (class, (packets, bytes)) in Class::ALL.iter().zip(counts) {
            let cell = scope.index() * Protocol::COUNT + class.protocol().index();
            if let Some(volume) = volumes.get_mut(cell) {
                volume.add(Volume { packets: *packets, bytes: *bytes });
            }
        }
    }
}

impl CellPast {
    /// The extract of a snapshot.
    pub(super) fn of(snapshot: &Snapshot) -> Self {
        Self(Vantage::ALL.map(|vantage| {
            let Traffic { ingress, egress } = snapshot.vantages.of(vantage);
            let mut volumes = [Volume::default(); CELLS];
            add_volumes(&mut volumes, ingress);
            add_volumes(&mut volumes, egress);
            volumes
        }))
    }
}

impl VantageRates<'_> {
    /// How far one cell moved within `window`, and in what time. The window reaches back at
    /// most [`LONGEST_MEMORY`](super::LONGEST_MEMORY) and begins and ends at moments that
    /// are about [`STEP`](super::STEP) apart.
    pub fn cell(&self, window: Window, cell: usize) -> Option<(Volume, Duration)> {
        let [(began, before), (ended, after)] = self.rates.cells.ends(window)?;
        let of = |past: &CellPast| past.0.get(self.vantage as usize)?.get(cell).copied();
        Some((of(after)?.since(of(before)?), ended.saturating_sub(*began)))
    }

    /// For how long the host is watched.
    pub fn watched(&self) -> Duration {
        self.rates.host(&[]).watched()
    }

    /// Whether received and sent packets are told apart.
    pub fn is_directed(&self) -> bool {
        self.rates.packets.until(Duration::ZERO).is_some_and(|past| past.directed)
    }

    /// All that moved within `window`, and in what time. It reaches back at most
    /// [`LONGEST_WINDOW`](super::LONGEST_WINDOW).
    pub fn traffic(&self, window: Window) -> Option<(Traffic, Duration)> {
        let [(began, before), (ended, after)] = self.rates.packets.ends(window)?;
        let of = |past: &super::Past| past.vantages.of(self.vantage).clone();
        Some((of(after).since(&of(before)), ended.saturating_sub(*began)))
    }

    /// Packets that the kernel or a device at the boundary dropped within `window`
    /// because the host could not keep up, of all vantages together: nothing that belongs
    /// to the ordinary course of things, nor what nobody listens for.
    pub fn overload_drops(&self, window: Window) -> u64 {
        let names = &self.rates.names.drops;
        let telling = |at: usize| {
            names.get(at).is_some_and(|it| !it.expected && it.name != super::NOBODY_LISTENS)
        };
        self.rates.health.moved(window, |health| {
            let dropped = health.dropped.iter().enumerate().filter(|(at, _)| telling(*at));
            let of_kernel = dropped.fold(0, |sum: u64, (_, count)| sum.wrapping_add(*count));
            of_kernel.wrapping_add(health.boundary_drops)
        })
    }
}

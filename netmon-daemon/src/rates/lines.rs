//! How far devices use their lines: a compact extract for windows of minutes.
//!
//! Invariant: every count is cumulative.

use std::time::Duration;

use netmon_common::abi::counters::increase;

use super::{HostRates, Memory, Window};
use crate::snapshot::{Device, Snapshot};

/// What one device had moved up to one moment, received and sent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Moved {
    /// Bytes.
    pub bytes: [u64; 2],
    /// Windows of 100 ms in which the line was full.
    pub full: [u64; 2],
    /// Packets that the device dropped, whatever the reason.
    pub dropped: [u64; 2],
}

/// The lines that are watched.
#[derive(Clone, Debug)]
pub(super) struct Lines {
    /// By index, in its order.
    past: Memory<Vec<(u32, Moved)>>,
    /// Those of the last snapshot whose limit is known.
    limited: Vec<Limited>,
}

#[derive(Clone, Debug)]
struct Limited {
    ifindex: u32,
    name: String,
    limit: u64,
}

/// One device whose limit is known.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    past: &'a Memory<Vec<(u32, Moved)>>,
    limited: &'a Limited,
}

impl Lines {
    /// Remembers as much as `past` does.
    pub(super) const fn new(past: Memory<Vec<(u32, Moved)>>) -> Self {
        Self { past, limited: Vec::new() }
    }

    /// Remembers a snapshot.
    pub(super) fn push(&mut self, snapshot: &Snapshot) {
        let counting = snapshot.devices.iter().filter(|device| device.counting.is_ok());
        let mut moved: Vec<_> =
            counting.clone().map(|device| (device.ifindex, Moved::of(device))).collect();
        moved.sort_by_key(|(ifindex, _)| *ifindex);
        self.past.push(snapshot.at, moved);
        let limited = counting.filter_map(|device| {
            let limit = device.load.limit.filter(|limit| *limit > 0)?;
            Some(Limited { ifindex: device.ifindex, name: device.name.clone(), limit })
        });
        self.limited = limited.collect();
    }
}

impl Moved {
    fn of(device: &Device) -> Self {
        let (traffic, drops) = (&device.traffic, &device.drops);
        let received = [drops.ingress_driver, drops.ingress_fifo, drops.ingress_missed];
        let sent = [drops.egress_driver, drops.egress_fifo];
        Self {
            bytes: [traffic.ingress.bytes(), traffic.egress.bytes()],
            full: device.load.full,
            dropped: [received.into_iter().sum(), sent.into_iter().sum()],
        }
    }
}

impl HostRates<'_> {
    /// The devices whose limit is known.
    pub fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        let Lines { past, limited } = &self.rates.lines;
        limited.iter().map(move |limited| Line { past, limited })
    }
}

impl Line<'_> {
    /// The name of the device.
    pub fn name(&self) -> &str {
        &self.limited.name
    }

    /// What it carries at most, in bytes per second and direction.
    pub const fn limit(&self) -> u64 {
        self.limited.limit
    }

    /// How far it moved within `window`, and in what time exactly, because moments are some
    /// seconds apart. The window reaches back at most
    /// [`LONGEST_MEMORY`](super::LONGEST_MEMORY), or to when the device was seen first.
    pub fn moved(&self, window: Window) -> (Moved, Duration) {
        let ends = self.past.ends_of(window, |moment| self.of(moment).is_some());
        let none = (Moved::default(), Duration::ZERO);
        let Some([(began, before), (ended, after)]) = ends else { return none };
        let (Some(before), Some(after)) = (self.of(before), self.of(after)) else { return none };
        let both = |of: fn(&Moved) -> [u64; 2]| {
            let ([a0, a1], [b0, b1]) = (of(after), of(before));
            [increase(a0, b0), increase(a1, b1)]
        };
        let moved = Moved {
            bytes: both(|it| it.bytes),
            full: both(|it| it.full),
            dropped: both(|it| it.dropped),
        };
        (moved, ended.saturating_sub(*began))
    }

    fn of<'b>(&self, moment: &'b [(u32, Moved)]) -> Option<&'b Moved> {
        let at = moment.binary_search_by_key(&self.limited.ifindex, |(ifindex, _)| *ifindex);
        moment.get(at.ok()?).map(|(_, moved)| moved)
    }
}

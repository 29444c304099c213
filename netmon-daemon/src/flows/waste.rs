//! What workloads waited for in vain, since the start.
//!
//! Invariant: a sum never falls, and what has no row of its own counts as other.

use super::{Record, churn, report::Wasted};

/// Workloads that have a row of their own.
const WORKLOADS: usize = 256;

/// The sums of all workloads.
#[derive(Debug, Default)]
pub(super) struct Waste {
    rows: Vec<Wasted>,
    other: u64,
}

impl Waste {
    /// Takes note of a connection of a client: of one that lived shortly, the handshake.
    pub(super) fn observe(&mut self, record: &Record) {
        let is_short = record.lasted().is_some_and(|it| it.as_nanos() < u128::from(churn::SHORT));
        let Some(handshake) = record.handshake.filter(|_| is_short) else { return };
        self.add(record.workload, u64::try_from(handshake.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Adds to the sum of a workload.
    pub(super) fn add(&mut self, workload: u64, nanoseconds: u64) {
        let workload = Some(workload);
        let row = match self.rows.iter().position(|row| row.workload == workload) {
            Some(at) => self.rows.get_mut(at),
            None if self.rows.len() < WORKLOADS => {
                self.rows.push(Wasted { workload, nanoseconds: 0 });
                self.rows.last_mut()
            }
            None => None,
        };
        let sum = row.map_or(&mut self.other, |row| &mut row.nanoseconds);
        *sum = sum.saturating_add(nanoseconds);
    }

    /// Bytes that it takes.
    pub(super) fn bytes(&self) -> usize {
        self.rows.capacity() * size_of::<Wasted>()
    }

    /// Everybody's sums, of those without a row last.
    pub(super) fn list(&self) -> Vec<Wasted> {
        let other = Wasted { workload: None, nanoseconds: self.other };
        let other = (self.other > 0).then_some(other);
        self.rows.iter().copied().chain(other).collect()
    }
}

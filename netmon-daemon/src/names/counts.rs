//! Cumulative counts by workload.
//!
//! Invariant: a count never falls, and what has no row of its own counts as other.

/// Workloads that have a row of their own.
const WORKLOADS: usize = 256;

/// What a workload asked for in vain, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wasted {
    /// Control group, 0 where it is not known; none for all that have no row of their
    /// own.
    pub workload: Option<u64>,
    /// Queries whose answer still held.
    pub repeats: u64,
    /// Queries that were tries of a search list.
    pub expansions: u64,
}

/// The counts of all workloads.
#[derive(Debug)]
pub(super) struct Workloads {
    rows: Vec<Wasted>,
    other: Wasted,
}

impl Workloads {
    pub(super) fn new() -> Self {
        Self { rows: Vec::with_capacity(WORKLOADS), other: Wasted::default() }
    }

    /// Counts a query.
    pub(super) fn count(&mut self, workload: u64, is_repeat: bool, is_expansion: bool) {
        let at = self.rows.iter().position(|row| row.workload == Some(workload));
        let row = match at {
            Some(at) => self.rows.get_mut(at),
            None if self.rows.len() < WORKLOADS => {
                self.rows.push(Wasted { workload: Some(workload), ..Wasted::default() });
                self.rows.last_mut()
            }
            None => None,
        };
        let row = row.unwrap_or(&mut self.other);
        row.repeats += u64::from(is_repeat);
        row.expansions += u64::from(is_expansion);
    }

    /// Everybody's counts, those without a row last.
    pub(super) fn list(&self) -> Vec<Wasted> {
        let is_used = |row: &Wasted| row.repeats + row.expansions > 0;
        self.rows.iter().chain(Some(&self.other).filter(|row| is_used(row))).copied().collect()
    }

    /// Bytes that all of it takes.
    pub(super) fn bytes(&self) -> usize {
        self.rows.capacity() * size_of::<Wasted>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_comes_late_is_other() {
        let mut workloads = Workloads::new();
        for workload in 0..300 {
            workloads.count(workload, true, workload % 2 == 0);
            workloads.count(7, false, true);
        }
        let list = workloads.list();
        assert_eq!(list.len(), 257);
        assert_eq!(list[1], Wasted { workload: Some(7), repeats: 1, expansions: 300 });
        assert_eq!(list[256], Wasted { workload: None, repeats: 44, expansions: 22 });
    }
}

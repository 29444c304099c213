//! The bounds of a scrape: series per family and in all.
//!
//! What does not fit is merged into rows whose overflow label says `other`, and
//! where that is not enough into one row that says `other` throughout. Counters
//! and histograms keep their exact sums. Rows are kept in the order in which
//! they were added.

use std::collections::{HashMap, HashSet};

use super::{family::Family, model::Model};

pub use crate::snapshot::OTHER;

/// How many rows of one family found no room of their own.
#[derive(Clone, Copy, Debug)]
pub struct Overflow {
    /// The family.
    pub family: Family,
    /// Rows that were merged or dropped.
    pub rows: u64,
}

impl Model {
    /// Enforces the cap of every family, then `max` series in all. A family
    /// whose share does not hold even one row is dropped whole.
    pub fn bound(&mut self, max: usize) -> Vec<Overflow> {
        let demands: Vec<usize> = (0..self.blocks.len()).map(|block| self.demand(block)).collect();
        let share = fair_share(&demands, max);
        let mut overflows = Vec::new();
        for (block, demand) in demands.into_iter().enumerate() {
            let Some(family) = self.blocks.get(block).map(|block| block.family) else { continue };
            let rows = self.fold(block, demand.min(share) / family.kind.series());
            if rows > 0 {
                overflows.push(Overflow { family, rows });
            }
        }
        overflows
    }

    /// Series that a block wants and its own cap allows.
    fn demand(&self, block: usize) -> usize {
        self.blocks.get(block).map_or(0, |block| {
            let series = block.family.kind.series();
            (self.live(block.rows.clone()).count() * series).min(block.family.cap.max(series))
        })
    }

    fn live(&self, rows: std::ops::Range<usize>) -> impl Iterator<Item = usize> {
        rows.filter(|row| self.rows.get(*row).is_some_and(|row| row.live))
    }

    /// Leaves at most `max` rows of a block and says how many lost theirs.
    fn fold(&mut self, block: usize, max: usize) -> u64 {
        let Some((family, range)) =
            self.blocks.get(block).map(|block| (block.family, block.rows.clone()))
        else {
            return 0;
        };
        let mut rows: Vec<usize> = self.live(range).collect();
        if rows.len() <= max {
            return 0;
        }
        if max == 0 {
            for row in &rows {
                if let Some(row) = self.rows.get_mut(*row) {
                    row.live = false;
                }
            }
            return rows.len() as u64;
        }
        if let Some(position) = family.overflow {
            // Rows that already say `other` stay: they take up the rest.
            rows.sort_by_key(|row| self.label(*row, position) != OTHER);
            if let Some(kept) = self.most_kept(&family, position, &rows, max) {
                return self.merge_tail(&family, &rows, kept, &[position]);
            }
        }
        let all: Vec<usize> = (0..family.width()).collect();
        self.merge_tail(&family, &rows, max.saturating_sub(1), &all)
    }

    /// How many of `rows` can stay when the others become `other` at
    /// `position`, so that no more than `max` rows remain in all.
    fn most_kept(
        &self,
        family: &Family,
        position: usize,
        rows: &[usize],
        max: usize,
    ) -> Option<usize> {
        let standing = rows.iter().take_while(|row| self.label(**row, position) == OTHER).count();
        let taken: HashSet<Vec<&str>> =
            rows.iter().take(standing).map(|row| self.key(family, *row, &[position])).collect();
        let mut new: HashSet<Vec<&str>> = HashSet::new();
        for (kept, row) in rows.iter().enumerate().skip(standing).rev() {
            let key = self.key(family, *row, &[position]);
            if !taken.contains(&key) {
                new.insert(key);
            }
            if kept + new.len() <= max {
                return Some(kept);
            }
        }
        None
    }

    /// The labels of a row with `other` at some positions.
    fn key(&self, family: &Family, row: usize, others: &[usize]) -> Vec<&str> {
        (0..family.width())
            .map(|at| if others.contains(&at) { OTHER } else { self.label(row, at) })
            .collect()
    }

    /// Makes all rows but the first `kept` say `other` at some positions and
    /// merges those that are then alike.
    fn merge_tail(
        &mut self,
        family: &Family,
        rows: &[usize],
        kept: usize,
        others: &[usize],
    ) -> u64 {
        let (head, tail) = rows.split_at(kept.min(rows.len()));
        let mut known: HashMap<Vec<String>, usize> = HashMap::new();
        let owned = |key: Vec<&str>| key.into_iter().map(str::to_owned).collect::<Vec<_>>();
        for row in head {
            known.insert(owned(self.key(family, *row, &[])), *row);
        }
        for row in tail {
            let key = owned(self.key(family, *row, others));
            if let Some(target) = known.get(&key) {
                self.merge(family.kind, *row, *target);
            } else {
                known.insert(key, *row);
                for position in others {
                    self.relabel(*row, *position, OTHER);
                }
            }
        }
        tail.len() as u64
    }
}

/// The highest share per family at which `demands` fit into `max`: families
/// that want less leave the rest to the others.
fn fair_share(demands: &[usize], max: usize) -> usize {
    if demands.iter().sum::<usize>() <= max {
        return usize::MAX;
    }
    let mut sorted = demands.to_vec();
    sorted.sort_unstable();
    let mut left = max;
    let mut share = 0;
    for (done, demand) in sorted.iter().enumerate() {
        share = left / (sorted.len() - done);
        if *demand > share {
            break;
        }
        left -= demand;
    }
    share
}

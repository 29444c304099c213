//! Tables of a fixed size that traffic fills: what stays when more comes than fits.
//!
//! A row has eight places where it can be. Where they are taken by rows that still
//! matter, the newcomer is let in only now and then, and in place of the one that is
//! worth least (random admission: Basat et al., Randomized Admission Policy, 2017). So
//! what is seen once passes by, and what keeps coming gets in and then grows.
//! Invariant: allocated once, when the first row comes, never larger; every row that had to
//! go is counted.

use crate::key::Dice;

/// Places that a row can have.
const WAYS: usize = 8;

/// How often on average a newcomer must come to displace a row that is worth nothing.
const PATIENCE: u64 = 32;

/// What stands in a table.
pub(crate) trait Row: Clone + Default {
    /// Whose it is; 0 where it is nobody's.
    fn tag(&self) -> u32;
    /// Whether it says nothing any more at this second.
    fn is_over(&self, now: u32) -> bool;
    /// How much would be lost with it.
    fn worth(&self) -> u64;
    /// When it was last seen, in seconds.
    fn last(&self) -> u32;
}

/// A table.
#[derive(Debug)]
pub(crate) struct Table<T> {
    rows: Box<[T]>,
    size: usize,
    /// Rows that had to go although they still mattered.
    pub(crate) evicted: u64,
}

/// Where a row stands.
pub(crate) enum Found<T> {
    /// It was there.
    Known(usize),
    /// It is new, in place of another one if that mattered or was never cleared.
    New(usize, T),
}

impl<T: Row> Table<T> {
    /// A table of so many rows, which must be a power of two and hold one set at least.
    pub(crate) fn new(rows: usize) -> Self {
        Self { rows: Box::default(), size: rows, evicted: 0 }
    }

    fn first(&self, tag: u32) -> usize {
        let sets = (self.rows.len() / WAYS).max(1);
        tag as usize % sets * WAYS
    }

    /// The place of a row, if it is there.
    pub(crate) fn find(&self, tag: u32) -> Option<usize> {
        let first = self.first(tag);
        let set = self.rows.get(first..first + WAYS)?;
        set.iter().position(|row| row.tag() == tag).map(|at| first + at)
    }

    /// The place of a row, made if need be; none where it is not let in. A new one is
    /// as it was left by its predecessor: the caller writes it.
    pub(crate) fn place(&mut self, tag: u32, now: u32, dice: &mut Dice) -> Option<Found<T>> {
        if let Some(at) = self.find(tag) {
            return Some(Found::Known(at));
        }
        if self.rows.is_empty() {
            self.rows = vec![T::default(); self.size].into_boxed_slice();
        }
        let first = self.first(tag);
        let set = self.rows.get(first..first + WAYS)?;
        let free = set.iter().position(|row| row.tag() == 0 || row.is_over(now));
        let at = if let Some(at) = free {
            first + at
        } else {
            let order = |row: &T| (row.worth(), row.last());
            let (at, least) = set.iter().enumerate().min_by_key(|(_, row)| order(row))?;
            if !dice.hits(PATIENCE.saturating_mul(least.worth().max(1))) {
                return None;
            }
            self.evicted += 1;
            first + at
        };
        let row = self.rows.get_mut(at)?;
        Some(Found::New(at, std::mem::take(row)))
    }

    /// A row.
    pub(crate) fn get(&self, at: usize) -> Option<&T> {
        self.rows.get(at)
    }

    /// A row, to change it.
    pub(crate) fn get_mut(&mut self, at: usize) -> Option<&mut T> {
        self.rows.get_mut(at)
    }

    /// Every row that is somebody's.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.rows.iter().filter(|row| row.tag() != 0)
    }

    /// Does something with every row that is somebody's.
    pub(crate) fn each(&mut self, does: impl FnMut(&mut T)) {
        self.rows.iter_mut().filter(|row| row.tag() != 0).for_each(does);
    }

    /// Bytes that it takes once there is a row.
    pub(crate) const fn bytes(&self) -> usize {
        self.size * size_of::<T>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::Key;

    #[derive(Clone, Debug, Default, PartialEq)]
    struct Seen {
        tag: u32,
        times: u64,
        last: u32,
    }

    impl Row for Seen {
        fn tag(&self) -> u32 {
            self.tag
        }

        fn is_over(&self, now: u32) -> bool {
            now - self.last > 10
        }

        fn worth(&self) -> u64 {
            self.times
        }

        fn last(&self) -> u32 {
            self.last
        }
    }

    fn see(table: &mut Table<Seen>, dice: &mut Dice, tag: u32, now: u32) -> bool {
        let Some(Found::Known(at) | Found::New(at, _)) = table.place(tag, now, dice) else {
            return false;
        };
        let row = &mut table.rows[at];
        *row = Seen { tag, times: row.times + 1, last: now };
        true
    }

    #[test]
    fn what_keeps_coming_stays_and_what_comes_once_passes_by() {
        let (mut table, mut dice) = (Table::new(64), Key::FIXED.dice());
        let mut admitted = 0;
        for once in 1..100_000 {
            admitted += u32::from(see(&mut table, &mut dice, once * 2, 0));
            if once.is_multiple_of(50) {
                see(&mut table, &mut dice, 77, 0);
            }
        }
        let at = table.find(77).map(|at| table.rows[at].times);
        assert!(at.is_some_and(|times| times > 1500), "{at:?}");
        assert!((2000..5000).contains(&admitted), "{admitted}");
        assert_eq!(table.rows.len(), 64);
        assert!(table.evicted > 2000);
    }

    #[test]
    fn what_is_over_makes_room_at_once() {
        let (mut table, mut dice) = (Table::new(8), Key::FIXED.dice());
        for tag in 1..=8 {
            assert!(see(&mut table, &mut dice, tag, 0));
        }
        assert!(see(&mut table, &mut dice, 9, 11));
        assert_eq!((table.find(1), table.find(9), table.evicted), (None, Some(0), 0));
    }
}

//! When connections were open, and how many of them at once.

use std::collections::VecDeque;

/// Connections that are remembered.
const KEPT: usize = 4096;

/// New ones after which one must look at them, so that each is looked at beside all that
/// ended before it and shortly after.
const FRESH: usize = KEPT / 2;

/// From when to when connections were open, in nanoseconds, in the order in which they
/// ended. Takes memory when there is the first one.
///
/// What [`sweep`](Self::sweep) tells is exact as long as no more than half of [`KEPT`] end
/// while one of them is open; of more it tells a part.
#[derive(Debug, Default)]
pub(super) struct Spans {
    kept: VecDeque<(u64, u64)>,
    fresh: usize,
}

impl Spans {
    /// Adds a connection; tells whether it is time to sweep.
    pub(super) fn add(&mut self, began: u64, ended: u64) -> bool {
        if self.kept.capacity() == 0 {
            self.kept.reserve_exact(KEPT);
        }
        if self.kept.len() == KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back((began, ended));
        self.fresh += 1;
        self.fresh >= FRESH
    }

    /// Tells how many were open whenever one began. Who ended at the very moment was gone.
    pub(super) fn sweep(&mut self, mut tell: impl FnMut(u64, u32)) {
        if std::mem::take(&mut self.fresh) == 0 {
            return;
        }
        let mut begins: Vec<u64> = self.kept.iter().map(|(began, _)| *began).collect();
        let mut ends: Vec<u64> = self.kept.iter().map(|(_, ended)| *ended).collect();
        begins.sort_unstable();
        ends.sort_unstable();
        let mut over = ends.into_iter().peekable();
        let mut open: u32 = 0;
        for began in begins {
            while over.next_if(|ended| *ended <= began).is_some() {
                open = open.saturating_sub(1);
            }
            open = open.saturating_add(1);
            tell(began, open);
        }
    }

    /// Forgets all of them.
    pub(super) fn clear(&mut self) {
        self.kept.clear();
        self.fresh = 0;
    }

    /// Bytes that it takes.
    pub(super) fn bytes(&self) -> usize {
        self.kept.capacity() * size_of::<(u64, u64)>()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// How many are open at once at most, told at each end by all that there is.
    fn peak(all: &[(u64, u64)]) -> u32 {
        let open_at = |at: u64| all.iter().filter(|(from, to)| *from <= at && at < *to).count();
        let most = all.iter().map(|(began, _)| open_at(*began)).max().unwrap_or(0);
        u32::try_from(most).unwrap_or(u32::MAX)
    }

    fn swept(all: &[(u64, u64)]) -> u32 {
        let mut spans = Spans::default();
        let mut most = 0;
        for (began, ended) in all {
            if spans.add(*began, *ended) {
                spans.sweep(|_, open| most = most.max(open));
            }
        }
        spans.sweep(|_, open| most = most.max(open));
        most
    }

    #[test]
    fn one_after_the_other_is_one_at_once() {
        for (name, all, expected) in [
            ("none", vec![], 0),
            ("one", vec![(5, 9)], 1),
            ("one that ends as it begins", vec![(5, 5)], 1),
            ("two in a row", vec![(5, 9), (9, 12)], 1),
            ("two at once", vec![(5, 9), (8, 12)], 2),
            ("one around three", vec![(2, 3), (4, 5), (6, 7), (1, 9)], 2),
            ("a thousand in a row", (0..1000).map(|at| (at * 7, at * 7 + 6)).collect(), 1),
            ("a thousand at once", (0..1000).map(|at| (at, 2000)).collect(), 1000),
            ("many in a row", (0..20_000).map(|at| (at * 7, at * 7 + 20)).collect(), 3),
        ] {
            assert_eq!(swept(&all), expected, "{name}");
        }
    }

    proptest! {
        #[test]
        fn a_sweep_is_exact(lives in prop::collection::vec((0_u64..1000, 1_u64..80), 1..300)) {
            let mut all: Vec<_> = lives.iter().map(|(at, life)| (*at, at + life)).collect();
            all.sort_unstable_by_key(|(_, ended)| *ended);
            prop_assert_eq!(swept(&all), peak(&all));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4))]

        #[test]
        fn nor_does_it_matter_how_many_came_before(
            lives in prop::collection::vec((0_u64..30_000, 1_u64..20), 5000..9000),
        ) {
            let mut all: Vec<_> = lives.iter().map(|(at, life)| (*at, at + life)).collect();
            all.sort_unstable_by_key(|(_, ended)| *ended);
            prop_assert_eq!(swept(&all), peak(&all));
        }
    }

    #[test]
    fn memory_is_bounded() {
        let mut spans = Spans::default();
        assert_eq!(spans.bytes(), 0);
        for at in 0..100_000 {
            spans.add(at, at + 1);
        }
        assert_eq!(spans.bytes(), KEPT * 16);
    }
}

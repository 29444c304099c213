//! Who comes often enough to be looked at: in three different ten minutes of a day.
//!
//! Most destinations are called once, by the thousand. Invariant: what is kept of them is
//! 72 KiB, whoever comes; of 40,000 in a day that come twice, one in twenty is let in.

use netmon_common::sketch::Marks;

use super::seen::places;

const SLOT: u64 = 600;
const DAY: u64 = 86_400;
/// Words of a filter, and bits that one thing sets in it.
const WORDS: usize = 1 << 12;
const PROBES: u64 = 4;

/// Who came in how many parts of a day.
#[derive(Debug)]
pub(super) struct Admission {
    slot: u64,
    /// Who came in this one.
    here: Box<Marks<1024>>,
    day: u64,
    /// Who came in one part of the day, and in two.
    once: Box<[u64]>,
    twice: Box<[u64]>,
}

impl Admission {
    /// Nobody came.
    pub(super) fn new() -> Self {
        let empty = || vec![0; WORDS].into_boxed_slice();
        Self { slot: 0, here: Box::new(Marks::EMPTY), day: 0, once: empty(), twice: empty() }
    }

    /// Takes note of somebody at a second; says whether this is the third part of a day, or
    /// a later one, in which it comes.
    pub(super) fn admits(&mut self, hash: u64, second: u64) -> bool {
        if self.slot != second / SLOT {
            self.slot = second / SLOT;
            *self.here = Marks::EMPTY;
        }
        if self.day != second / DAY {
            self.day = second / DAY;
            self.once.fill(0);
            self.twice.fill(0);
        }
        if !self.here.observe(hash) {
            return false;
        }
        if has(&self.twice, hash) {
            return true;
        }
        let is_second = has(&self.once, hash);
        let filter = if is_second { &mut self.twice } else { &mut self.once };
        for (word, bit) in places(hash, PROBES, WORDS) {
            if let Some(word) = filter.get_mut(word) {
                *word |= bit;
            }
        }
        false
    }

    /// Bytes that it takes.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Marks<1024>>() + size_of_val(&*self.once) + size_of_val(&*self.twice)
    }
}

fn has(filter: &[u64], hash: u64) -> bool {
    places(hash, PROBES, WORDS).all(|(word, bit)| filter.get(word).is_some_and(|it| it & bit != 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::Key;

    #[test]
    fn who_comes_in_three_parts_of_a_day_is_let_in() {
        let hash = |thing: u64| Key::FIXED.hash(&[&thing.to_le_bytes()]);
        let mut admission = Admission::new();
        // The seconds at which it comes, and whether it is let in.
        for (thing, seconds, expected) in [
            (1, &[0, 100, 200, 300, 599][..], false),
            (2, &[0, 600, 610, 1199], false),
            (3, &[0, 600, 1200], true),
            (4, &[0, 40_000, 80_000], true),
            (5, &[50_000, 80_000, 90_000], false),
        ] {
            let mut is_in = false;
            for second in seconds {
                is_in |= admission.admits(hash(thing), *second);
            }
            assert_eq!(is_in, expected, "{thing}");
            admission = Admission::new();
        }
    }

    #[test]
    fn hardly_any_of_many_that_come_twice_is_let_in() {
        let hash = |thing: u64| Key::FIXED.hash(&[&thing.to_le_bytes()]);
        let mut admission = Admission::new();
        let mut admitted = 0;
        for second in 0..80_000_u64 {
            // Each of 40,000 comes twice, a quarter of an hour apart.
            for thing in [second / 2, (second / 2).saturating_sub(450)] {
                admitted += u32::from(second % 2 == 0 && admission.admits(hash(thing), second));
            }
        }
        assert!(admitted < 2000, "{admitted}");
        assert!(admission.bytes() <= 72 << 10);
    }
}

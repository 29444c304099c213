//! What was seen within the last weeks: a set that only knows hashes.
//!
//! Two Bloom filters, of which the older one is dropped every two weeks. Invariant: what
//! was seen within two weeks is in the set, and nothing is after four. Of 100,000 things in
//! one filter, less than one in ten thousand that were not seen seem to have been.

use crate::store::bytes::Bytes;

/// Words of one filter: 256 KiB.
const WORDS: usize = 1 << 15;

/// Bits of a filter that one thing sets.
const PROBES: u64 = 7;

/// How long a filter is filled, in seconds.
const PERIOD: u64 = 14 * 86_400;

/// A set. It takes no memory before something is in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// The filter that is filled, and the one before.
    filters: [Box<[u64]>; 2],
    /// When it was begun; none before the first thing.
    begun: Option<u64>,
}

impl Seen {
    /// Takes note of a thing at a second, and says whether it was not seen before.
    pub(super) fn add(&mut self, hash: u64) -> bool {
        let is_new = !self.has(hash);
        let [filter, _] = &mut self.filters;
        if filter.is_empty() {
            *filter = vec![0; WORDS].into_boxed_slice();
        }
        for (word, bit) in places(hash, PROBES, WORDS) {
            if let Some(word) = filter.get_mut(word) {
                *word |= bit;
            }
        }
        is_new
    }

    /// Whether a thing was seen.
    pub(super) fn has(&self, hash: u64) -> bool {
        let is_in = |filter: &[u64]| {
            places(hash, PROBES, WORDS)
                .all(|(word, bit)| filter.get(word).is_some_and(|it| it & bit != 0))
        };
        self.filters.iter().any(|filter| is_in(filter))
    }

    /// Moves on to a second. Says whether a filter was begun in place of the oldest; of
    /// several that would have been, had somebody looked, it is one.
    pub(super) fn advance(&mut self, now: u64) -> bool {
        let begun = *self.begun.get_or_insert(now);
        let is_over = now.saturating_sub(begun) >= PERIOD;
        if is_over {
            self.begun = Some(now);
            self.filters.swap(0, 1);
            self.filters[0] = Box::default();
        }
        is_over
    }

    /// Bytes that it takes.
    pub(super) fn bytes(&self) -> usize {
        self.filters.iter().map(|filter| size_of_val(&**filter)).sum()
    }

    /// It as bytes: only words in which something is.
    pub(super) fn save(&self, bytes: &mut Vec<u8>) {
        bytes.extend(self.begun.unwrap_or(0).to_le_bytes());
        for filter in &self.filters {
            let words = || (0_u32..).zip(filter).filter(|(_, word)| **word != 0);
            let count = u32::try_from(words().count()).unwrap_or(0);
            bytes.extend(count.to_le_bytes());
            for (at, word) in words() {
                bytes.extend(at.to_le_bytes());
                bytes.extend(word.to_le_bytes());
            }
        }
    }

    /// It from bytes; none where they are none of it.
    pub(super) fn load(bytes: &mut Bytes<'_>) -> Option<Self> {
        let begun = bytes.u64()?;
        let mut filters: [Box<[u64]>; 2] = Default::default();
        for filter in &mut filters {
            let count = bytes.u32()?;
            if count > 0 {
                *filter = vec![0; WORDS].into_boxed_slice();
            }
            for _ in 0..count {
                let at = usize::try_from(bytes.u32()?).ok()?;
                *filter.get_mut(at)? = bytes.u64()?;
            }
        }
        Some(Self { filters, begun: (begun > 0).then_some(begun) })
    }
}

/// The words and bits of a thing in a Bloom filter (Kirsch, Mitzenmacher: Less hashing, same
/// performance, 2006).
pub(super) fn places(hash: u64, probes: u64, words: usize) -> impl Iterator<Item = (usize, u64)> {
    let step = hash >> 32 | 1;
    (0..probes).map(move |probe| {
        let place = hash.wrapping_add(probe.wrapping_mul(step));
        let word = usize::try_from(place / 64).unwrap_or(0) % words;
        (word, 1 << (place % 64))
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use super::*;
    use crate::key::Key;

    fn hash(thing: u32) -> u64 {
        Key::FIXED.hash(&[&thing.to_le_bytes()])
    }

    #[test]
    fn what_was_seen_is_known_for_two_weeks_and_not_for_four() {
        let mut seen = Seen::default();
        assert_eq!(seen.bytes(), 0);
        // When it was seen, and when it is still known and no more.
        for (first, known, unknown) in [(1, 14, 29), (13, 26, 29)] {
            seen = Seen::default();
            seen.advance(0);
            for day in 0..60 {
                seen.advance(day * 86_400);
                if day == first {
                    assert!(seen.add(hash(1)));
                    assert!(!seen.add(hash(1)));
                }
                if (first..=known).contains(&day) {
                    assert!(seen.has(hash(1)), "{first}: {day}");
                }
                assert!(day < unknown || !seen.has(hash(1)), "{first}: {day}");
            }
        }
        assert!(seen.bytes() <= 1 << 20);
    }

    #[test]
    fn a_clock_that_jumps_drops_one_filter() {
        let mut seen = Seen::default();
        seen.advance(5);
        seen.add(hash(1));
        assert!(seen.advance(u64::MAX));
        assert!(seen.has(hash(1)));
        assert!(!seen.advance(5), "and back");
        assert!(seen.has(hash(1)));
    }

    #[test]
    fn hardly_anything_seems_to_have_been_seen() {
        let mut seen = Seen::default();
        for thing in 0..100_000 {
            seen.add(hash(thing));
        }
        assert!((0..100_000).all(|thing| seen.has(hash(thing))));
        let wrong = (100_000..200_000).filter(|thing| seen.has(hash(*thing))).count();
        assert!(wrong < 20, "{wrong}");
    }

    #[test]
    fn it_is_read_as_it_was_written() {
        let mut seen = Seen::default();
        for (now, things) in [(7, 0..0_u32), (7, 0..50), (7 + PERIOD, 0..0), (7 + PERIOD, 50..9000)]
        {
            seen.advance(now);
            for thing in things {
                seen.add(hash(thing));
            }
            let mut bytes = Vec::new();
            seen.save(&mut bytes);
            let mut reader = Bytes(&bytes);
            assert_eq!(Seen::load(&mut reader).unwrap(), seen);
            assert!(reader.is_empty());
            for len in 0..bytes.len().min(2000) {
                assert_eq!(Seen::load(&mut Bytes(&bytes[..len])), None, "{len}");
            }
        }
        let far = [&[0; 8][..], &1_u32.to_le_bytes(), &u32::MAX.to_le_bytes(), &[0; 12]].concat();
        assert_eq!(Seen::load(&mut Bytes(&far)), None);
    }
}

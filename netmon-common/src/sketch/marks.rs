//! How many different things were seen, where it is some hundreds at most.

/// Bits that are set by hash, 64 times `W` of them, `W` a power of two: linear counting
/// (Whang, Vander-Zanden, Taylor: A linear-time probabilistic counting algorithm for
/// database applications, 1990).
///
/// As many bits as are set are a lower bound. A thing that is seen again changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Marks<const W: usize> {
    words: [u64; W],
}

impl<const W: usize> Marks<W> {
    /// Nothing was seen.
    pub const EMPTY: Self = Self { words: [0; W] };

    /// How many bits there are.
    pub const BITS: u32 = {
        assert!(W.is_power_of_two() && W <= 1 << 10);
        u64::BITS.wrapping_shl(W.trailing_zeros())
    };

    /// The bits that lie in memory as these words.
    pub const fn from_words(words: [u64; W]) -> Self {
        Self { words }
    }

    /// Takes note of a thing, and says whether its bit was not set before.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "the lower bits are what is wanted")]
    pub fn observe(&mut self, hash: u64) -> bool {
        let bit = 1_u64.wrapping_shl((hash >> W.trailing_zeros()) as u32 % u64::BITS);
        match self.words.get_mut(hash as usize & W.wrapping_sub(1)) {
            Some(word) => {
                let is_new = *word & bit == 0;
                *word |= bit;
                is_new
            }
            None => false,
        }
    }

    /// How many bits are set.
    pub fn ones(&self) -> u32 {
        self.words.iter().fold(0, |sum, word| sum.wrapping_add(word.count_ones()))
    }

    /// What was seen here and there.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        self.combined(other, |here, there| here & there)
    }

    /// What was seen here and not there.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        self.combined(other, |here, there| here & !there)
    }

    fn combined(&self, other: &Self, with: impl Fn(u64, u64) -> u64) -> Self {
        let mut words = self.words;
        for (word, other) in words.iter_mut().zip(other.words) {
            *word = with(*word, other);
        }
        Self { words }
    }

    /// Adds what another one saw.
    pub fn merge(&mut self, other: &Self) {
        for (word, other) in self.words.iter_mut().zip(other.words) {
            *word |= other;
        }
    }
}

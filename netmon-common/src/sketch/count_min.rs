//! How often each of very many things was seen, never too low.

/// A count-min sketch (Cormode, Muthukrishnan: An improved data stream summary, 2005) of
/// `D` rows of `W` counters each, `W` a power of two.
///
/// An estimate is never below the truth. Of N things in all it is more than e·N/W above
/// it with a probability of at most e^-D.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct CountMin<const W: usize, const D: usize> {
    rows: [[u32; W]; D],
}

impl<const W: usize, const D: usize> CountMin<W, D> {
    /// Nothing was seen.
    pub const EMPTY: Self = Self { rows: [[0; W]; D] };

    /// Bits of a hash that choose a counter in one row. A hash has 64, of which each row
    /// takes its own.
    const BITS: u32 = {
        assert!(W.is_power_of_two() && D > 0);
        let bits = W.trailing_zeros();
        assert!(bits as usize * D <= u64::BITS as usize);
        bits
    };

    /// Counts one thing, and says how often it was seen at most.
    #[inline(always)]
    pub fn add(&mut self, hash: u64) -> u32 {
        let mut rest = hash;
        let mut least = u32::MAX;
        for row in &mut self.rows {
            if let Some(counter) = row.get_mut(Self::column(rest)) {
                *counter = counter.saturating_add(1);
                least = least.min(*counter);
            }
            rest >>= Self::BITS;
        }
        least
    }

    /// How often a thing was seen at most.
    #[inline(always)]
    pub fn estimate(&self, hash: u64) -> u32 {
        let mut rest = hash;
        let mut least = u32::MAX;
        for row in &self.rows {
            if let Some(counter) = row.get(Self::column(rest)) {
                least = least.min(*counter);
            }
            rest >>= Self::BITS;
        }
        least
    }

    /// Adds what another one saw.
    pub fn merge(&mut self, other: &Self) {
        let counters = self.rows.iter_mut().flatten().zip(other.rows.iter().flatten());
        for (counter, more) in counters {
            *counter = counter.saturating_add(*more);
        }
    }

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "the lower bits are what is wanted")]
    const fn column(hash: u64) -> usize {
        hash as usize & W.wrapping_sub(1)
    }
}

//! How long something took, in two resolutions.

use super::{
    histogram::Histogram,
    native::{NATIVE_BUCKETS, native_index},
};

/// A histogram of times in nanoseconds: `N` buckets with bounds of our own, which
/// every reader understands, and the native ones of Prometheus. Both count the
/// same times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Timing<const N: usize> {
    /// By bounds of our own. The sum is in nanoseconds.
    pub classic: Histogram<N>,
    /// By [`native_index`], not cumulated.
    pub native: [u64; NATIVE_BUCKETS],
}

impl<const N: usize> Timing<N> {
    /// No time was taken yet.
    pub const EMPTY: Self = Self { classic: Histogram::EMPTY, native: [0; NATIVE_BUCKETS] };

    /// Counts one time.
    #[inline(always)]
    pub fn observe(&mut self, bounds: &[u64], nanoseconds: u64) {
        self.count(bounds, nanoseconds, 1);
    }

    /// Counts one time for so many that it stands for.
    #[inline(always)]
    pub fn count(&mut self, bounds: &[u64], nanoseconds: u64, times: u64) {
        let sum = &mut self.classic.sum;
        *sum = sum.wrapping_add(nanoseconds.wrapping_mul(times));
        if let Some(bucket) = self.native.get_mut(native_index(nanoseconds)) {
            *bucket = bucket.wrapping_add(times);
        }
        // Last, because here the verifier's path divides into one per bucket.
        self.classic.count(bounds, nanoseconds, times);
    }

    /// All that is counted, in layout order.
    pub fn words(&self) -> impl Iterator<Item = &u64> {
        self.classic.words().chain(&self.native)
    }

    /// The same, to be written.
    pub fn words_mut(&mut self) -> impl Iterator<Item = &mut u64> {
        self.classic.words_mut().chain(&mut self.native)
    }

    /// Adds another one, which has the same bounds.
    pub fn add(&mut self, other: &Self) {
        for (word, more) in self.words_mut().zip(other.words()) {
            *word = word.wrapping_add(*more);
        }
    }

    /// How many times were taken.
    pub fn total(&self) -> u64 {
        self.classic.total()
    }
}

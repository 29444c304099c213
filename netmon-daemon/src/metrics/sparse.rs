//! Native buckets as protobuf carries them: only those that hold something.
//!
//! A span says how many empty buckets are skipped and how many follow; each of
//! those is written as its difference from the one before it.

use netmon_common::abi::native::FIRST_INDEX;

/// Empty buckets that are written rather than skipped: a new span costs as much.
const SHORT_GAP: i32 = 2;

/// The buckets of one histogram.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sparse {
    /// Observations that count as zero.
    pub(super) zero: u64,
    /// Distance from the bucket behind the last span, or from bucket 0, and how
    /// many buckets there are.
    pub(super) spans: Vec<(i32, u32)>,
    /// What each bucket has more than the one before it.
    pub(super) deltas: Vec<i64>,
}

impl Sparse {
    /// From observations per bucket, the first of which is the one for zero.
    pub(super) fn new(buckets: &[u64]) -> Self {
        let mut sparse = Self::default();
        let Some((zero, buckets)) = buckets.split_first() else { return sparse };
        sparse.zero = *zero;
        let (mut next, mut before) = (0, 0);
        for (index, count) in (FIRST_INDEX..).zip(buckets.iter().copied()) {
            if count == 0 {
                continue;
            }
            let gap = index - next;
            match sparse.spans.last_mut() {
                Some((_, length)) if gap <= SHORT_GAP => {
                    for _ in 0..gap {
                        sparse.deltas.push(0_u64.wrapping_sub(before).cast_signed());
                        before = 0;
                    }
                    *length += gap.unsigned_abs() + 1;
                }
                _ => sparse.spans.push((gap, 1)),
            }
            sparse.deltas.push(count.wrapping_sub(before).cast_signed());
            (next, before) = (index + 1, count);
        }
        sparse
    }
}

//! What is counted when requests come faster than the table can hold them.
//!
//! An entry that stays long is lost more easily than one that does not: under a
//! flood, slow handshakes would vanish from the distribution. So the flows whose
//! hash falls into a sample have half of the table to themselves. Handshakes up
//! to a limit are counted one by one, in both halves; longer ones only in the
//! sample, each for as many as the sample leaves out.
//!
//! The sample is every 2^k-th flow, with the k at which it has at most
//! `SAMPLED_PER_SECOND` requests per second, and the limit is as long as the
//! other half holds nearly all: so both follow from k alone. With that, of the
//! handshakes that take t, are lost at most:
//!
//! | t | up to the limit | 3 s | 7 s | 11 s | 19 s |
//! |---|--:|--:|--:|--:|--:|
//! | lost | 0.3 % | 0.1 % | 1.3 % | 5 % | 22 % |
//!
//! and whatever is lost is lost to requests that nobody answered, since an answer
//! makes room. Above the limit, n sampled handshakes tell their number with a
//! relative standard error of at most 1/sqrt(n).

use core::time::Duration;

use super::{Flow, table::ENTRIES_PER_REGION};

/// Requests per second in the sample at which it is halved.
const SAMPLED_PER_SECOND: u64 = 2048;

/// Above 2^16 times as many requests the bounds no longer hold.
const MAX_HALVINGS: u32 = 16;

/// The limit without a sample, in nanoseconds, of which every halving leaves
/// half: a region holds its entries eight times as long at full rate.
const LIMIT: u64 = NANOSECONDS_PER_SECOND / 8 * ENTRIES_PER_REGION / SAMPLED_PER_SECOND;
const NANOSECONDS_PER_SECOND: u64 = 1_000_000_000;

/// How often the sample was halved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sampling {
    halvings: u32,
}

impl Sampling {
    /// Every flow is in the sample, and counts.
    pub const EXACT: Self = Self { halvings: 0 };

    /// The sampling that a word of the map stands for.
    #[inline(always)]
    pub const fn from_word(word: u64) -> Self {
        // The mask leaves no shift that is too far.
        Self { halvings: (word & 31) as u32 }
    }

    /// The packed form; 0 is [`EXACT`](Self::EXACT).
    pub const fn to_word(self) -> u64 {
        self.halvings as u64
    }

    /// The part of all flows that is in the sample, from above 0 to 1.
    pub fn ratio(self) -> f64 {
        1.0 / (1_u64 << self.halvings) as f64
    }

    /// Up to which time handshakes are counted one by one, in nanoseconds.
    #[inline(always)]
    pub const fn limit(self) -> u64 {
        if self.halvings == 0 { u64::MAX } else { LIMIT.wrapping_shr(self.halvings) }
    }

    /// Whether a flow is in the sample.
    #[inline(always)]
    pub(super) fn holds(self, flow: Flow) -> bool {
        u64::from(flow.mark()).wrapping_shr(u32::BITS.wrapping_sub(self.halvings)) == 0
    }

    /// For how many a handshake of a flow counts, 0 if not at all.
    #[inline(always)]
    pub fn weight(self, flow: Flow, nanoseconds: u64) -> u64 {
        if nanoseconds <= self.limit() {
            1
        } else if self.holds(flow) {
            1_u64.wrapping_shl(self.halvings)
        } else {
            0
        }
    }

    /// The sampling for so many requests per second, when this one is in use: a
    /// smaller sample at once, a larger one when half of the requests that it may
    /// hold would fill it, so that it does not change back and forth.
    #[must_use]
    pub fn at_rate(self, requests_per_second: u64) -> Self {
        let needed = |rate: u64| {
            (0..MAX_HALVINGS)
                .find(|halvings| rate <= SAMPLED_PER_SECOND << halvings)
                .unwrap_or(MAX_HALVINGS)
        };
        let least = needed(requests_per_second);
        let calm = needed(requests_per_second.saturating_mul(2));
        Self { halvings: self.halvings.clamp(least, calm) }
    }
}

/// Chooses the sampling by the requests that were counted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sampler {
    sampling: Sampling,
    /// When requests were last looked at, and how many there were by then.
    last: Option<(Duration, u64)>,
}

/// Rates are taken over at least as long, just below the usual pace of once a
/// second: a burst is no flood.
const LEAST_SPAN: Duration = Duration::from_millis(900);

impl Sampler {
    /// The sampling in use.
    pub const fn sampling(&self) -> Sampling {
        self.sampling
    }

    /// The sampling from `at` on, when so many requests were counted in all.
    pub fn choose(&mut self, at: Duration, requests: u64) -> Sampling {
        let (then, before) = *self.last.get_or_insert((at, requests));
        let span = at.saturating_sub(then);
        if span >= LEAST_SPAN {
            self.last = Some((at, requests));
            let moved = u128::from(requests.wrapping_sub(before));
            let per_second = moved.wrapping_mul(1_000_000_000).checked_div(span.as_nanos());
            let rate = per_second.and_then(|rate| u64::try_from(rate).ok()).unwrap_or(u64::MAX);
            self.sampling = self.sampling.at_rate(rate);
        }
        self.sampling
    }
}

//! Histograms with fixed bounds.

/// Upper bounds of `netmon_packet_size_bytes`: the usual packet sizes and MTUs.
pub const PACKET_SIZE_BOUNDS: [u64; 10] = [64, 128, 256, 512, 1024, 1280, 1500, 4096, 9000, 65_535];

/// Upper bounds of `netmon_dns_message_bytes`: 512 is the classic UDP limit
/// (RFC 1035, section 4.2.1), 1232 the EDNS size of the DNS flag day 2020.
pub const DNS_SIZE_BOUNDS: [u64; 8] = [64, 128, 256, 512, 1232, 4096, 16_384, 65_535];

/// A histogram of `N` buckets (the last one without a bound) and the sum of
/// what was observed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Histogram<const N: usize> {
    /// Observations per bucket, not cumulated.
    pub buckets: [u64; N],
    /// Sum of all observed values.
    pub sum: u64,
}

impl<const N: usize> Histogram<N> {
    /// A histogram without observations.
    pub const EMPTY: Self = Self { buckets: [0; N], sum: 0 };

    /// Counts `times` observations of `value` without touching the sum, which
    /// callers keep where it is cheaper.
    #[inline(always)]
    pub fn count(&mut self, bounds: &[u64], value: u64, times: u64) {
        // Half of the bounds are ruled out at once: the largest packets, which
        // are the most, would otherwise be compared with nearly every bound.
        let first = |bounds: &[u64]| {
            bounds.iter().position(|bound| value <= *bound).unwrap_or(bounds.len())
        };
        let (low, high) = bounds.split_at(bounds.len() / 2);
        let index = match low.last() {
            Some(middle) if value > *middle => low.len().wrapping_add(first(high)),
            _ => first(low),
        };
        if let Some(bucket) = self.buckets.get_mut(index) {
            *bucket = bucket.wrapping_add(times);
        }
    }

    /// Counts one observation of `value`.
    #[inline(always)]
    pub fn observe(&mut self, bounds: &[u64], value: u64) {
        self.count(bounds, value, 1);
        self.sum = self.sum.wrapping_add(value);
    }

    /// How many values were observed.
    pub fn total(&self) -> u64 {
        self.buckets.iter().fold(0, |sum, bucket| sum.wrapping_add(*bucket))
    }
}

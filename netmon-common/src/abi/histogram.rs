//! Histograms with fixed bounds.

/// Upper bounds of `netmon_packet_size_bytes`: the usual packet sizes and MTUs.
pub const PACKET_SIZE_BOUNDS: [u64; 10] = [64, 128, 256, 512, 1024, 1280, 1500, 4096, 9000, 65_535];

/// Upper bounds of `netmon_dns_message_bytes`: 512 is the classic UDP limit
/// (RFC 1035, section 4.2.1), 1232 the EDNS size of the DNS flag day 2020.
pub const DNS_SIZE_BOUNDS: [u64; 8] = [64, 128, 256, 512, 1232, 4096, 16_384, 65_535];

/// One microsecond, in the unit of all times here: nanoseconds.
const MICROSECOND: u64 = 1_000;
const MILLISECOND: u64 = 1_000 * MICROSECOND;
const SECOND: u64 = 1_000 * MILLISECOND;

/// Upper bounds of `netmon_tcp_handshake_seconds`, in nanoseconds. From 1 s on,
/// the times at which Linux sends a SYN again: whoever is above one of them lost
/// that many. Below, what tells networks apart: two bounds per decade up to 10 ms
/// (one host, one rack, one town) and two more from there to 0.5 s, where the
/// distances between continents lie. Finer steps are in the native buckets.
pub const HANDSHAKE_BOUNDS: [u64; 18] = [
    100 * MICROSECOND,
    500 * MICROSECOND,
    MILLISECOND,
    5 * MILLISECOND,
    10 * MILLISECOND,
    25 * MILLISECOND,
    50 * MILLISECOND,
    100 * MILLISECOND,
    250 * MILLISECOND,
    500 * MILLISECOND,
    SECOND,
    2 * SECOND,
    3 * SECOND,
    4 * SECOND,
    5 * SECOND,
    7 * SECOND,
    11 * SECOND,
    19 * SECOND,
];

/// Upper bounds of `netmon_dns_lookup_seconds`, in nanoseconds: a cache on this host
/// answers below a millisecond, one in the same building within a few, the rest of the
/// world within half a second; and what a resolver waits before it asks again.
pub const LOOKUP_BOUNDS: [u64; 16] = [
    100 * MICROSECOND,
    250 * MICROSECOND,
    500 * MICROSECOND,
    MILLISECOND,
    2_500 * MICROSECOND,
    5 * MILLISECOND,
    10 * MILLISECOND,
    25 * MILLISECOND,
    50 * MILLISECOND,
    100 * MILLISECOND,
    250 * MILLISECOND,
    500 * MILLISECOND,
    SECOND,
    2_500 * MILLISECOND,
    5 * SECOND,
    10 * SECOND,
];

/// Upper bounds of `netmon_tcp_rtt_seconds` and `netmon_tcp_rtt_variation_seconds`,
/// in nanoseconds.
pub const RTT_BOUNDS: [u64; 14] = [
    100 * MICROSECOND,
    250 * MICROSECOND,
    500 * MICROSECOND,
    MILLISECOND,
    2_500 * MICROSECOND,
    5 * MILLISECOND,
    10 * MILLISECOND,
    25 * MILLISECOND,
    50 * MILLISECOND,
    100 * MILLISECOND,
    250 * MILLISECOND,
    500 * MILLISECOND,
    SECOND,
    2_500 * MILLISECOND,
];

/// Upper bounds of `netmon_tcp_connection_duration_seconds`, in nanoseconds: short
/// ones by decades, then the usual time-outs of servers and balancers.
pub const DURATION_BOUNDS: [u64; 16] = [
    MILLISECOND,
    10 * MILLISECOND,
    100 * MILLISECOND,
    SECOND,
    5 * SECOND,
    10 * SECOND,
    15 * SECOND,
    30 * SECOND,
    60 * SECOND,
    75 * SECOND,
    90 * SECOND,
    120 * SECOND,
    300 * SECOND,
    900 * SECOND,
    3_600 * SECOND,
    14_400 * SECOND,
];

/// Upper bounds of `netmon_tcp_connection_bytes`: 1, 10 and 100 KiB, MiB, GiB.
pub const CONNECTION_BYTES_BOUNDS: [u64; 8] =
    [1 << 10, 10 << 10, 100 << 10, 1 << 20, 10 << 20, 100 << 20, 1 << 30, 10 << 30];

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

    /// All that is counted, in layout order.
    pub fn words(&self) -> impl Iterator<Item = &u64> {
        self.buckets.iter().chain([&self.sum])
    }

    /// The same, to be written.
    pub fn words_mut(&mut self) -> impl Iterator<Item = &mut u64> {
        self.buckets.iter_mut().chain([&mut self.sum])
    }

    /// How many values were observed.
    pub fn total(&self) -> u64 {
        self.buckets.iter().fold(0, |sum, bucket| sum.wrapping_add(*bucket))
    }
}

//! The buckets of Prometheus native histograms, for times.
//!
//! Schema 2: four buckets per power of two, each one wider than the one below it
//! by the fourth root of two. A bucket holds what is above its lower bound and
//! not above its upper bound. Invariant: integers only, because this runs in the
//! kernel, and yet every bound is exact to the nanosecond.

/// Buckets per power of two are two to the power of the schema.
pub const SCHEMA: i32 = 2;

/// Longest time that counts as zero, in seconds: 2^-20, about a microsecond.
pub const ZERO_THRESHOLD: f64 = 0.000_000_953_674_316_406_25;

/// What Prometheus calls the bucket behind the one for zero: its upper bound is
/// 2^(-79/4) seconds.
pub const FIRST_INDEX: i32 = -79;

/// Buckets in all: one for what counts as zero, then up to 2^6 = 64 seconds. The
/// last one also holds what is longer.
pub const NATIVE_BUCKETS: usize = 1 + PER_OCTAVE * OCTAVES;

const PER_OCTAVE: usize = 1 << SCHEMA;
/// From 2^-20 to 2^6 seconds.
const OCTAVES: usize = 26;

/// The bounds of the highest octave in nanoseconds: 32 s times 2^(1/4) to
/// 2^(4/4), rounded down. Halving and rounding down gives every other octave.
const HIGHEST: [u64; PER_OCTAVE] = [38_054_627_680, 45_254_833_995, 53_817_370_576, 64_000_000_000];

/// Upper bounds in nanoseconds, rounded down, of all buckets but the last one.
static BOUNDS: [u64; SEARCHED] = bounds();

const SEARCHED: usize = NATIVE_BUCKETS - 1;

const NEVER: u64 = u64::MAX / 2;

#[expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "calculated by the compiler, which would refuse"
)]
const fn bounds() -> [u64; SEARCHED] {
    let mut bounds = [NEVER; SEARCHED];
    bounds[0] = HIGHEST[PER_OCTAVE - 1] >> OCTAVES;
    let mut at = 1;
    while at < SEARCHED {
        let (octave, step) = ((at - 1) / PER_OCTAVE, (at - 1) % PER_OCTAVE);
        bounds[at] = HIGHEST[step] >> (OCTAVES - 1 - octave);
        at += 1;
    }
    bounds
}

/// The bucket of a time, below [`NATIVE_BUCKETS`].
///
/// A binary search without a branch: where it goes next is calculated, so that
/// the verifier has one path to walk and the processor has nothing to guess. Each
/// step is half of what is left. They are not powers of two, because the compiler
/// would then put bits together instead of adding, of which the verifier of
/// Linux 6.1 learns nothing.
#[inline(always)]
pub fn native_index(nanoseconds: u64) -> usize {
    let wanted = nanoseconds.min(HIGHEST[PER_OCTAVE - 1]);
    let at = narrow(0, wanted, 52);
    let at = narrow(at, wanted, 26);
    let at = narrow(at, wanted, 13);
    let at = narrow(at, wanted, 6);
    let at = narrow(at, wanted, 3);
    let at = narrow(at, wanted, 2);
    let at = narrow(at, wanted, 1);
    narrow(at, wanted, 1)
}

const _: () = assert!(SEARCHED == 52 + 26 + 13 + 6 + 3 + 2 + 1 + 1);

/// Moves on by `step` buckets if `wanted` is above all of those.
#[inline(always)]
fn narrow(at: usize, wanted: u64, step: usize) -> usize {
    let last = at.wrapping_add(step).wrapping_sub(1);
    let bound = BOUNDS.get(last).copied().unwrap_or(NEVER);
    // All of them are below 2^63: the sign of the difference is the answer.
    let above = bound.wrapping_sub(wanted) >> (u64::BITS - 1);
    at.wrapping_add(step.wrapping_mul(above as usize))
}

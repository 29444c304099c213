//! How many different things a sketch stands for: what needs floating point, and so is not
//! done in the kernel.

/// From the registers of a [`HyperLogLog`](netmon_common::sketch::HyperLogLog), each at most
/// `most`, how many different things it saw.
///
/// The improved raw estimator of Ertl (New cardinality estimation algorithms for
/// HyperLogLog sketches, 2017, algorithm 6), which needs no tables and no special case for
/// few or for very many: off by 1.04/sqrt(m) in one case of three for m registers.
pub fn distinct(registers: &[u8], most: u8) -> f64 {
    let most = usize::from(most);
    let mut multiplicities = vec![0.0_f64; most + 1];
    for register in registers {
        multiplicities[usize::from(*register).min(most)] += 1.0;
    }
    let m = registers.len() as f64;
    let mut sum = m * tau(1.0 - multiplicities[most] / m);
    for count in multiplicities[1..most].iter().rev() {
        sum = 0.5 * (sum + count);
    }
    sum += m * sigma(multiplicities[0] / m);
    m * m / (2.0 * std::f64::consts::LN_2 * sum)
}

/// From how many of its bits are set, how many different things a
/// [`Marks`](netmon_common::sketch::Marks) saw; where all are, as many as it can tell.
pub fn marked(bits: u32, ones: u32) -> f64 {
    let (bits, zeros) = (f64::from(bits), f64::from(bits.saturating_sub(ones).max(1)));
    bits * (bits / zeros).ln()
}

/// The nearest whole number.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "such a cast saturates, and no estimate is negative"
)]
pub fn whole(number: f64) -> u64 {
    number.round() as u64
}

fn sigma(mut x: f64) -> f64 {
    if x >= 1.0 {
        // Nothing was seen.
        return f64::INFINITY;
    }
    let (mut power, mut sum) = (1.0, x);
    loop {
        x *= x;
        let before = sum;
        sum += x * power;
        power += power;
        // It converges from below, and stays where more bits would be needed.
        if sum <= before {
            return sum;
        }
    }
}

fn tau(mut x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return 0.0;
    }
    let (mut power, mut rest) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = rest;
        power *= 0.5;
        rest -= (1.0 - x).powi(2) * power;
        if rest >= before {
            return rest / 3.0;
        }
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "of nothing, and of everything, the estimate is exact")]
mod tests {
    use netmon_common::sketch::{HyperLogLog, Marks};

    use super::*;

    /// A number of which every bit depends on every bit of another (Steele, Lea, Flood:
    /// Fast splittable pseudorandom number generators, 2014).
    fn mix(number: u64) -> u64 {
        let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        number ^ number >> 31
    }

    /// The root of the mean of squared relative errors of many sketches of `n` things.
    fn error(n: u64, estimate: impl Fn(&mut dyn Iterator<Item = u64>) -> f64) -> f64 {
        const SKETCHES: u64 = 60;
        let square = |seed: u64| {
            let estimated = estimate(&mut (0..n).map(|thing| mix(mix(seed) ^ thing)));
            (estimated / n as f64 - 1.0).powi(2)
        };
        ((0..SKETCHES).map(square).sum::<f64>() / SKETCHES as f64).sqrt()
    }

    #[test]
    fn distinct_things_are_estimated_as_well_as_their_author_says() {
        let of_1024 = |things: &mut dyn Iterator<Item = u64>| {
            let mut sketch = HyperLogLog::<1024>::EMPTY;
            things.for_each(|hash| sketch.observe(hash));
            distinct(sketch.registers(), HyperLogLog::<1024>::MOST)
        };
        assert_eq!(of_1024(&mut std::iter::empty()), 0.0);
        // 1.04 / sqrt(1024), and a quarter more for the few sketches of this test.
        for n in [1, 10, 100, 1000, 5000, 100_000] {
            let error = error(n, of_1024);
            assert!(error <= 1.25 * 1.04 / 32.0, "{n} things: off by {error}");
        }
    }

    #[test]
    fn registers_that_are_full_are_very_many_things() {
        let full = [HyperLogLog::<1024>::MOST; 1024];
        assert_eq!(distinct(&full, HyperLogLog::<1024>::MOST), f64::INFINITY);
    }

    #[test]
    fn hundreds_of_things_are_estimated_from_their_marks() {
        let of_1024 = |things: &mut dyn Iterator<Item = u64>| {
            let mut marks = Marks::<16>::EMPTY;
            things.for_each(|hash| {
                marks.observe(hash);
            });
            marked(Marks::<16>::BITS, marks.ones())
        };
        assert_eq!(of_1024(&mut std::iter::empty()), 0.0);
        // Whang et al., equation 12: sqrt(m (e^t - t - 1)) / n for a load of t = n / m.
        for n in [10, 100, 500, 1000, 2000] {
            let load = n as f64 / 1024.0;
            let expected = (1024.0 * (load.exp() - load - 1.0)).sqrt() / n as f64;
            let error = error(n, of_1024);
            assert!(error <= 1.3 * expected.max(0.004), "{n} things: off by {error}");
        }
        assert_eq!(marked(256, 256), marked(256, 255), "all bits are set");
    }
}

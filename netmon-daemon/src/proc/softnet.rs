//! From the 32-bit counters of each CPU to totals that never fall.
//!
//! A CPU that takes a million packets a second wraps its counter every 72
//! minutes, and one that is switched off vanishes from the file; a plain sum
//! would fall at both.
//!
//! Invariant: a total never falls.

/// The line of a CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cpu {
    /// Its number.
    pub(super) number: usize,
    /// Packets processed, packets dropped, times squeezed.
    pub(super) cells: [u64; 3],
}

/// The totals over all CPUs that were ever seen.
#[derive(Clone, Debug, Default)]
pub(super) struct Softnet {
    /// What each CPU showed last, by its number.
    last: Vec<[u64; 3]>,
    totals: [u64; 3],
}

/// More CPUs than a kernel can be built for.
const MAX_CPUS: usize = 1 << 14;

impl Softnet {
    /// Adds what the CPUs counted since they were seen last, and gives the
    /// totals. None, and nothing is added, when there is no CPU or one with an
    /// impossible number.
    pub(super) fn take(&mut self, cpus: &[Cpu]) -> Option<[u64; 3]> {
        let most = cpus.iter().map(|cpu| cpu.number).max().filter(|most| *most < MAX_CPUS)?;
        if self.last.len() <= most {
            self.last.resize(most + 1, [0; 3]);
        }
        for cpu in cpus {
            let last = self.last.get_mut(cpu.number).into_iter().flatten();
            for ((total, last), now) in self.totals.iter_mut().zip(last).zip(cpu.cells) {
                *total = total.wrapping_add(increase(now, *last));
                *last = now;
            }
        }
        Some(self.totals)
    }
}

/// How far a counter of 32 bits moved. One that was beyond them is wider than
/// today's kernels have it, and was reset.
fn increase(now: u64, last: u64) -> u64 {
    match now.checked_sub(last) {
        Some(increase) => increase,
        None if u32::try_from(last).is_ok() => now + (1 << u32::BITS) - last,
        None => now,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: u64 = u32::MAX as u64;

    #[test]
    fn totals_never_fall() {
        let cpu = |number, processed| Cpu { number, cells: [processed, 1, 0] };
        // The lines of one reading, and the total of processed packets after it.
        let readings: [(&str, &[Cpu], Option<u64>); 9] = [
            ("the first", &[cpu(0, 10), cpu(1, MAX - 4)], Some(MAX + 6)),
            ("nothing moved", &[cpu(0, 10), cpu(1, MAX - 4)], Some(MAX + 6)),
            ("one wraps", &[cpu(0, 11), cpu(1, 5)], Some(MAX + 17)),
            ("one is switched off", &[cpu(0, 12)], Some(MAX + 18)),
            ("nothing was read", &[], None),
            ("impossible", &[cpu(usize::MAX, 1)], None),
            ("it is back", &[cpu(0, 12), cpu(1, 6)], Some(MAX + 19)),
            ("a new one", &[cpu(0, 12), cpu(1, 6), cpu(7, 100)], Some(MAX + 119)),
            ("wider", &[cpu(0, 1 << 40)], Some(MAX + 119 + (1 << 40) - 12)),
        ];
        let mut softnet = Softnet::default();
        for (name, cpus, expected) in readings {
            let totals = softnet.take(cpus);
            assert_eq!(totals.map(|totals| totals[0]), expected, "{name}");
        }
        assert_eq!(softnet.take(&[cpu(0, 7)]), Some([MAX + 119 + (1 << 40) - 12 + 7, 3, 0]));
    }
}

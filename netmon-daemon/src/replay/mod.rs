//! Replay: what netmon would have said of traffic that is past.
//!
//! The same rates, detectors and hysteresis as live, in packet time. Pure but
//! for the source; how a report looks is for the command line to say.

pub mod counters;
pub mod report;

use std::collections::BTreeMap;

use crate::{
    rates::Rates,
    redflag::{Board, RedFlag},
    signal::Signal,
    snapshot::Snapshot,
    source::Source,
};

/// Red flags of one source that are kept. Whoever makes a capture can make flags by the
/// thousand.
pub const MOST_FLAGS: usize = 1000;

/// What was counted in the end, and every flag that was raised on the way, at
/// its worst, in the order in which they were first raised.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The last snapshot.
    pub total: Snapshot,
    /// The first [`MOST_FLAGS`] of them.
    pub red_flags: Vec<RedFlag>,
    /// How many more there were.
    pub more_red_flags: u64,
}

/// Judges a source from its first snapshot to its last. Everything that a
/// recorded source shows is trusted: there is nothing to contradict it.
///
/// # Errors
///
/// When the source fails.
pub fn run<S: Source>(source: &mut S, board: &mut Board) -> Result<Outcome, S::Error> {
    let mut rates = Rates::default();
    let mut total = Snapshot::empty(std::time::Duration::ZERO);
    let mut worst = Worst::default();
    while let Some(snapshot) = source.snapshot()? {
        rates.push(&snapshot);
        board.set_wall_clock(source.wall_clock());
        for transition in board.judge(&rates, |signal, _| {
            signal == Signal::Packets || snapshot.sources.of(signal).is_some()
        }) {
            worst.keep(transition.into_flag());
        }
        total = snapshot;
    }
    for flag in board.all_flags() {
        worst.keep(flag.clone());
    }
    let more_red_flags = worst.last.saturating_sub(worst.flags.len() as u64);
    Ok(Outcome { total, red_flags: worst.flags.into_values().collect(), more_red_flags })
}

/// Flags by their numbers, which are given from 1 on: each at its worst.
#[derive(Default)]
struct Worst {
    flags: BTreeMap<u64, RedFlag>,
    /// The highest number.
    last: u64,
}

impl Worst {
    /// A flag that came back may be milder than it was: its worst hour counts, and the
    /// time when it was last seen.
    fn keep(&mut self, flag: RedFlag) {
        let badness = |flag: &RedFlag| (flag.severity, flag.statistic);
        self.last = self.last.max(flag.id);
        let has_room = self.flags.len() < MOST_FLAGS;
        match self.flags.get_mut(&flag.id) {
            Some(known) if badness(known) > badness(&flag) => {
                known.last_seen = known.last_seen.max(flag.last_seen);
            }
            Some(known) => *known = flag,
            None if has_room => {
                self.flags.insert(flag.id, flag);
            }
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn flags_are_kept_at_their_worst_and_not_without_end() {
        let flag = |id, statistic, seen| RedFlag {
            id,
            statistic,
            last_seen: Duration::from_secs(seen),
            ..RedFlag::EMPTY
        };
        let mut worst = Worst::default();
        for (statistic, seen) in [(3.0, 1), (5.0, 2), (4.0, 3)] {
            worst.keep(flag(1, statistic, seen));
        }
        assert_eq!(worst.flags[&1], flag(1, 5.0, 3));
        for id in 2..=5000 {
            worst.keep(flag(id, 1.0, 9));
        }
        worst.keep(flag(1, 6.0, 9));
        assert_eq!((worst.flags.len(), worst.last), (MOST_FLAGS, 5000));
        assert_eq!(worst.flags[&1], flag(1, 6.0, 9));
    }
}

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

/// What was counted in the end, and every flag that was raised on the way, at
/// its worst, in the order in which they were first raised.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The last snapshot.
    pub total: Snapshot,
    /// The flags.
    pub red_flags: Vec<RedFlag>,
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
    let mut worst = BTreeMap::new();
    while let Some(snapshot) = source.snapshot()? {
        rates.push(&snapshot);
        board.set_wall_clock(source.wall_clock());
        for transition in board.judge(&rates, |signal, _| {
            signal == Signal::Packets || snapshot.sources.of(signal).is_some()
        }) {
            keep_worst(&mut worst, transition.into_flag());
        }
        total = snapshot;
    }
    for flag in board.all_flags() {
        keep_worst(&mut worst, flag.clone());
    }
    Ok(Outcome { total, red_flags: worst.into_values().collect() })
}

/// A flag that came back may be milder than it was: its worst hour counts, and the time
/// when it was last seen.
fn keep_worst(worst: &mut BTreeMap<u64, RedFlag>, flag: RedFlag) {
    let badness = |flag: &RedFlag| (flag.severity, flag.statistic);
    match worst.get_mut(&flag.id) {
        Some(known) if badness(known) > badness(&flag) => {
            known.last_seen = known.last_seen.max(flag.last_seen);
        }
        _ => {
            worst.insert(flag.id, flag);
        }
    }
}

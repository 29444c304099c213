//! What the tests of all detectors share: a host whose seconds are data.

use std::time::Duration;

use super::{Severity, Watch, named};
use crate::{
    redflag::Board,
    replay,
    snapshot::{Snapshot, Traffic, Vantage},
    source::scripted::Scripted,
};

/// The worst severity that a detector raises over a script, which says for how
/// many seconds what happens in each. The judgement must be the same wherever
/// the traffic is seen; on loopback, where all that is sent is received as well,
/// it is not the same traffic.
pub(super) fn worst<W: Watch>(
    watch: impl Fn() -> W,
    script: &[(u64, Traffic)],
) -> Option<Severity> {
    let verdicts = [Vantage::Boundary, Vantage::Internal].map(|vantage| {
        let mut snapshots = vec![Snapshot::empty(Duration::ZERO)];
        let seconds = script.iter().flat_map(|(seconds, moved)| (0..*seconds).map(move |_| moved));
        for moved in seconds {
            let mut next = snapshots[snapshots.len() - 1].clone();
            next.at += Duration::from_secs(1);
            next.vantages.of_mut(vantage).add(moved);
            snapshots.push(next);
        }
        let mut board = Board::new(vec![named("trial", watch())]);
        let Ok(outcome) = replay::run(&mut Scripted::new(snapshots), &mut board);
        assert!(outcome.red_flags.iter().all(|flag| flag.vantage == vantage));
        outcome.red_flags.iter().map(|flag| flag.severity).max()
    });
    assert!(verdicts.iter().all(|verdict| *verdict == verdicts[0]), "{verdicts:?}");
    verdicts[0]
}

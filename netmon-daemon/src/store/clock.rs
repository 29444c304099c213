//! The clock of the memory: seconds that go on from one run of the daemon to the next.
//!
//! Pure. Within a run it is the monotonic clock, so a wall clock that is set does nothing.
//! Between two runs the wall clock says how much time passed, if it can be believed.
//! Invariant: it never goes back, and no gap is longer than [`MAX_GAP`].

use std::time::Duration;

/// The longest time, in seconds, that may have passed since the memory was written: a
/// week. What was learned counts for two weeks, so after a wall clock that was years ahead
/// there is still something left of it.
pub const MAX_GAP: u64 = 7 * 86_400;

/// When the memory was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Times {
    /// By the wall clock, in seconds since 1970.
    pub(super) wall: u64,
    /// By the clock of the memory, in seconds.
    pub(super) memory: u64,
}

/// A clock at work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Clock {
    began: u64,
}

impl Clock {
    /// The clock of a run that begins at `wall` and remembers what was written then; one
    /// that remembers nothing begins with the wall clock.
    pub(super) fn resume(written: Option<Times>, wall: u64) -> Self {
        let began = written.map_or(wall, |written| {
            let passed = wall.saturating_sub(written.wall).min(MAX_GAP);
            written.memory.saturating_add(passed)
        });
        Self { began }
    }

    /// What it shows, `at` in time of the source.
    pub(super) const fn at(self, at: Duration) -> u64 {
        self.began.saturating_add(at.as_secs())
    }

    /// What stands beside something that is written now.
    pub(super) const fn times(self, at: Duration, wall: u64) -> Times {
        Times { wall, memory: self.at(at) }
    }
}

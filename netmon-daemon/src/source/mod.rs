//! Where snapshots come from: the kernel, capture files, or a script.

pub mod capture;
pub mod scripted;

use std::time::Duration;

use crate::snapshot::Snapshot;

/// Something that counts packets and can be asked for the counts.
pub trait Source {
    /// What can go wrong.
    type Error;

    /// Everything counted up to now, or `None` when the source has ended.
    ///
    /// A live source answers with the present; a capture advances by one tick
    /// of packet time.
    ///
    /// # Errors
    ///
    /// When the counters cannot be read.
    fn snapshot(&mut self) -> Result<Option<Snapshot>, Self::Error>;

    /// What the wall clock showed at the last snapshot, in time since 1970, where the
    /// source knows. It can jump, and nothing is measured by it.
    fn wall_clock(&self) -> Option<Duration> {
        None
    }
}

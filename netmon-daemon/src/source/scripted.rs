//! A source that yields given snapshots, for tests of all that comes after.

use std::{convert::Infallible, vec};

use super::Source;
use crate::snapshot::Snapshot;

/// Snapshots in the order in which they were given.
#[derive(Debug)]
pub struct Scripted(vec::IntoIter<Snapshot>);

impl Scripted {
    /// A source of these snapshots.
    pub fn new(snapshots: Vec<Snapshot>) -> Self {
        Self(snapshots.into_iter())
    }
}

impl Source for Scripted {
    type Error = Infallible;

    fn snapshot(&mut self) -> Result<Option<Snapshot>, Infallible> {
        Ok(self.0.next())
    }
}

//! What connections say at one moment, for detectors to judge. Immutable and small.

/// What connections say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Connections that ended, since the start.
    pub closed: u64,
    /// Attempts that failed, since the start.
    pub failed: u64,
    /// Rows that had to go although they still mattered, by table.
    pub evicted: Vec<(&'static str, u64)>,
}

impl Report {
    /// The control groups of which it speaks, for their names to be looked up; 0 where one
    /// is not known.
    pub fn workloads(&self) -> impl Iterator<Item = u64> {
        std::iter::empty()
    }
}

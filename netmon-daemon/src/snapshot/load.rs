//! How much of its line a device uses, at a finer pace than the snapshots.

/// How far a device is loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// What its line carries at most, in bytes per second and direction; none where that
    /// is not known, or where what the driver says bounds nothing.
    pub limit: Option<u64>,
    /// The highest window of 100 ms since the snapshot before, in bytes per second,
    /// received and sent; none where nothing was sampled.
    pub peak: Option<[u64; 2]>,
    /// Windows of 100 ms in which the line was full, received and sent, since the device
    /// is watched.
    pub full: [u64; 2],
}

//! What the kernel counted by itself, right before and right after netmon's own
//! counters were read: the truth lies between the two.

use std::collections::BTreeMap;

use crate::{links::Stats, proc::Counters};

/// Independent counters at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reference {
    /// What the drivers of the devices counted, by index of the device.
    pub devices: BTreeMap<u32, Stats>,
    /// What the kernel counted of this network namespace.
    pub counters: Counters,
}

/// The same before and after a snapshot was taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct References {
    /// Read before the first counter of the snapshot.
    pub before: Reference,
    /// Read after the last one.
    pub after: Reference,
}

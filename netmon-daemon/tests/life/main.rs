//! The life of the daemon, end to end: the real binary in network namespaces
//! that the tests make, from a start that fails to a kill that cannot be caught.
//!
//! Must not rely on being alone on the machine: other daemons may run, so what
//! belongs to the one under test is found through its own descriptors.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::float_cmp,
    reason = "a test may fail, and compares whole numbers"
)]

mod daemon;
#[path = "../support/deadline.rs"]
mod deadline;
mod doctor;
mod endurance;
mod flags;
mod foreign;
mod frames;
mod kill;
mod lost;
mod names;
#[path = "../support/netns.rs"]
mod netns;
mod notify;
mod objects;
mod reload;
mod start;
mod state;

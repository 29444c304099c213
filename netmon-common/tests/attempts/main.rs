//! Attempts to connect: who is found, and whom a flood does not hide.

#![expect(clippy::unwrap_used, reason = "tests")]

mod flood;
#[expect(dead_code, reason = "a library of frames, of which some are needed here")]
#[path = "../seed/frame.rs"]
mod frame;
mod ledger;
mod rules;
mod vectors;

//! Handshakes of others: flows, the table, and what of it counts under a flood.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::float_cmp,
    clippy::unwrap_used,
    reason = "tests"
)]

mod flood;
mod flow;
#[expect(dead_code, reason = "a library of frames, of which some are needed here")]
#[path = "../seed/frame.rs"]
mod frame;
mod sampling;
mod table;

use netmon_common::handshake::Keys;

/// Keys as good as random ones.
fn keys(seed: u64) -> Keys {
    std::array::from_fn(|at| mix(seed ^ mix(at as u64)))
}

/// A number of which every bit depends on every bit of another (Steele, Lea, Flood:
/// Fast splittable pseudorandom number generators, 2014).
fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}

//! Lookups of DNS from frame to counter: sets of open ones, those that run out of time,
//! messages over UDP, messages in TCP streams, and the layout of what is counted.

#![expect(clippy::cast_possible_truncation, clippy::panic, clippy::unwrap_used, reason = "tests")]

#[expect(dead_code, reason = "books for all tests, of which some is not needed here")]
#[path = "../books/mod.rs"]
mod books;
mod conversation;
mod datagram;
#[expect(dead_code, reason = "a library of frames, of which some are needed here")]
#[path = "../seed/frame.rs"]
mod frame;
mod gaps;
mod layout;
mod matching;
mod said;
mod segments;
mod sets;
mod sightings;
mod timeouts;

use books::{Ledger, Seen};
use netmon_common::{
    abi::{labels::Direction, slot::BOUNDARY},
    dns::{Keys, Sighting},
};

const SECOND: u64 = 1_000_000_000;

/// The unit of times in sets.
const UNIT: u64 = 1024;

/// As most frames here are seen.
const OUT: Seen =
    Seen { direction: Direction::Egress, vantage: BOUNDARY, sighting: Sighting::FIRST, times: 1 };

/// The other direction.
const IN: Seen = Seen { direction: Direction::Ingress, ..OUT };

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

fn ledger() -> Ledger {
    Ledger::new(keys(1))
}

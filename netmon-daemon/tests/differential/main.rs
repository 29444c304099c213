//! One parser, two compilers: the programs in the kernel and the same code in
//! user space must count every frame alike, to the last counter.
//!
//! Frames that a trial run of the kernel takes go through `trial`; those that it
//! refuses, and buffers whose headers are not linear, go over a real device in
//! `device`.

#![expect(
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test may fail, and says what it did"
)]

mod attempts;
#[path = "../../../netmon-common/tests/books/mod.rs"]
mod books;
mod captures;
#[expect(dead_code, reason = "streams for all tests, of which some is not needed here")]
#[path = "../../../netmon-common/tests/lookups/conversation.rs"]
mod conversation;
mod conversations;
mod device;
#[expect(dead_code, reason = "volumes are made here from what the kernel is told")]
#[path = "../../../netmon-common/tests/packet/generate.rs"]
mod generate;
#[expect(dead_code, reason = "a ledger for all tests, of which some is not needed here")]
#[path = "../../../netmon-common/tests/attempts/ledger.rs"]
mod ledger;
mod lookups;
#[path = "../../../netmon-common/tests/seed/message.rs"]
mod message;
#[path = "../support/netns.rs"]
mod netns;
mod programs;
mod ring;
#[path = "../../../netmon-common/tests/lookups/said.rs"]
mod said;
#[path = "../../../netmon-common/tests/seed/mod.rs"]
mod seed;
mod trial;

use seed::frame;

use netmon_common::packet::Link;

/// Every truncation of every seed: name, link type and bytes.
fn truncations() -> impl Iterator<Item = (String, Link, Vec<u8>)> {
    seed::all().into_iter().flat_map(|seed| {
        (0..=seed.bytes.len()).map(move |len| {
            let name = format!("{} cut to {len} of {}", seed.name, seed.bytes.len());
            (name, seed.link, seed.bytes[..len].to_vec())
        })
    })
}

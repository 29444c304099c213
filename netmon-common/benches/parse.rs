//! Nanoseconds per frame of parser and counting rules on the host, by kind of
//! frame: `cargo bench -p netmon-common`. The cost in the kernel is measured by
//! `make bench`; this shows at once what a change to the parser does.

#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]

#[path = "../tests/seed/mod.rs"]
mod seed;

use std::{hint::black_box, time::Instant};

use netmon_common::{
    abi::tally::Tally,
    account::{Volume, account},
    packet::{Remote, parse},
};

/// Frames per round; the fastest round counts.
const FRAMES: u32 = 20_000;
const ROUNDS: u32 = 25;

const KINDS: [&str; 12] = [
    "ipv4_tcp_data",
    "ipv6_tcp_data",
    "ipv4_tcp_flags_02",
    "ipv6_tcp_flags_02",
    "ipv4_dns_query",
    "ipv6_dns_response_0",
    "ipv4_udp",
    "ipv4_options",
    "ipv4_fragment_later",
    "ipv6_chain_8",
    "tags_8100_4",
    "arp",
];

fn main() {
    println!("{:<24}{:>10}", "frame", "ns");
    for seed in seed::all().iter().filter(|seed| KINDS.contains(&seed.name.as_str())) {
        let volume = Volume::packet(seed.bytes.len() as u64);
        let mut tally = Tally::ZERO;
        let round = |_| {
            let start = Instant::now();
            for _ in 0..FRAMES {
                let frame = black_box(seed.bytes.as_slice());
                account(&mut tally, parse(frame, seed.link, Remote::Source), black_box(&volume));
            }
            start.elapsed()
        };
        let best = (0..ROUNDS).map(round).min().unwrap_or_default();
        black_box(&tally);
        println!("{:<24}{:>10.1}", seed.name, best.as_secs_f64() * 1e9 / f64::from(FRAMES));
    }
}

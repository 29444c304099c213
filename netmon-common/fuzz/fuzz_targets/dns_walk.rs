//! Any bytes as a DNS message: the walker must not panic, must end, and what it says
//! must fit together. No second reader slows this target down.

#![no_main]

#[path = "../../tests/input/mod.rs"]
mod input;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| input::check("dns_walk", bytes));

//! Any bytes as a DNS message over UDP: its header must be read without panic
//! and counted as the oracle of the tests says.

#![no_main]

#[path = "../../tests/input/mod.rs"]
mod input;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| input::check("dns", bytes));

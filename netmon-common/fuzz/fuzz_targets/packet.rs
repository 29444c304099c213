//! Any bytes as a frame of any link type: parser and counting rules must agree
//! with the oracle of the tests on every counter, and must not panic.

#![no_main]

#[path = "../../tests/input/mod.rs"]
mod input;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| input::check("packet", bytes));

//! Any bytes as a DNS message: the walker must say what two other readers say, the
//! plain one of the tests and hickory-proto, a library of someone else.

#![no_main]

#[path = "../hickory/mod.rs"]
mod hickory;
#[path = "../../tests/input/mod.rs"]
mod input;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    input::check("dns_message", bytes);
    hickory::check(bytes);
});

//! The `netmon` binary.

fn main() {}

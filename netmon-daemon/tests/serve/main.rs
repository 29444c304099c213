//! Metrics and HTTP, through their public interfaces.

#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

mod text;
mod views;

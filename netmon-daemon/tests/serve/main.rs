//! Metrics and HTTP, through their public interfaces.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::float_cmp,
    reason = "tests"
)]

mod bounds;
mod browser;
mod client;
mod devices;
mod dns;
mod drops;
mod endpoints;
mod exposition;
mod families;
mod formats;
mod habits;
mod hostile;
mod native;
mod text;
mod views;

//! The heart of netmon: one parser, one set of counting rules and one memory
//! layout, compiled for the kernel (`bpfel-unknown-none`) and for the host.
//!
//! Invariants: `no_std`, no allocation, no panic, no `unsafe`, and no knowledge
//! of aya, tokio or serde. Whatever runs here must pass the eBPF verifier, so
//! every loop has a constant bound and every read is checked.

#![no_std]
#![forbid(unsafe_code)]
#![deny(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

pub mod abi;
pub mod account;
pub mod attempts;
pub mod bytes;
pub mod dns;
pub mod handshake;
pub mod packet;
pub mod reject;
pub mod scope;
pub mod sketch;
pub mod wire;

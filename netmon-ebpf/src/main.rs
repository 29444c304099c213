//! The eBPF programs of netmon.
//!
//! They count. They hold no threshold, no text and no decision, and they never
//! touch a packet: every TC path returns `TC_ACT_UNSPEC` (`TCX_NEXT`), so that
//! whatever comes after netmon sees exactly what it would have seen without.
//! Entry points are shells of at most five lines; what is counted, and how, is
//! in netmon-common.

#![no_std]
#![no_main]
#![expect(
    clippy::needless_pass_by_value,
    reason = "the macros of aya hand an entry point its context by value"
)]
// Inline assembly for BPF targets, of which `skb` needs one empty line.
#![feature(asm_experimental_arch)]

mod attempts;
mod books;
mod debug;
mod device;
mod dns;
mod ending;
mod handover;
mod handshake;
mod hooks;
mod kernel;
mod maps;
mod names;
mod object;
mod record;
mod retried;
mod scope;
mod services;
mod skb;
mod sock;

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

mod debug;
mod hooks;
mod kernel;
mod maps;
mod skb;

/// The helpers that read kernel memory are for GPL-compatible programs only.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";

/// An endless loop is what the verifier refuses: a panic that could be reached
/// keeps the whole object from loading.
#[cfg(not(test))]
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

//! Messages for people who work on the programs, in the feature `debug-log`
//! only: each condition is told once, and nothing is ever told per packet.

use aya_ebpf::programs::TcContext;
#[cfg(feature = "debug-log")]
use aya_ebpf::{macros::map, maps::Array};

/// Which conditions were told, by position. Two CPUs may tell the same one.
#[cfg(feature = "debug-log")]
#[map]
static TOLD: Array<u32> = Array::with_max_entries(1, 0);

/// Packets come from a device that the slot table does not know.
#[cfg(feature = "debug-log")]
#[inline(never)]
pub(crate) fn unknown_device(ctx: &TcContext, ifindex: u32) {
    if let Some(told) = TOLD.get_ptr_mut(0) {
        // SAFETY: an aligned word of a map value; a race tells twice.
        unsafe {
            if *told != 0 {
                return;
            }
            *told = 1;
        }
        aya_log_ebpf::warn!(ctx, "ifindex {} is not in the slot table", ifindex);
    }
}

/// Packets come from a device that the slot table does not know.
#[cfg(not(feature = "debug-log"))]
#[inline(always)]
pub(crate) const fn unknown_device(_ctx: &TcContext, _ifindex: u32) {}

//! The speed of a device, from sysfs.
//!
//! Must not report the speed of another namespace's device: sysfs shows the
//! namespace in which it was mounted, so index and address must be the same.

use std::{
    ffi::OsStr,
    fs,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use super::Link;

/// Where sysfs lists the devices.
pub(super) const SYSFS: &str = "/sys/class/net";

/// Bytes per second in a megabit per second, the unit of sysfs.
const BYTES_PER_MEGABIT: u64 = 125_000;

/// Speed of `link` in bytes per second; none when its driver reports none, when
/// it is down, or when sysfs does not show it.
pub(super) fn read(sysfs: &Path, link: &Link) -> Option<u64> {
    if !link.up {
        return None;
    }
    let folder = folder(sysfs, link.name.as_bytes())?;
    let file = |name| fs::read_to_string(folder.join(name)).ok();
    let ifindex: u32 = file("ifindex")?.trim().parse().ok()?;
    let same = ifindex == link.ifindex && address(&file("address")?) == link.address;
    if same { parse(&file("speed")?) } else { None }
}

/// None for names that would lead elsewhere; the kernel does not allow them.
fn folder(sysfs: &Path, name: &[u8]) -> Option<PathBuf> {
    let elsewhere = matches!(name, b"" | b"." | b"..") || name.contains(&b'/');
    (!elsewhere).then(|| sysfs.join(OsStr::from_bytes(name)))
}

/// Unknown speeds are -1, which older kernels print without a sign.
fn parse(text: &str) -> Option<u64> {
    match text.trim().parse::<u32>() {
        Ok(0 | u32::MAX) | Err(_) => None,
        Ok(megabits) => Some(u64::from(megabits) * BYTES_PER_MEGABIT),
    }
}

fn address(text: &str) -> Vec<u8> {
    text.trim().split(':').filter_map(|byte| u8::from_str_radix(byte, 16).ok()).collect()
}

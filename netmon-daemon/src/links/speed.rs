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

/// Kinds of devices whose line is that of the hardware below them.
const OVER_HARDWARE: [&str; 3] = ["bond", "team", "vlan"];

/// What bounds the traffic of `link`, in bytes per second: the speed of hardware. What
/// drivers of virtual devices say (veth and tun: 10 Gbit/s, always) bounds nothing.
pub fn limit(link: &Link) -> Option<u64> {
    let kind = link.kind.as_deref();
    let bounds = link.on_bus || kind.is_none_or(|kind| OVER_HARDWARE.contains(&kind));
    link.speed.filter(|_| bounds)
}

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

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use super::*;
    use crate::links::Name;

    /// A folder that goes when the test ends.
    struct Sysfs(PathBuf);

    impl Drop for Sysfs {
        fn drop(&mut self) {
            drop(fs::remove_dir_all(&self.0));
        }
    }

    fn device(name: &[u8]) -> Link {
        Link {
            name: Name::new(name),
            address: vec![2, 0xfc, 0, 0, 0, 1],
            up: true,
            ..Link::nameless(7)
        }
    }

    #[test]
    fn reads_the_speed_of_this_very_device() {
        let sysfs =
            Sysfs(std::env::temp_dir().join(format!("netmon-speed-{}", std::process::id())));
        for name in [b"eth0".as_slice(), b"nm\xff0"] {
            let folder = sysfs.0.join(OsStr::from_bytes(name));
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("ifindex"), "7\n").unwrap();
            fs::write(folder.join("address"), "02:fc:00:00:00:01\n").unwrap();
            fs::write(folder.join("speed"), "1000\n").unwrap();
            let cases = [
                ("as it is", device(name), Some(125_000_000)),
                ("down", Link { up: false, ..device(name) }, None),
                ("another index", Link { ifindex: 8, ..device(name) }, None),
                ("another address", Link { address: vec![2; 6], ..device(name) }, None),
                ("another name", device(b"eth1"), None),
                ("a name that leads elsewhere", device(b"../eth0"), None),
                ("a name that leads to itself", device(b"."), None),
            ];
            for (what, link, expected) in cases {
                assert_eq!(read(&sysfs.0, &link), expected, "{what}");
            }
        }
        fs::remove_file(sysfs.0.join("eth0/speed")).unwrap();
        assert_eq!(read(&sysfs.0, &device(b"eth0")), None);
    }

    #[test]
    fn virtual_devices_have_no_limit() {
        for (kind, on_bus, bounded) in [
            (None, true, true),
            (None, false, true),
            (Some("bond"), false, true),
            (Some("vlan"), false, true),
            (Some("wwan"), true, true),
            (Some("veth"), false, false),
            (Some("tun"), false, false),
            (Some("bridge"), false, false),
        ] {
            let speed = Some(125_000_000);
            let kind = kind.map(str::to_owned);
            let link = Link { kind, on_bus, speed, ..device(b"eth0") };
            assert_eq!(limit(&link), speed.filter(|_| bounded), "{:?}", link.kind);
        }
        assert_eq!(limit(&device(b"eth0")), None);
    }

    #[test]
    fn unknown_speeds_are_none() {
        let cases = [
            ("10\n", Some(1_250_000)),
            ("400000\n", Some(50_000_000_000)),
            ("-1\n", None),
            ("4294967295\n", None),
            ("0\n", None),
            ("", None),
            ("fast", None),
            ("99999999999", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text), expected, "{text:?}");
        }
    }
}

//! What the kernel itself counts: devices and TCP, of one namespace.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    fs,
    os::unix::fs::MetadataExt,
    path::PathBuf,
    process::Command,
};

use serde_json::Value;

use crate::netns::NetNs;

/// The statistics of a device, as `ip -s link` shows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Device {
    pub(crate) ingress: Volume,
    pub(crate) egress: Volume,
}

/// What went one way through a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Volume {
    /// Buffers of the kernel: packets, or several merged ones.
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
}

impl Device {
    /// Reads the statistics of a device.
    pub(crate) fn read(namespace: &NetNs, name: &str) -> Self {
        let said = namespace.run(["ip", "-s", "-j", "link", "show", "dev", name]);
        let said: Value = serde_json::from_slice(&said).unwrap();
        let volume = |way: &str| {
            let count = |what: &str| said[0]["stats64"][way][what].as_u64().unwrap();
            Volume { packets: count("packets"), bytes: count("bytes") }
        };
        Self { ingress: volume("rx"), egress: volume("tx") }
    }

    /// What was counted since `earlier`.
    pub(crate) fn since(self, earlier: Self) -> Self {
        Self {
            ingress: self.ingress.since(earlier.ingress),
            egress: self.egress.since(earlier.egress),
        }
    }
}

impl Volume {
    fn since(self, earlier: Self) -> Self {
        Self { packets: self.packets - earlier.packets, bytes: self.bytes - earlier.bytes }
    }
}

/// The counters of /proc/net/snmp under the heading `Tcp`, of a namespace.
pub(crate) fn tcp(namespace: &NetNs) -> BTreeMap<String, u64> {
    let snmp = namespace.enter(|| fs::read_to_string("/proc/thread-self/net/snmp").unwrap());
    parse_tcp(&snmp)
}

/// What the TCP stack counts, by namespace: the programs that count its events do
/// so in all of them at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stack(BTreeMap<u64, [u64; 2]>);

impl Stack {
    /// Reads the counters of every namespace that has a process or a name.
    pub(crate) fn read() -> Self {
        let mut counters = BTreeMap::new();
        let mut take = |namespace: PathBuf, read: &dyn Fn() -> Option<String>| {
            let Ok(namespace) = fs::metadata(namespace) else { return };
            if let Entry::Vacant(entry) = counters.entry(namespace.ino())
                && let Some(snmp) = read()
            {
                let tcp = parse_tcp(&snmp);
                entry.insert([tcp["RetransSegs"], tcp["OutRsts"]]);
            }
        };
        for process in folder("/proc").filter(|path| path.join("net").exists()) {
            take(process.join("ns/net"), &|| fs::read_to_string(process.join("net/snmp")).ok());
        }
        for named in folder("/run/netns") {
            // Whoever made it may remove it in the meantime.
            take(named.clone(), &|| {
                let snmp = Command::new("nsenter")
                    .arg(format!("--net={}", named.display()))
                    .args(["cat", "/proc/self/net/snmp"])
                    .output()
                    .unwrap();
                String::from_utf8(snmp.stdout).ok().filter(|snmp| !snmp.is_empty())
            });
        }
        Self(counters)
    }

    /// Segments that were sent again since `earlier`, in all namespaces.
    pub(crate) fn retransmitted_since(&self, earlier: &Self) -> u64 {
        self.since(earlier, |[retransmitted, _]| retransmitted)
    }

    /// Resets that were sent since `earlier`, in all namespaces.
    pub(crate) fn reset_since(&self, earlier: &Self) -> u64 {
        self.since(earlier, |[_, resets]| resets)
    }

    fn since(&self, earlier: &Self, counter: impl Fn([u64; 2]) -> u64) -> u64 {
        let moved = self.0.iter().map(|(namespace, now)| {
            let before = earlier.0.get(namespace).map_or(0, |before| counter(*before));
            // A new namespace may have got the number of an old one.
            let now = counter(*now);
            now.checked_sub(before).unwrap_or(now)
        });
        moved.sum()
    }
}

/// What is in a folder, nothing if there is no such folder.
fn folder(path: &str) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(path).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()))
}

/// The counters under the heading `Tcp`: a line of names, then one of values, of
/// which one (`MaxConn`) is negative and no counter.
fn parse_tcp(snmp: &str) -> BTreeMap<String, u64> {
    let mut lines = snmp.lines().filter_map(|line| line.strip_prefix("Tcp: "));
    let (names, values) = (lines.next().unwrap(), lines.next().unwrap());
    let pairs = names.split(' ').zip(values.split(' '));
    pairs.filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?))).collect()
}

//! What the kernel itself counts: devices and TCP, of one namespace.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    fs::{self, File},
    os::{fd::AsFd, unix::fs::MetadataExt},
    path::{Path, PathBuf},
    thread,
};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
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

/// What the TCP stack of a namespace counts: /proc/net/snmp under the heading `Tcp`
/// and /proc/net/netstat under `TcpExt`.
pub(crate) fn tcp(namespace: &NetNs) -> BTreeMap<String, u64> {
    namespace.enter(|| parse_tcp(Path::new(THIS)).unwrap())
}

/// Everything in /proc/net/snmp and /proc/net/netstat of a namespace, the heading
/// before the name: `UdpNoPorts`.
pub(crate) fn protocols(namespace: &NetNs) -> BTreeMap<String, u64> {
    let texts = namespace.enter(|| {
        ["snmp", "netstat"].map(|file| fs::read_to_string(Path::new(THIS).join(file)).unwrap())
    });
    let mut counters = BTreeMap::new();
    for text in &texts {
        let lines: Vec<&str> = text.lines().collect();
        for pair in lines.chunks_exact(2) {
            let (heading, names) = pair[0].split_once(": ").unwrap();
            let (_, values) = pair[1].split_once(": ").unwrap();
            for (name, value) in names.split(' ').zip(values.split(' ')) {
                counters
                    .extend(value.parse().ok().map(|value| (format!("{heading}{name}"), value)));
            }
        }
    }
    counters
}

/// What the TCP stack counts, by namespace: the programs that count its events do
/// so in all of them at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stack(BTreeMap<u64, [u64; 2]>);

/// The counters of a [`Stack`].
const SENT_AGAIN: &str = "RetransSegs";
const RESETS: &str = "OutRsts";

impl Stack {
    /// Reads the counters of every namespace that has a process or a name.
    pub(crate) fn read() -> Self {
        let mut counters = BTreeMap::new();
        let mut take = |namespace: &Path, read: &dyn Fn() -> Option<BTreeMap<String, u64>>| {
            // Whoever made it may remove it in the meantime.
            let Ok(namespace) = fs::metadata(namespace) else { return };
            if let Entry::Vacant(entry) = counters.entry(namespace.ino())
                && let Some(tcp) = read()
            {
                entry.insert([tcp[SENT_AGAIN], tcp[RESETS]]);
            }
        };
        for process in folder("/proc") {
            take(&process.join("ns/net"), &|| parse_tcp(&process.join("net")));
        }
        for named in folder("/run/netns") {
            take(&named, &|| named_tcp(&named));
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

/// The counters of TCP in a namespace that has a file, if it is still there.
fn named_tcp(file: &Path) -> Option<BTreeMap<String, u64>> {
    let namespace = File::open(file).ok()?;
    let read = || {
        let kind = Some(LinkNameSpaceType::Network);
        move_into_link_name_space(namespace.as_fd(), kind).ok()?;
        parse_tcp(Path::new(THIS))
    };
    thread::scope(|scope| scope.spawn(read).join().unwrap())
}

/// What is in a folder, nothing if there is no such folder.
fn folder(path: &str) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(path).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()))
}

/// The network of this thread.
const THIS: &str = "/proc/thread-self/net";

/// The counters of TCP below a folder of /proc: a line of names, then one of values,
/// of which one (`MaxConn`) is negative and no counter.
fn parse_tcp(net: &Path) -> Option<BTreeMap<String, u64>> {
    let mut counters = BTreeMap::new();
    for (file, heading) in [("snmp", "Tcp: "), ("netstat", "TcpExt: ")] {
        let text = fs::read_to_string(net.join(file)).ok()?;
        let mut lines = text.lines().filter_map(|line| line.strip_prefix(heading));
        let (names, values) = (lines.next()?, lines.next()?);
        let pairs = names.split(' ').zip(values.split(' '));
        let pairs = pairs.filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?)));
        counters.extend(pairs);
    }
    Some(counters)
}

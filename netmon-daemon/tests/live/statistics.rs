//! What the kernel itself counts: devices and TCP, of one namespace.

use std::{collections::BTreeMap, fs};

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

/// The counters under the heading `Tcp`: a line of names, then one of values, of
/// which one (`MaxConn`) is negative and no counter.
fn parse_tcp(snmp: &str) -> BTreeMap<String, u64> {
    let mut lines = snmp.lines().filter_map(|line| line.strip_prefix("Tcp: "));
    let (names, values) = (lines.next().unwrap(), lines.next().unwrap());
    let pairs = names.split(' ').zip(values.split(' '));
    pairs.filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?))).collect()
}

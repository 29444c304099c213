//! DNS, end to end: real servers, real clients and real tunnels. What netmon counts is
//! held against what the tools say and against captures, from either side of the way.
//!
//! Must not reckon with messages that cross no device of the [`Scene`]. Invariant: a
//! case asks only when its server answers, and every helper ends with its handle.

mod answering;
pub(crate) mod asking;
mod benign;
mod counts;
mod edns;
mod flood;
mod lookups;
mod malformed;
mod message;
mod nxdomain;
mod repeats;
mod segments;
pub(crate) mod servers;
mod tunnels;
mod witness;
mod zones;

use serde_json::Value;

use crate::{
    daemon::Netmon,
    netns::NetNs,
    stage::{ADDRESS, DEVICE, PEER_ADDRESS, PEER_DEVICE, Stage},
};

/// The addresses of both ends over IPv6.
const ADDRESS_6: &str = "fd00::1";
const PEER_ADDRESS_6: &str = "fd00::2";

/// The end of the way at which netmon is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Client,
    Server,
}

/// A client and a server, one of them on netmon's host.
struct Scene {
    stage: Stage,
    side: Side,
}

impl Scene {
    fn new(side: Side) -> Self {
        let stage = Stage::new();
        for (namespace, device, address) in
            [(&stage.host, DEVICE, ADDRESS_6), (&stage.peer, PEER_DEVICE, PEER_ADDRESS_6)]
        {
            namespace.ip_batch(&format!("address add {address}/64 dev {device}\n"));
        }
        Self { stage, side }
    }

    /// Where the clients are.
    fn asking(&self) -> &NetNs {
        match self.side {
            Side::Client => &self.stage.host,
            Side::Server => &self.stage.peer,
        }
    }

    /// Where the servers are.
    fn serving(&self) -> &NetNs {
        match self.side {
            Side::Client => &self.stage.peer,
            Side::Server => &self.stage.host,
        }
    }

    /// The address of the clients.
    fn client(&self) -> &'static str {
        match self.side {
            Side::Client => ADDRESS,
            Side::Server => PEER_ADDRESS,
        }
    }

    /// The addresses of the servers, over IPv4 and IPv6.
    fn servers(&self) -> [&'static str; 2] {
        match self.side {
            Side::Client => [PEER_ADDRESS, PEER_ADDRESS_6],
            Side::Server => [ADDRESS, ADDRESS_6],
        }
    }

    fn server(&self) -> &'static str {
        self.servers()[0]
    }

    /// Which way queries and responses pass netmon's device.
    fn directions(&self) -> [&'static str; 2] {
        match self.side {
            Side::Client => ["egress", "ingress"],
            Side::Server => ["ingress", "egress"],
        }
    }
}

/// The detectors of DNS.
const DETECTORS: [&str; 5] =
    ["dns_tunnel", "dns_nxdomain", "dns_repeats", "dns_flood", "dns_large_messages"];

/// The rows of red flags that are wanted, raised or past.
fn rows(netmon: &Netmon<'_>, wanted: impl Fn(&Value) -> bool) -> Vec<Value> {
    let flags = netmon.red_flags();
    let rows = flags["red_flags"].as_array().unwrap().iter();
    rows.filter(|row| wanted(row)).cloned().collect()
}

/// Asserts that nothing was raised of what crossed the device, nor by any detector of
/// DNS, and that these could have seen it. What the whole kernel tells, other tests
/// cause as well.
fn nothing_raised(netmon: &Netmon<'_>) {
    let scrape = netmon.fresh();
    let raised = rows(netmon, |row| {
        let detector = row["detector"].as_str().unwrap_or_default();
        row["vantage"] == "boundary" || DETECTORS.contains(&detector)
    });
    assert!(raised.is_empty(), "{raised:?}");
    for detector in DETECTORS {
        let labels = [("detector", detector)];
        assert_eq!(scrape.sum("netmon_red_flags_total", &labels), 0, "{detector}");
        assert_eq!(scrape.sum("netmon_detector_trusted", &labels), 1, "{detector} is blind");
    }
}

//! What the names say at one moment: the worst of everything, for detectors to judge.
//!
//! Holds text that may be shown, as the configuration wants it. Immutable and small.

use std::net::IpAddr;

use netmon_common::dns::Malformed;

pub use super::{counts::Wasted, repeats::Counts};

/// Candidates of each kind.
pub const MOST: usize = 32;

/// What the names say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Pairs of a client and a registered domain with the most new names, worst first.
    pub tunnels: Vec<Tunnel>,
    /// Registered domains with the most names in a day or an hour, worst first.
    pub slow_tunnels: Vec<SlowTunnel>,
    /// Clients that ask for what does not exist, most domains first.
    pub failing: Vec<Failing>,
    /// Who asks for what it knows, most in vain first.
    pub repeating: Vec<Repeating>,
    /// The largest number of new names below one domain that one client asked for within
    /// a minute, short ones counted half.
    pub unique_subdomains_max: u32,
    /// Damage within records, which only a walk through the whole message finds.
    pub malformed: [u64; Malformed::COUNT],
    /// By workload, since the start.
    pub wasted: Vec<Wasted>,
    /// Messages that were looked at.
    pub messages: u64,
    /// Rows that had to go although they still mattered, by table.
    pub evicted: [(&'static str, u64); 5],
}

/// A client that asks for many new names below one registered domain.
#[derive(Clone, Debug, PartialEq)]
pub struct Tunnel {
    /// Who asks.
    pub client: IpAddr,
    /// Who was asked last.
    pub server: IpAddr,
    /// The domain as it may be shown.
    pub domain: String,
    /// Names that were new within 60 seconds.
    pub names: u32,
    /// Those among them of fewer than eight bytes, which are more likely those of hosts.
    pub short_names: u32,
    /// Their bytes left of the domain.
    pub bytes: u32,
    /// The type that most of them were asked for, 0 where it needs more than a byte.
    pub kind: u16,
    /// How many were.
    pub of_kind: u32,
}

/// A registered domain below which many names are asked for in a long time.
#[derive(Clone, Debug, PartialEq)]
pub struct SlowTunnel {
    /// Who asked last.
    pub client: IpAddr,
    /// The domain as it may be shown.
    pub domain: String,
    /// Distinct names within a day, roughly.
    pub names: u32,
    /// Queries for them.
    pub queries: u32,
    /// Bytes of their names left of the domain.
    pub bytes: u32,
    /// Minutes of that day in which somebody asked.
    pub minutes: u32,
    /// Queries of this hour.
    pub asked: u32,
    /// Those for types whose answers hold whatever the server likes.
    pub carriers: u32,
    /// Distinct names of those, roughly.
    pub carrier_names: u32,
}

/// A client that asks for what does not exist.
#[derive(Clone, Debug, PartialEq)]
pub struct Failing {
    /// Who asks.
    pub client: IpAddr,
    /// Who was asked last.
    pub server: IpAddr,
    /// The domain that failed last, as it may be shown.
    pub domain: String,
    /// Answers within 5 minutes.
    pub answers: u64,
    /// Those that say that there is no such name.
    pub failed: u64,
    /// Registered domains of which they say so, roughly.
    pub domains: u32,
}

/// Somebody who asks for what is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Repeating {
    /// Who asks.
    pub client: IpAddr,
    /// Who was asked last.
    pub server: IpAddr,
    /// Control group of who asks, 0 where it is not known.
    pub workload: u64,
    /// The domain of most such queries, as it may be shown.
    pub domain: String,
    /// The last minute in parts of 10 seconds, newest first.
    pub counts: [Counts; 6],
}

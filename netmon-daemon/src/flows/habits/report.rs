//! What habits say at one moment, for detectors to judge.

use std::{net::IpAddr, time::Duration};

use super::rhythm::Rhythm;

/// Bytes from which on it matters who sends them.
const LARGE: u64 = 1 << 20;

/// What is usual for the connections that this host opens, and what is not.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Unusual ports that were first turned to within the last quarter of an hour.
    pub firsts: Vec<First>,
    /// Destinations that are called in a rhythm, the most regular first.
    pub beacons: Vec<Beacon>,
    /// What went to public addresses within an hour.
    pub transfers: Transfers,
}

impl Report {
    /// The control groups of which it speaks; 0 where one is not known.
    pub fn workloads(&self) -> impl Iterator<Item = u64> {
        let firsts = self.firsts.iter().map(|it| it.workload);
        let beacons = self.beacons.iter().map(|it| it.workload);
        // What sends little is of no interest.
        let large = self.transfers.largest.iter().filter(|it| it.bytes >= LARGE);
        firsts.chain(beacons).chain(large.map(|it| it.workload))
    }
}

/// A port of another host that this one turned to for the first time in weeks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct First {
    /// When the connection was seen.
    pub at: Duration,
    /// Control group of who opened it, 0 where it is not known.
    pub workload: u64,
    /// The address of this host.
    pub local: IpAddr,
    /// Who was called.
    pub remote: IpAddr,
    /// The port.
    pub port: u16,
    /// Whether that is a public address.
    pub is_public: bool,
    /// Whether nothing near it (/24, or /48 of IPv6) was called in weeks either.
    pub is_fresh_network: bool,
    /// Unusual ports of public addresses that this host took up before, in weeks.
    pub habit: u32,
    /// Whether netmon had watched for long enough to know what is usual.
    pub is_learnt: bool,
}

/// A destination that is called in a rhythm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Beacon {
    /// Control group of who calls, 0 where it is not known.
    pub workload: u64,
    /// The address of this host.
    pub local: IpAddr,
    /// Who is called.
    pub remote: IpAddr,
    /// The port.
    pub port: u16,
    /// Calls that were counted.
    pub calls: u32,
    /// From the first of them to the last.
    pub since: Duration,
    /// From the first of them to now.
    pub known: Duration,
    /// For how long netmon had watched before the first of them.
    pub watched: Duration,
    /// How regular the last of them are.
    pub rhythm: Rhythm,
}

/// What went to a destination within an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// Control group of who sends, 0 where it is not known.
    pub workload: u64,
    /// The address of this host.
    pub local: IpAddr,
    /// Whom it is sent to.
    pub remote: IpAddr,
    /// Bytes of payload, at least.
    pub bytes: u64,
}

/// What went to whom within an hour.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transfers {
    /// The destinations that were sent most, the first most of all.
    pub largest: Vec<Transfer>,
    /// What all others were sent.
    pub other: u64,
}

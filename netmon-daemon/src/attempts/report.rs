//! Who asks and is not answered, at one moment: the worst of each kind, for detectors to
//! judge.

use std::net::IpAddr;

use netmon_common::attempts::Kind;

use crate::party::Party;

/// Suspects of each kind by each figure.
pub const MOST: usize = 8;

/// Who asks and is not answered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// The worst of every kind, in no order.
    pub suspicions: Vec<Suspicion>,
    /// How many asked for connections in the last window, to about 6.5 %; none where they
    /// were few.
    pub askers: Option<f64>,
    /// Segments within a minute that no TCP stack sends, of all sources from outside and of
    /// those of this host.
    pub stealth: u64,
    /// Suspects of whom nothing more is known: others had their places, or nobody could read
    /// whom they asked.
    pub lost: u64,
}

/// Somebody who asks and is not answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Suspicion {
    /// As whom he asks.
    pub kind: Kind,
    /// Who asks: from outside over IPv6, his network.
    pub source: Party,
    /// The last one whom he asked.
    pub target: IpAddr,
    /// The last port that he asked for.
    pub port: u16,
    /// Control group of the socket that asked, 0 where it is not known.
    pub workload: u64,
    /// Different things that he asked for in vain for the first time: within the last
    /// minute, five minutes, and an hour. Ports of hosts, hosts or ports, by the kind.
    pub failures: [u32; 3],
    /// Failures in excess of successes, of things that he asked for for the first time.
    pub excess: f64,
    /// Segments within a minute that no TCP stack sends.
    pub stealth: u32,
}

impl Report {
    /// The suspicions of some kinds.
    pub fn of<'a>(&'a self, kinds: &'a [Kind]) -> impl Iterator<Item = &'a Suspicion> {
        self.suspicions.iter().filter(|it| kinds.contains(&it.kind))
    }
}

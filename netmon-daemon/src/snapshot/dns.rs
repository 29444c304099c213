//! What was counted of DNS beyond the packets: questions, TCP, lookups.
//!
//! Cumulative. Messages over UDP, their sizes and their response codes are with the
//! packets of each vantage.

use std::net::IpAddr;

use netmon_common::abi::{
    dns::{DnsTally, LOOKUP_TIMES, LookupTimes, Lookups, lookup_times},
    labels::{Direction, DnsTransport, Resolver},
};

use super::{Sides, Vantage};

/// What was counted of DNS.
#[derive(Clone, Debug, PartialEq)]
pub struct Dns {
    /// Whether there are programs that look at DNS; else nothing here means anything.
    pub looked_at: bool,
    tallies: Sides<DnsTally>,
    /// What became of lookups, of all vantages together.
    pub lookups: Lookups,
    /// Lookups that nobody answered in time, by resolver.
    pub timeouts: [u64; Resolver::COUNT],
    /// How long lookups took, by resolver and transport; see [`Dns::times`].
    pub times: Vec<LookupTimes>,
    /// The resolvers that have figures of their own, by place.
    pub resolvers: Vec<IpAddr>,
}

impl Dns {
    /// Nobody looked at DNS.
    pub fn unseen() -> Self {
        Self { looked_at: false, ..Self::empty() }
    }

    /// Nothing counted.
    pub fn empty() -> Self {
        Self {
            looked_at: true,
            tallies: Sides::of(|_, _| DnsTally::ZERO),
            lookups: Lookups::ZERO,
            timeouts: [0; Resolver::COUNT],
            times: vec![LookupTimes::ZERO; LOOKUP_TIMES as usize],
            resolvers: Vec::new(),
        }
    }

    /// The messages that devices of one vantage saw in one direction.
    pub const fn of(&self, vantage: Vantage, direction: Direction) -> &DnsTally {
        self.tallies.get(vantage, direction)
    }

    /// The same, to add to it.
    pub fn of_mut(&mut self, vantage: Vantage, direction: Direction) -> &mut DnsTally {
        self.tallies.get_mut(vantage, direction)
    }

    /// How long lookups at a resolver over a transport took.
    pub fn times(&self, resolver: Resolver, transport: DnsTransport) -> &LookupTimes {
        let position = lookup_times(resolver as u32, transport) as usize;
        self.times.get(position).unwrap_or(&LookupTimes::ZERO)
    }
}

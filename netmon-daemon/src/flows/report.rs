//! What connections say at one moment: the worst of everything, for detectors to judge.
//! Immutable and small.

use std::net::IpAddr;

use super::habits::report::Report as Habits;
use crate::party::Party;

/// Candidates of each kind.
pub const MOST: usize = 32;

/// Parts of ten seconds in the window of [`Churn`] and [`Chatter`].
pub const PARTS: usize = 6;

/// What connections say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Connections that ended, since the start.
    pub closed: u64,
    /// Attempts that failed, since the start.
    pub failed: u64,
    /// Sources and services with the most short connections, worst first.
    pub logins: Vec<Logins>,
    /// Services with the most sources of short connections, worst first.
    pub crowds: Vec<Crowd>,
    /// Workloads that open the most connections to one service, worst first.
    pub churning: Vec<Churn>,
    /// What it cost, by workload, since the start.
    pub wasted: Vec<Wasted>,
    /// Workloads over whose connections small messages go back and forth, those with the
    /// most turns first.
    pub chatting: Vec<Chatter>,
    /// What that cost, by workload, since the start.
    pub wasted_on_turns: Vec<Wasted>,
    /// Rows that had to go although they still mattered, by table.
    pub evicted: Vec<(&'static str, u64)>,
    /// What is usual, and what is not.
    pub habits: Habits,
}

/// Somebody whose connections to a service of this host ended as if the service had not
/// let them in: after less than 10 seconds and less than 8 KiB of the server.
#[derive(Clone, Debug, PartialEq)]
pub struct Logins {
    /// Who.
    pub source: Party,
    /// Where the service is: at the address of most of them.
    pub server: IpAddr,
    /// Its port.
    pub port: u16,
    /// How many in two minutes, or up to ten seconds more.
    pub two_minutes: u64,
    /// How many in ten minutes, or up to a minute more.
    pub ten_minutes: u64,
    /// How many in thirty minutes, or up to a minute more.
    pub thirty_minutes: u64,
}

/// The same of a service, by whomever, in ten minutes, or up to a minute more.
#[derive(Clone, Debug, PartialEq)]
pub struct Crowd {
    /// Where the service is: at the address of most of them.
    pub server: IpAddr,
    /// Its port.
    pub port: u16,
    /// Distinct sources, roughly.
    pub sources: u32,
    /// Connections.
    pub attempts: u64,
}

/// A workload that opens many connections to a service, within the last six times ten
/// seconds that are over.
#[derive(Clone, Debug, PartialEq)]
pub struct Churn {
    /// Control group of the client, 0 where it is not known.
    pub workload: u64,
    /// Its address.
    pub client: IpAddr,
    /// Where the service is: at the address of most of them.
    pub server: IpAddr,
    /// Its port.
    pub port: u16,
    /// Connections that began and are over, by ten seconds, newest first.
    pub opens: [u32; PARTS],
    /// Those of them that lived for less than a second.
    pub short: u64,
    /// The most that were open at once.
    pub peak: u32,
}

/// What went over the open connections of a workload to a service at one address, within
/// the last six times ten seconds of which all is known, by ten seconds, newest first.
#[derive(Clone, Debug, PartialEq)]
pub struct Chatter {
    /// Control group of the client, 0 where it is not known.
    pub workload: u64,
    /// Its address.
    pub client: IpAddr,
    /// Where the service is.
    pub server: IpAddr,
    /// Its port.
    pub port: u16,
    /// Segments with payload, of both ends.
    pub packets: [u64; PARTS],
    /// Their payload, in bytes.
    pub bytes: [u64; PARTS],
    /// How often a segment with payload came from the other end than the one before.
    pub turns: [u64; PARTS],
    /// Turns times the round trip, no more for a connection than the time that it had, in
    /// nanoseconds.
    pub waste: [u64; PARTS],
}

/// What a workload waited for in vain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wasted {
    /// Control group, 0 where it is not known; none for all that have no row of their
    /// own.
    pub workload: Option<u64>,
    /// Nanoseconds: of handshakes of connections that lived for less than a second, to
    /// services that `connection_churn` watches; or of turns of small messages.
    pub nanoseconds: u64,
}

impl Report {
    /// The control groups of which it speaks, for their names to be looked up; 0 where one
    /// is not known.
    pub fn workloads(&self) -> impl Iterator<Item = u64> {
        let churning = self.churning.iter().map(|it| it.workload);
        churning
            .chain(self.chatting.iter().map(|it| it.workload))
            .chain(self.wasted.iter().chain(&self.wasted_on_turns).filter_map(|it| it.workload))
            .chain(self.habits.workloads())
    }
}

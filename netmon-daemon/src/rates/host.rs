//! What a detector sees of the host as a whole.

use std::time::Duration;

use super::{Backlog, Health, Names, Openings, Rates, VantageRates, Window};
use crate::{
    attempts, flows, names::Report, neighbours::Report as Neighbours, signal::Signal,
    snapshot::Vantage,
};

/// What the kernel of the host told within windows.
#[derive(Clone, Copy, Debug)]
pub struct HostRates<'a> {
    pub(super) rates: &'a Rates,
    pub(super) signals: &'a [Signal],
}

impl HostRates<'_> {
    /// Whether a signal is among those by which the host is judged now.
    pub fn sees(&self, signal: Signal) -> bool {
        self.signals.contains(&signal)
    }

    /// For how long the host is watched.
    pub fn watched(&self) -> Duration {
        let began = self.rates.began.unwrap_or_else(|| self.rates.now());
        self.rates.now().saturating_sub(began)
    }

    /// How far a count moved within `window`, which reaches back at most
    /// [`LONGEST_MEMORY`](super::LONGEST_MEMORY) and begins and ends at the nearest
    /// of the moments that are remembered, one in [`STEP`](super::STEP).
    pub fn moved(&self, window: Window, count: impl Fn(&Health) -> u64) -> u64 {
        self.rates.health.moved(window, count)
    }

    /// The moments at which `window` begins and ends, for more than one count; see
    /// [`HostRates::moved`].
    pub fn ends(&self, window: Window) -> Option<[&Health; 2]> {
        self.rates.health.ends(window).map(|ends| ends.map(|(_, health)| health))
    }

    /// What was counted up to `ago`, which is at most
    /// [`LONGEST_MEMORY`](super::LONGEST_MEMORY).
    pub fn until(&self, ago: Duration) -> Option<&Health> {
        self.rates.health.until(ago)
    }

    /// How many segments this host answered with a reset within `window` because
    /// nobody listened for them. It reaches back at most
    /// [`LONGEST_REFUSALS`](super::LONGEST_REFUSALS).
    pub fn refused(&self, window: Window) -> u64 {
        self.rates.refused.moved(window, |refused| *refused)
    }

    /// What the names in DNS messages say, with windows of its own; none where nobody
    /// looks at them.
    pub fn dns_names(&self) -> Option<&Report> {
        self.rates.dns_names.as_deref()
    }

    /// How far a count of requests to this host moved within `window`, which reaches back at
    /// most [`LONGEST_OPENINGS`](super::LONGEST_OPENINGS).
    pub fn openings(&self, window: Window, count: impl Fn(&Openings) -> u64) -> u64 {
        self.rates.openings.moved(window, count)
    }

    /// The fullest queue of half-open connections, as of a few seconds ago.
    pub const fn backlog(&self) -> Option<Backlog> {
        self.rates.backlog
    }

    /// The rates of one vantage.
    pub const fn vantage(&self, vantage: Vantage) -> VantageRates<'_> {
        self.rates.vantage(vantage)
    }

    /// What the connections that are over say, with windows of its own; none where nobody
    /// tells of them.
    pub fn flows(&self) -> Option<&flows::Report> {
        self.rates.flows.as_deref()
    }

    /// What a control group is called, where that is known.
    pub fn workload(&self, group: u64) -> Option<&str> {
        self.rates.workloads.get(&group).map(String::as_str)
    }

    /// Who asks for connections and is not answered, with windows of its own; none where
    /// nobody looks.
    pub fn attempts(&self) -> Option<&attempts::Report> {
        self.rates.attempts.as_deref()
    }

    /// What changed about the neighbours within the last five minutes; none where nobody
    /// looks at them.
    pub fn neighbours(&self) -> Option<&Neighbours> {
        self.rates.neighbours.as_deref()
    }

    /// The answers over UDP of more than 1,232 bytes that came within `window` from the one
    /// server that sent most of them. It reaches back at most
    /// [`LONGEST_WINDOW`](super::LONGEST_WINDOW).
    pub fn large_dns_answers(&self, window: Window) -> u64 {
        self.rates.packets.moved_most(window, |past| past.dns.large_answers)
    }

    /// The large DNS responses over TCP within `window`, as the vantage and direction tells
    /// that saw most of them: one response can cross several. It reaches back at most
    /// [`LONGEST_WINDOW`](super::LONGEST_WINDOW).
    pub fn large_dns_streams(&self, window: Window) -> u64 {
        self.rates.packets.moved_most(window, |past| past.dns.large_streams())
    }

    /// What the places of a [`Health`] are called.
    pub const fn names(&self) -> &Names {
        &self.rates.names
    }
}

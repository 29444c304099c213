//! What moved within the last seconds: a bounded memory of cumulative counts.
//!
//! Pure: time comes with the snapshots, so live traffic and replayed captures
//! are treated alike.

use std::{collections::VecDeque, time::Duration};

use netmon_common::abi::{counters::increase, tally::Tally};

use crate::snapshot::{Snapshot, Vantage, Vantages};

/// The longest window that can be asked for.
pub const LONGEST_WINDOW: Duration = Duration::from_secs(60);

/// The memory from which windows are computed.
#[derive(Clone, Debug, Default)]
pub struct Rates {
    /// Oldest first; covers [`LONGEST_WINDOW`] and one snapshot before it.
    past: VecDeque<Past>,
}

#[derive(Clone, Debug)]
struct Past {
    at: Duration,
    directed: bool,
    vantages: Vantages,
}

/// A span of time that ended `ago` before the last snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Its length.
    pub span: Duration,
    /// How long ago it ended.
    pub ago: Duration,
}

impl Window {
    /// The last `seconds` seconds.
    pub const fn last(seconds: u64) -> Self {
        Self { span: Duration::from_secs(seconds), ago: Duration::ZERO }
    }

    /// A window of `seconds` seconds that ended `ago` seconds ago.
    pub const fn before(seconds: u64, ago: u64) -> Self {
        Self { span: Duration::from_secs(seconds), ago: Duration::from_secs(ago) }
    }
}

impl Rates {
    /// Remembers a snapshot. Snapshots must come in the order of time.
    pub fn push(&mut self, snapshot: &Snapshot) {
        self.past.push_back(Past {
            at: snapshot.at,
            directed: snapshot.directed,
            vantages: snapshot.vantages.clone(),
        });
        let horizon = snapshot.at.saturating_sub(LONGEST_WINDOW);
        // The second oldest must be inside the horizon: the oldest is then the
        // last one before it, from which the longest window counts.
        while self.past.get(1).is_some_and(|second| second.at <= horizon) {
            self.past.pop_front();
        }
    }

    /// The time of the last snapshot.
    pub fn now(&self) -> Duration {
        self.past.back().map_or(Duration::ZERO, |last| last.at)
    }

    /// The rates of one vantage.
    pub const fn vantage(&self, vantage: Vantage) -> VantageRates<'_> {
        VantageRates { rates: self, vantage }
    }

    /// The last snapshot at or before `at`, else the oldest one.
    fn at(&self, at: Duration) -> Option<&Past> {
        let later = self.past.partition_point(|past| past.at <= at);
        self.past.get(later.saturating_sub(1))
    }
}

/// What a detector sees: the traffic of one vantage within windows.
#[derive(Clone, Copy, Debug)]
pub struct VantageRates<'a> {
    rates: &'a Rates,
    vantage: Vantage,
}

impl VantageRates<'_> {
    /// The vantage that these rates speak of.
    pub const fn vantage(&self) -> Vantage {
        self.vantage
    }

    /// How far a count of received packets moved within `window`. Where the
    /// direction is unknown, how far the count of all packets moved.
    pub fn received(&self, window: Window, count: impl Fn(&Tally) -> u64) -> u64 {
        self.moved(window, |past| count(&past.vantages.of(self.vantage).ingress))
    }

    /// How far a count of sent packets moved within `window`. Where the
    /// direction is unknown, how far the count of all packets moved.
    pub fn sent(&self, window: Window, count: impl Fn(&Tally) -> u64) -> u64 {
        self.moved(window, |past| {
            let traffic = past.vantages.of(self.vantage);
            count(if past.directed { &traffic.egress } else { &traffic.ingress })
        })
    }

    /// How far a count of all packets moved within `window`.
    pub fn both(&self, window: Window, count: impl Fn(&Tally) -> u64) -> u64 {
        self.moved(window, |past| count(&past.vantages.of(self.vantage).ingress))
            .wrapping_add(self.moved(window, |past| count(&past.vantages.of(self.vantage).egress)))
    }

    fn moved(&self, window: Window, count: impl Fn(&Past) -> u64) -> u64 {
        let end = self.rates.now().saturating_sub(window.ago);
        let start = end.saturating_sub(window.span);
        match (self.rates.at(end), self.rates.at(start)) {
            (Some(end), Some(start)) => increase(count(end), count(start)),
            _ => 0,
        }
    }
}

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

    /// The snapshot nearest to `at` among the `among` oldest, the earlier one of
    /// two. Nearest, not last before: a tick that comes a millisecond late would
    /// else double the window.
    fn nearest(&self, at: Duration, among: usize) -> Option<usize> {
        let later = self.past.partition_point(|past| past.at <= at).min(among);
        let earlier = later.checked_sub(1);
        let distance = |index: usize| self.past.get(index).map(|past| past.at.abs_diff(at));
        [earlier, (later < among).then_some(later)]
            .into_iter()
            .flatten()
            .min_by_key(|i| distance(*i))
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

    /// How far a count of all packets moved within `window`. A packet on the
    /// loopback device is sent and received there: it counts once.
    pub fn both(&self, window: Window, count: impl Fn(&Tally) -> u64) -> u64 {
        let received = self.received(window, &count);
        if self.vantage == Vantage::Loopback {
            return received;
        }
        let sent = self.moved(window, |past| count(&past.vantages.of(self.vantage).egress));
        received.wrapping_add(sent)
    }

    fn moved(&self, window: Window, count: impl Fn(&Past) -> u64) -> u64 {
        let past = &self.rates.past;
        let end = self.rates.now().saturating_sub(window.ago);
        let Some(last) = self.rates.nearest(end, past.len()) else { return 0 };
        let start = past[last].at.saturating_sub(window.span);
        let Some(first) = self.rates.nearest(start, last) else { return 0 };
        let moved = increase(count(&past[last]), count(&past[first]));
        within(moved, past[last].at.saturating_sub(past[first].at), window.span)
    }
}

/// The share of `moved` that falls into a window of `span` when it happened
/// within `time`. A time that is longer by up to a quarter is an unsteady tick,
/// and nothing is taken away; one that is longer still comes of missing ticks or
/// a slow pace, and what happened is spread over it evenly.
fn within(moved: u64, time: Duration, span: Duration) -> u64 {
    if time <= span + span / 4 {
        return moved;
    }
    let share = u128::from(moved) * span.as_nanos() / time.as_nanos();
    u64::try_from(share).unwrap_or(moved)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A snapshot in milliseconds, and the mDNS packets received and sent so
    /// far.
    type Row = (u64, u64, u64);

    fn rates(rows: &[Row], directed: bool) -> Rates {
        let mut rates = Rates::default();
        for (at, received, sent) in rows {
            let mut snapshot = Snapshot::empty(Duration::from_millis(*at));
            snapshot.directed = directed;
            snapshot.vantages.boundary.ingress.mdns_packets = *received;
            snapshot.vantages.boundary.egress.mdns_packets = *sent;
            rates.push(&snapshot);
        }
        rates
    }

    fn received(rows: &[Row], window: Window) -> u64 {
        let rates = rates(rows, true);
        rates.vantage(Vantage::Boundary).received(window, |tally| tally.mdns_packets)
    }

    #[test]
    fn windows_end_where_they_should() {
        const STEADY: &[Row] =
            &[(0, 0, 0), (1000, 10, 0), (2000, 30, 0), (3000, 70, 0), (4000, 150, 0)];
        const UNSTEADY: &[Row] = &[(0, 0, 0), (1020, 10, 0), (2010, 30, 0), (2990, 70, 0)];
        const MISSED: &[Row] = &[(0, 0, 0), (1000, 10, 0), (5000, 410, 0)];
        const SLOW: &[Row] = &[(0, 0, 0), (30_000, 300, 0), (60_000, 900, 0), (90_000, 1200, 0)];
        const GAP: &[Row] = &[(0, 0, 0), (100, 9, 0), (90_000_000, 9, 0), (90_000_100, 10, 0)];
        const MAX: u64 = u64::MAX;
        let last = Window::last;
        let before = Window::before;
        for (name, rows, window, moved) in [
            ("nothing seen", &[][..], last(1), 0),
            ("one snapshot", &[(5000, 7, 0)][..], last(1), 0),
            ("last second", STEADY, last(1), 80),
            ("last three", STEADY, last(3), 140),
            ("longer than the memory", STEADY, last(60), 150),
            ("a second ago", STEADY, before(1, 1), 40),
            ("before the beginning", STEADY, before(10, 4), 0),
            ("a millisecond late", UNSTEADY, last(1), 40),
            ("unsteady, a second ago", UNSTEADY, before(1, 1), 20),
            ("missed ticks are spread", MISSED, last(1), 100),
            ("missed ticks, longer window", MISSED, last(10), 410),
            ("slower than the window", SLOW, last(10), 100),
            ("slower, whole window", SLOW, last(60), 900),
            ("what came before a gap is past", GAP, last(60), 1),
            ("a reset counts from 0", &[(0, 900, 0), (1000, 40, 0)][..], last(1), 40),
            ("a wrap goes on", &[(0, MAX - 4, 0), (1000, 5, 0)][..], last(1), 10),
        ] {
            assert_eq!(received(rows, window), moved, "{name}");
        }
    }

    #[test]
    fn directions_that_are_not_told_apart_are_one() {
        let rows = &[(0, 100, 200), (1000, 101, 220)];
        for (directed, expected) in [(true, [1, 20, 21]), (false, [1, 1, 21])] {
            let rates = rates(rows, directed);
            let at = rates.vantage(Vantage::Boundary);
            let window = Window::last(1);
            let mdns = |tally: &Tally| tally.mdns_packets;
            let moved = [at.received(window, mdns), at.sent(window, mdns), at.both(window, mdns)];
            assert_eq!(moved, expected);
            assert_eq!(rates.vantage(Vantage::Internal).both(window, mdns), 0);
        }
    }

    #[test]
    fn a_packet_on_loopback_counts_once() {
        let mut rates = Rates::default();
        let mut snapshot = Snapshot::empty(Duration::ZERO);
        rates.push(&snapshot);
        snapshot.at = Duration::from_secs(1);
        snapshot.vantages.loopback.egress.mdns_packets = 7;
        snapshot.vantages.loopback.ingress.mdns_packets = 7;
        rates.push(&snapshot);
        let at = rates.vantage(Vantage::Loopback);
        assert_eq!(at.both(Window::last(1), |tally| tally.mdns_packets), 7);
    }

    #[test]
    fn memory_is_bounded() {
        let rows: Vec<Row> = (0..100_000).map(|tick| (tick * 100, tick, 0)).collect();
        let rates = rates(&rows, true);
        assert_eq!(rates.past.len(), 601);
        assert_eq!(rates.now(), Duration::from_millis(9_999_900));
        let at = rates.vantage(Vantage::Boundary);
        assert_eq!(at.received(Window::last(60), |tally| tally.mdns_packets), 600);
    }
}

//! A bounded memory of cumulative counts, from which windows are computed.
//!
//! Must not know what is counted. Invariant: the last moment is always there, and
//! so is the last one before the horizon, from which the longest window counts.

use std::{collections::VecDeque, time::Duration};

use netmon_common::abi::counters::increase;

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

/// What was counted at moments of the past.
#[derive(Clone, Debug)]
pub(super) struct Memory<T> {
    /// Oldest first.
    past: VecDeque<(Duration, T)>,
    /// The longest window.
    horizon: Duration,
    /// The least time between two moments that are kept beside the last one.
    step: Duration,
}

impl<T> Memory<T> {
    /// A memory that reaches as far back as `horizon`, at a pace of `step`.
    pub(super) const fn new(horizon: Duration, step: Duration) -> Self {
        Self { past: VecDeque::new(), horizon, step }
    }

    /// Remembers a moment. Moments must come in the order of time.
    pub(super) fn push(&mut self, at: Duration, counted: T) {
        let mut latest = self.past.iter().rev().map(|(at, _)| *at);
        if let (Some(last), Some(kept)) = (latest.next(), latest.next())
            && last.saturating_sub(kept) < self.step
        {
            self.past.pop_back();
        }
        self.past.push_back((at, counted));
        let horizon = at.saturating_sub(self.horizon);
        while self.past.get(1).is_some_and(|(second, _)| *second <= horizon) {
            self.past.pop_front();
        }
    }

    /// The time of the last moment.
    pub(super) fn now(&self) -> Duration {
        self.past.back().map_or(Duration::ZERO, |(at, _)| *at)
    }

    /// What was counted up to `ago`, or the moment nearest to it.
    pub(super) fn until(&self, ago: Duration) -> Option<&T> {
        let at = self.nearest(self.now().saturating_sub(ago), self.past.len())?;
        self.past.get(at).map(|(_, counted)| counted)
    }

    /// How far a count moved within `window`.
    pub(super) fn moved(&self, window: Window, count: impl Fn(&T) -> u64) -> u64 {
        let Some([(began, before), (ended, after)]) = self.ends(window) else { return 0 };
        within(increase(count(after), count(before)), ended.saturating_sub(*began), window.span)
    }

    /// How far that one of some counts moved within `window` that moved furthest.
    pub(super) fn moved_most<const N: usize>(
        &self,
        window: Window,
        counts: impl Fn(&T) -> [u64; N],
    ) -> u64 {
        let Some([(began, before), (ended, after)]) = self.ends(window) else { return 0 };
        let moved = counts(after).into_iter().zip(counts(before));
        let most = moved.map(|(after, before)| increase(after, before)).max().unwrap_or(0);
        within(most, ended.saturating_sub(*began), window.span)
    }

    /// The moments at which `window` begins and ends.
    pub(super) fn ends(&self, window: Window) -> Option<[&(Duration, T); 2]> {
        self.ends_of(window, |_| true)
    }

    /// The same of something that is not known at all moments: `window` begins with the
    /// first moment within it at which it is.
    pub(super) fn ends_of(
        &self,
        window: Window,
        is_known: impl Fn(&T) -> bool,
    ) -> Option<[&(Duration, T); 2]> {
        let end = self.now().saturating_sub(window.ago);
        let last = self.nearest(end, self.past.len())?;
        let start = self.past.get(last)?.0.saturating_sub(window.span);
        let first = self.nearest(start, last)?;
        let mut known = self.past.range(first..=last).filter(|(_, it)| is_known(it));
        Some([known.next()?, self.past.get(last)?])
    }

    /// How many moments are kept.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.past.len()
    }

    /// The moment nearest to `at` among the `among` oldest, the earlier one of
    /// two. Nearest, not last before: a tick that comes a millisecond late would
    /// else double the window.
    fn nearest(&self, at: Duration, among: usize) -> Option<usize> {
        let later = self.past.partition_point(|past| past.0 <= at).min(among);
        let earlier = later.checked_sub(1);
        let distance = |index: usize| self.past.get(index).map(|past| past.0.abs_diff(at));
        [earlier, (later < among).then_some(later)]
            .into_iter()
            .flatten()
            .min_by_key(|i| distance(*i))
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

    /// A memory of five minutes in steps of ten seconds, of a count that rises by one
    /// every `tick` milliseconds up to `end`.
    fn memory(tick: u64, end: u64) -> Memory<u64> {
        let mut memory = Memory::new(Duration::from_secs(300), Duration::from_secs(10));
        for (count, at) in (0..=end).step_by(usize::try_from(tick).unwrap_or(1)).enumerate() {
            memory.push(Duration::from_millis(at), count as u64);
        }
        memory
    }

    #[test]
    fn windows_of_a_thinned_memory() {
        let (last, before) = (Window::last, Window::before);
        // Milliseconds of a tick and of the end, a window, and how far it moved.
        for (tick, end, window, moved) in [
            (1000, 0, last(300), 0),
            (1000, 7_000, last(300), 7),
            (1000, 7_000, last(60), 7),
            (1000, 200_000, last(300), 200),
            (1000, 1_000_000, last(300), 300),
            (1000, 1_000_000, last(60), 60),
            (1000, 1_000_000, before(60, 240), 60),
            (1000, 1_000_000, last(1), 1),
            (100, 1_000_000, last(60), 600),
            // Between two steps a window is off by half a step at most.
            (1000, 1_000_004, last(60), 60),
            (1000, 1_004_000, last(60), 64),
            (1000, 1_005_000, last(60), 65),
            (1000, 1_006_000, last(60), 56),
            // A pace slower than the steps.
            (60_000, 6_000_000, last(300), 5),
            (60_000, 6_000_000, last(60), 1),
        ] {
            let memory = memory(tick, end);
            assert_eq!(memory.moved(window, |count| *count), moved, "{tick} {end} {window:?}");
            assert!(memory.len() <= 32, "{}", memory.len());
        }
    }

    #[test]
    fn the_last_moment_is_always_there() {
        for end in [0, 1, 9, 10, 11, 299, 300, 301, 1234] {
            let memory = memory(1000, end * 1000);
            assert_eq!(memory.now(), Duration::from_secs(end));
            assert_eq!(memory.until(Duration::ZERO), Some(&end));
        }
        assert_eq!(memory(1000, 1_000_000).until(Duration::from_secs(180)), Some(&820));
    }
}

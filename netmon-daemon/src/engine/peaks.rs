//! Peaks of 100 ms: what devices moved from one look at their counters to the next.
//!
//! Costs packets nothing: the counters that they move anyway are looked at ten times a
//! second. Invariant: a window is divided by all the time that can have passed, so that
//! a look that comes late never makes a peak.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    kernel::{Kernel, bytes_per_look, monotonic},
    snapshot::{Device, Load, Snapshot},
};

/// The length of a window.
const WINDOW: Duration = Duration::from_millis(100);

/// A window that is shorter is not over yet: the pace of looks is not exact, and an
/// instant says nothing of a line.
const SHORTEST: Duration = Duration::from_millis(80);

/// A line is full from so many percent of its limit on. Bytes are those of frames: on
/// Ethernet the gap between frames of 1,514 bytes takes another 1.6 %.
const FULL_PERCENT: u128 = 95;

/// A device that moves so many bytes from one snapshot to the next is looked at ten times
/// a second for [`AWAKE`]; no peak of one that moves fewer could reach 6 Mbit/s.
const LIVELY: u64 = 64 * 1024;
const AWAKE: Duration = Duration::from_secs(60);

/// What may be copied out of the kernel per look for devices that are quiet: each look at
/// one copies all counters of all CPUs. Of quiet devices beyond it, what moves from one
/// snapshot to the next is one window, until they are lively.
const COPIED: usize = 64 * 1024;

/// The devices that are looked at.
pub(super) struct Peaks {
    lines: BTreeMap<u32, Line>,
    /// How many quiet devices are looked at ten times a second.
    quiet: usize,
}

/// One device.
#[derive(Debug, Default)]
struct Line {
    limit: Option<u64>,
    /// When the last window ended, at the earliest; none before the first look.
    at: Option<Duration>,
    /// Bytes received and sent by then.
    bytes: [u64; 2],
    peak: Option<[u64; 2]>,
    full: [u64; 2],
    /// Bytes in both directions at the last snapshot.
    total: u64,
    /// Until when it is looked at whatever it costs.
    awake: Duration,
    /// Whether it is looked at between snapshots.
    sampled: bool,
}

impl Peaks {
    /// Nothing was seen yet.
    pub(super) fn new() -> Self {
        Self { lines: BTreeMap::new(), quiet: (COPIED / bytes_per_look()).max(1) }
    }

    /// Looks at the devices that are worth it.
    pub(super) fn look(&mut self, kernel: &Kernel) {
        for (ifindex, line) in self.lines.iter_mut().filter(|(_, line)| line.sampled) {
            let before = monotonic();
            // What cannot be read now is said by the next snapshot.
            if let Some(bytes) = kernel.bytes(*ifindex) {
                line.take([before, monotonic()], bytes);
            }
        }
    }

    /// Ends the windows of a snapshot that was begun at this time, and adds the peaks to it.
    pub(super) fn fill(&mut self, kernel: &Kernel, began: Duration, snapshot: &mut Snapshot) {
        self.look(kernel);
        let now = monotonic();
        let counting = |device: &&mut Device| device.counting.is_ok();
        let mut kept = BTreeMap::new();
        for device in snapshot.devices.iter_mut().filter(counting) {
            let mut line = self.lines.remove(&device.ifindex).unwrap_or_default();
            line.limit = device.load.limit;
            let bytes = [device.traffic.ingress.bytes(), device.traffic.egress.bytes()];
            if !line.sampled {
                line.take([began, now], bytes);
            }
            line.note(now, bytes);
            device.load = Load { peak: line.peak.take(), full: line.full, ..device.load };
            kept.insert(device.ifindex, line);
        }
        self.lines = kept;
        let mut room = self.quiet;
        for line in self.lines.values_mut() {
            let is_quiet = line.awake <= now;
            line.sampled = !is_quiet || room > 0;
            room = room.saturating_sub(usize::from(is_quiet));
        }
    }
}

impl Line {
    /// Takes what had moved at a moment between two times.
    fn take(&mut self, [earliest, latest]: [Duration; 2], bytes: [u64; 2]) {
        let window = self.at.map(|at| latest.saturating_sub(at));
        if window.is_some_and(|window| window < SHORTEST) {
            return;
        }
        let before = std::mem::replace(&mut self.bytes, bytes);
        self.at = Some(earliest);
        let Some(window) = window else { return };
        let peaks = self.peak.get_or_insert_default();
        let sides = bytes.into_iter().zip(before).zip(peaks.iter_mut().zip(&mut self.full));
        for ((bytes, before), (peak, full)) in sides {
            // A device that moved to another vantage counts from 0 again.
            let moved = u128::from(bytes.saturating_sub(before));
            let rate = moved * 1_000_000_000 / window.as_nanos().max(1);
            *peak = u64::try_from(rate).unwrap_or(u64::MAX).max(*peak);
            let limit = self.limit.map(|limit| u128::from(limit) * FULL_PERCENT);
            if limit.is_some_and(|limit| limit > 0 && rate * 100 >= limit) {
                let windows = window.as_millis() / WINDOW.as_millis();
                *full += u64::try_from(windows).unwrap_or(u64::MAX).max(1);
            }
        }
    }

    /// Takes note of what had moved at a snapshot.
    fn note(&mut self, now: Duration, bytes: [u64; 2]) {
        let total = bytes[0].saturating_add(bytes[1]);
        let before = std::mem::replace(&mut self.total, total);
        if total.saturating_sub(before) >= LIVELY {
            self.awake = now + AWAKE;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: u64 = 1_000_000;

    /// Times of looks in milliseconds (the last moment at which it can have been), and
    /// the bytes received and sent by then.
    type Script = &'static [(u64, [u64; 2])];
    /// A script, the peaks that come of it, and the full windows.
    type Case = (&'static str, Script, Option<[u64; 2]>, [u64; 2]);

    fn after(script: Script) -> Line {
        let mut line = Line { limit: Some(LIMIT), ..Line::default() };
        for (at, bytes) in script {
            let at = Duration::from_millis(*at);
            line.take([at, at], *bytes);
        }
        line
    }

    #[test]
    fn peaks_of_windows() {
        let cases: &[Case] = &[
            ("nothing was seen", &[], None, [0, 0]),
            ("one look says nothing", &[(5, [900_000, 7])], None, [0, 0]),
            ("silence", &[(0, [5, 5]), (100, [5, 5])], Some([0, 0]), [0, 0]),
            (
                "a burst in one direction",
                &[(0, [0, 0]), (100, [90_000, 9]), (200, [90_000, 18])],
                Some([900_000, 90]),
                [0, 0],
            ),
            (
                "a full line",
                &[(0, [0, 0]), (100, [95_000, 0]), (200, [190_000, 94_900])],
                Some([950_000, 949_000]),
                [2, 0],
            ),
            (
                "a look that comes late is no peak",
                &[(0, [0, 0]), (150, [94_000, 0])],
                Some([626_666, 0]),
                [0, 0],
            ),
            (
                "one that comes early is left out",
                &[(0, [0, 0]), (79, [79_000, 0]), (100, [90_000, 0]), (179, [170_000, 0])],
                Some([900_000, 0]),
                [0, 0],
            ),
            (
                "a second that was full is ten windows",
                &[(0, [0, 0]), (1000, [960_000, 0])],
                Some([960_000, 0]),
                [10, 0],
            ),
            (
                "counters that begin anew",
                &[(0, [500_000, 0]), (100, [400, 50_000])],
                Some([0, 500_000]),
                [0, 0],
            ),
            ("any clock", &[(0, [0, 0]), (100, [u64::MAX, 0])], Some([u64::MAX, 0]), [1, 0]),
        ];
        for (name, script, peak, full) in cases {
            let line = after(script);
            assert_eq!((line.peak, line.full), (*peak, *full), "{name}");
        }
    }

    #[test]
    fn a_window_has_all_the_time_that_can_have_passed() {
        let mut line = Line::default();
        let ms = Duration::from_millis;
        line.take([ms(0), ms(30)], [0, 0]);
        line.take([ms(90), ms(100)], [100_000, 0]);
        assert_eq!(line.peak, Some([1_000_000, 0]), "from the earliest to the latest moment");
        line.take([ms(190), ms(190)], [200_000, 0]);
        assert_eq!(line.peak, Some([1_000_000, 0]));
        assert_eq!(line.full, [0, 0], "a line without a limit is never full");
    }

    #[test]
    fn a_device_stays_awake_for_a_minute() {
        let mut line = Line::default();
        for (second, total, awake) in
            [(1, 100, 0), (2, 65_635, 0), (3, 131_171, 63), (4, 131_171, 63), (5, 300_000, 65)]
        {
            line.note(Duration::from_secs(second), [total, 0]);
            assert_eq!(line.awake, Duration::from_secs(awake), "second {second}");
        }
    }
}

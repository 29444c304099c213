//! Somebody who is called again and again, and how regularly.

use std::net::IpAddr;

use super::rhythm::{Rhythm, rhythm};
use crate::{octets::octets, store::bytes::Bytes, table::Row};

/// Calls that are kept.
pub(super) const CALLS: usize = 64;
/// With fewer calls there is no rhythm.
pub(super) const LEAST: usize = 24;
/// Calls within so many seconds are one.
const BURST: u32 = 2;
const HOUR: u32 = 3600;
/// Hours of which is remembered whether there were calls.
const HOURS: u32 = 24;
/// Who was not called for so many seconds is forgotten.
const FORGOTTEN: u32 = 26 * HOUR;

/// Somebody who is called.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) tag: u32,
    pub(super) workload: u64,
    pub(super) local: IpAddr,
    pub(super) remote: IpAddr,
    pub(super) port: u16,
    /// When it became a candidate, and for how long netmon had watched by then.
    pub(super) first: u32,
    pub(super) watched: u32,
    /// Calls in all.
    pub(super) calls: u32,
    /// The last of them, in order.
    pub(super) starts: Vec<u32>,
    pub(super) sizes: Vec<u32>,
    /// Whether there were calls in the last hours: bit 0 is `hour`.
    pub(super) active: u32,
    pub(super) hour: u32,
    pub(super) rhythm: Rhythm,
}

impl Default for Candidate {
    fn default() -> Self {
        let nobody = IpAddr::from([0; 4]);
        Self {
            tag: 0,
            workload: 0,
            local: nobody,
            remote: nobody,
            port: 0,
            first: 0,
            watched: 0,
            calls: 0,
            starts: Vec::new(),
            sizes: Vec::new(),
            active: 0,
            hour: 0,
            rhythm: Rhythm::default(),
        }
    }
}

impl Row for Candidate {
    fn tag(&self) -> u32 {
        self.tag
    }

    fn is_over(&self, now: u32) -> bool {
        now.saturating_sub(self.last()) > FORGOTTEN
    }

    /// Regular ones stay; of the others, those that may yet turn out to be.
    fn worth(&self) -> u64 {
        let score = if self.starts.len() < LEAST { 0.5 } else { self.rhythm.score() };
        [0.4, 0.6, 0.7, 0.8, 0.9].iter().filter(|step| score >= **step).count() as u64 * 8
    }

    fn last(&self) -> u32 {
        self.starts.last().copied().unwrap_or(self.first)
    }
}

impl Candidate {
    pub(super) fn call(&mut self, at: u32, sent: u32) {
        self.calls = self.calls.saturating_add(1);
        self.note_hour(at / HOUR);
        let place = self.starts.partition_point(|start| *start <= at);
        let near = |place: usize| self.starts.get(place).is_some_and(|it| it.abs_diff(at) <= BURST);
        let same = [place.checked_sub(1), Some(place)].into_iter().flatten().find(|it| near(*it));
        if let Some(size) = same.and_then(|same| self.sizes.get_mut(same)) {
            *size = size.saturating_add(sent);
            return;
        }
        // What began before all that is kept came too late.
        if self.starts.len() >= CALLS && place == 0 {
            return;
        }
        self.starts.insert(place, at);
        self.sizes.insert(place, sent);
        if self.starts.len() > CALLS {
            self.starts.remove(0);
            self.sizes.remove(0);
        }
    }

    fn note_hour(&mut self, hour: u32) {
        if hour >= self.hour {
            self.active = self.active.checked_shl(hour - self.hour).unwrap_or(0) | 1;
            self.hour = hour;
        } else {
            self.active |= 1_u32.checked_shl(self.hour - hour).unwrap_or(0);
        }
    }

    pub(super) fn score(&mut self, now: u32) {
        let hour = now / HOUR;
        let hours = (hour.saturating_sub(self.first / HOUR) + 1).min(HOURS);
        let bits = self.active.checked_shl(hour.saturating_sub(self.hour)).unwrap_or(0);
        let counted = bits & ((1 << hours) - 1);
        let active = f64::from(counted.count_ones()) / f64::from(hours);
        self.rhythm = rhythm(&self.starts, &self.sizes, now, 1.0);
        // Of calls that are farther apart, hours say nothing.
        if self.rhythm.interval < f64::from(HOUR / 2) {
            self.rhythm.coverage = self.rhythm.coverage.min(active);
        }
    }

    /// Whether the next call is not overdue by far.
    pub(super) fn goes_on(&self, now: u32) -> bool {
        f64::from(now.saturating_sub(self.last())) <= 4.0 * self.rhythm.interval + 60.0
    }
}

impl Candidate {
    pub(super) fn save(&self, bytes: &mut Vec<u8>) {
        bytes.extend(self.tag.to_le_bytes());
        bytes.extend(self.workload.to_le_bytes());
        bytes.extend(octets(self.local));
        bytes.extend(octets(self.remote));
        bytes.extend(self.port.to_le_bytes());
        for number in [self.first, self.watched, self.calls, self.active, self.hour] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.push(u8::try_from(self.starts.len()).unwrap_or(0));
        for number in self.starts.iter().chain(&self.sizes) {
            bytes.extend(number.to_le_bytes());
        }
    }

    pub(super) fn load(saved: &mut Bytes<'_>) -> Option<Self> {
        let mut row = Self {
            tag: saved.u32()?.max(1),
            workload: saved.u64()?,
            local: saved.address()?,
            remote: saved.address()?,
            port: saved.u16()?,
            first: saved.u32()?,
            watched: saved.u32()?,
            calls: saved.u32()?,
            active: saved.u32()?,
            hour: saved.u32()?,
            ..Self::default()
        };
        let calls = usize::from(saved.u8()?);
        let mut numbers = || (0..calls).map(|_| saved.u32()).collect::<Option<Vec<_>>>();
        (row.starts, row.sizes) = (numbers()?, numbers()?);
        if calls > CALLS || !row.starts.is_sorted() {
            return None;
        }
        if calls >= LEAST {
            row.score(row.last());
        }
        Some(row)
    }
}

//! Who is called again and again: candidates for a rhythm.
//!
//! Of a candidate the last calls are kept. Calls that begin within two seconds of another
//! one are that one: programs open several connections at once.

use std::{net::IpAddr, time::Duration};

use super::{
    super::whole,
    admission::Admission,
    candidate::{CALLS, Candidate, LEAST},
    report::Beacon,
    watched::Watched,
};
use crate::{
    key::{Dice, Key, tag},
    octets::octets,
    store::{Keep, Unfit, bytes::Bytes},
    table::{Found, Row as _, Table},
};

/// Candidates.
const CANDIDATES: usize = 256;
/// Beacons that are reported.
const MOST: usize = 16;
/// How often scores are computed anew without a call, in seconds.
const ANEW: u32 = 60;

/// A later form of what is saved gets a higher number.
const VERSION: u8 = 1;

/// A connection that this host opened.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    pub(super) began: Duration,
    pub(super) workload: u64,
    pub(super) local: IpAddr,
    pub(super) remote: IpAddr,
    pub(super) port: u16,
    pub(super) sent: u64,
}

/// What is remembered of calls.
#[derive(Debug)]
pub(super) struct Beacons {
    key: Key,
    dice: Dice,
    admission: Admission,
    table: Table<Candidate>,
    /// The clock of the memory at time 0.
    began: u64,
    watched: Watched,
    scored: u32,
}

impl Beacons {
    pub(super) fn new(key: Key) -> Self {
        Self {
            key,
            dice: key.dice(),
            admission: Admission::new(),
            table: Table::new(CANDIDATES),
            began: 0,
            watched: Watched::default(),
            scored: 0,
        }
    }

    fn second(&self, at: Duration) -> u64 {
        self.began.saturating_add(at.as_secs())
    }

    pub(super) fn observe(&mut self, call: &Call) {
        self.watched.look(call.began);
        let second = self.second(call.began);
        let parties = [octets(call.local), octets(call.remote)];
        let [local, remote] = &parties;
        let (workload, port) = (call.workload.to_le_bytes(), call.port.to_le_bytes());
        let hash = self.key.hash(&[b"beacon", local, remote, &workload, &port]);
        let tag = tag(hash);
        if self.table.find(tag).is_none() && !self.admission.admits(hash, second) {
            return;
        }
        let now = whole(second);
        let watched = whole(self.watched.seconds());
        let at = match self.table.place(tag, now, &mut self.dice) {
            Some(Found::Known(at)) => at,
            Some(Found::New(at, _)) => {
                if let Some(row) = self.table.get_mut(at) {
                    let Call { workload, local, remote, port, .. } = *call;
                    *row = Candidate {
                        tag,
                        workload,
                        local,
                        remote,
                        port,
                        first: now,
                        watched,
                        ..Candidate::default()
                    };
                }
                at
            }
            None => return,
        };
        if let Some(row) = self.table.get_mut(at) {
            row.call(now, whole(call.sent));
            if row.starts.len() >= LEAST {
                row.score(row.last());
            }
        }
    }

    /// Those with a rhythm, the most regular first.
    pub(super) fn report(&mut self, at: Duration) -> Vec<Beacon> {
        let now = whole(self.second(at));
        self.watched.look(at);
        if now.abs_diff(self.scored) >= ANEW {
            self.scored = now;
            self.table.each(|row| {
                if row.starts.len() >= LEAST {
                    row.score(now.max(row.last()));
                }
            });
        }
        let rows = self.table.iter().filter(|row| row.starts.len() >= LEAST && row.goes_on(now));
        let mut rows: Vec<_> = rows.collect();
        rows.sort_by(|one, other| other.rhythm.score().total_cmp(&one.rhythm.score()));
        rows.truncate(MOST);
        let beacon = |row: &Candidate| Beacon {
            workload: row.workload,
            local: row.local,
            remote: row.remote,
            port: row.port,
            calls: row.calls,
            since: Duration::from_secs(u64::from(row.last().saturating_sub(row.first))),
            known: Duration::from_secs(u64::from(now.saturating_sub(row.first))),
            watched: Duration::from_secs(u64::from(row.watched)),
            rhythm: row.rhythm,
        };
        rows.into_iter().map(beacon).collect()
    }

    /// Rows that had to go although they still mattered.
    pub(super) const fn evicted(&self) -> u64 {
        self.table.evicted
    }

    pub(super) fn bytes(&self) -> usize {
        let calls = CANDIDATES * CALLS * 2 * size_of::<u32>();
        self.table.bytes() + calls + self.admission.bytes()
    }

    fn loaded(mut saved: Bytes<'_>, began: u64) -> Option<Self> {
        if saved.u8()? != VERSION {
            return None;
        }
        let mut loaded = Self::new(Key::from_bytes(saved.take()?));
        (loaded.began, loaded.watched) = (began, Watched::before(saved.u64()?));
        for _ in 0..CANDIDATES {
            if saved.is_empty() {
                break;
            }
            let row = Candidate::load(&mut saved)?;
            let place = loaded.table.place(row.tag, row.last(), &mut loaded.dice);
            if let Some(Found::Known(at) | Found::New(at, _)) = place {
                *loaded.table.get_mut(at)? = row;
            }
        }
        loaded.table.evicted = 0;
        saved.is_empty().then_some(loaded)
    }
}

impl Keep for Beacons {
    fn save(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend(self.key.to_bytes());
        bytes.extend(self.watched.seconds().to_le_bytes());
        for row in self.table.iter() {
            row.save(&mut bytes);
        }
        bytes
    }

    fn load(&mut self, saved: Option<&[u8]>, began: u64) -> Result<(), Unfit> {
        *self = Self { began, ..Self::new(self.key) };
        let Some(saved) = saved else { return Ok(()) };
        *self = Self::loaded(Bytes(saved), began).ok_or(Unfit)?;
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use super::*;

    const DAY: u64 = 86_400;

    fn call(second: u64, last: u8) -> Call {
        Call {
            began: Duration::from_secs(second),
            workload: 7,
            local: [192, 0, 2, 1].into(),
            remote: [198, 51, 100, last].into(),
            port: 443,
            sent: 300,
        }
    }

    /// Calls every ten minutes within hours.
    fn calls(beacons: &mut Beacons, hours: std::ops::Range<u64>, last: u8) {
        (hours.start * 6..hours.end * 6).for_each(|it| beacons.observe(&call(it * 600, last)));
    }

    #[test]
    fn who_is_called_once_takes_no_place() {
        let mut beacons = Beacons::new(Key::FIXED);
        // Thousands of addresses, each in two parts of ten minutes, beside one that stays.
        for second in 0..4 * 3600_u64 {
            let octets = u32::try_from(second % 600).unwrap().to_be_bytes();
            let slots = second / 1200;
            let remote =
                IpAddr::from([100 + u8::try_from(slots).unwrap(), octets[2], octets[3], 1]);
            beacons.observe(&Call { remote, ..call(second, 1) });
            if second % 300 == 0 {
                beacons.observe(&call(second, 9));
            }
        }
        let there: Vec<_> = beacons.table.iter().map(|row| row.remote).collect();
        assert!(there.contains(&call(0, 9).remote) && there.len() < 20, "{}", there.len());
        assert!(beacons.bytes() < 1 << 19, "{}", beacons.bytes());
        let report = beacons.report(Duration::from_secs(4 * 3600));
        assert_eq!(report[0].remote, call(0, 9).remote);
        assert!((report[0].rhythm.interval - 300.0).abs() < 1e-9);
    }

    #[test]
    fn calls_at_once_are_one_and_their_order_is_no_matter() {
        let [mut one, mut other] = [(); 2].map(|()| Beacons::new(Key::FIXED));
        // The first three make it a candidate.
        for beacons in [&mut one, &mut other] {
            (0..3).for_each(|it| beacons.observe(&call(it * 600, 1)));
        }
        let times: Vec<u64> = (3..40).map(|it| it * 600).collect();
        for at in &times {
            one.observe(&call(*at, 1));
        }
        for at in times.iter().rev() {
            // Three connections at once, with a third of the bytes each.
            for burst in 0..3 {
                other.observe(&Call { sent: 100, ..call(at + burst % 2, 1) });
            }
        }
        let end = Duration::from_secs(40 * 600);
        let [one, other] = [one.report(end), other.report(end)].map(|it| it[0].rhythm);
        assert!((one.score() - other.score()).abs() < 0.02, "{one:?} {other:?}");
        assert!((other.sameness - 1.0).abs() < 0.01);
    }

    #[test]
    fn it_goes_on_where_it_was() {
        let mut before = Beacons::new(Key::random());
        before.load(None, 5 * DAY).unwrap();
        calls(&mut before, 30..40, 1);
        let at = Duration::from_secs(40 * 3600);
        let (report, saved) = (before.report(at), before.save());
        let mut after = Beacons::new(Key::random());
        after.load(Some(&saved), 5 * DAY + 40 * 3600).unwrap();
        assert_eq!(after.report(Duration::ZERO), report);
        calls(&mut after, 0..1, 1);
        let now = after.report(Duration::from_secs(3600));
        assert_eq!((now.len(), now[0].calls), (1, report[0].calls + 6));
        assert!(now[0].rhythm.score() > 0.95, "{now:?}");
    }

    #[test]
    fn no_damage_ends_the_process() {
        let mut beacons = Beacons::new(Key::FIXED);
        (1..4).for_each(|last| calls(&mut beacons, 0..10, last));
        let saved = beacons.save();
        assert!(beacons.table.iter().count() == 3 && saved.len() > 1000);
        let row = (saved.len() - 25) / 3;
        for len in 0..saved.len() {
            let is_whole = len >= 25 && (len - 25) % row == 0;
            assert_eq!(beacons.load(Some(&saved[..len]), 0).is_ok(), is_whole, "{len}");
        }
        for at in 0..saved.len() {
            for flip in [1, 0x80, 0xff] {
                let mut damaged = saved.clone();
                damaged[at] ^= flip;
                // What the checksum of the file lets through is taken or refused.
                let _ = beacons.load(Some(&damaged), u64::MAX / 2);
                beacons.observe(&call(1, 1));
                beacons.report(Duration::from_secs(u64::from(u32::MAX)));
                beacons.save();
            }
        }
    }
}

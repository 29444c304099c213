//! How much went to whom within an hour.
//!
//! Of each five minutes the destinations that were sent most are kept (Space-Saving), so
//! what is said of one is at least what it was sent, less what went to others while it was
//! not kept; and together with all others it is the whole. Connections that are open count
//! by the list of sockets, what is left of them when they end.

use std::{
    collections::{BTreeMap, VecDeque},
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use netmon_common::sketch::SpaceSaving;

use super::report::{Transfer, Transfers as Report};
use crate::sockets::Outgoing;

/// The parts of the hour, and how long each is, in seconds.
const PARTS: usize = 12;
const PART: u64 = 300;
/// Destinations that are kept of each.
const KEPT: usize = 64;
/// Destinations that are reported.
const MOST: usize = 8;
/// Connections that have just ended, in case that a list of sockets still has them.
const ENDED: usize = 64;
/// Those that moved less are not worth it.
const LEAST: u64 = 1 << 20;

/// Whom something is sent to, and by whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Destination {
    workload: u64,
    local: IpAddr,
    remote: IpAddr,
}

/// Both ends of a connection.
type Ends = [SocketAddr; 2];

/// A connection of this host to somebody, at its end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moved {
    pub(super) workload: u64,
    pub(super) ends: Ends,
    pub(super) began: Duration,
    pub(super) ended: Duration,
    /// Whether its beginning was seen.
    pub(super) is_whole: bool,
    pub(super) sent: u64,
}

#[derive(Debug)]
struct Part {
    number: u64,
    sent: Box<SpaceSaving<Destination, KEPT>>,
}

/// What is remembered of transfers.
#[derive(Debug, Default)]
pub(super) struct Transfers {
    /// The oldest first.
    parts: VecDeque<Part>,
    /// Connections of the last list of sockets: their cookies and what was counted.
    open: BTreeMap<Ends, (u64, u64)>,
    /// Whether there was a list, and whether everything stood in the last one.
    listed: Option<bool>,
    ended: VecDeque<Ends>,
}

impl Transfers {
    /// Takes note of a connection that is over.
    pub(super) fn close(&mut self, moved: &Moved) {
        if moved.sent >= LEAST {
            self.ended.truncate(ENDED - 1);
            self.ended.push_front(moved.ends);
        }
        let hour = Duration::from_secs(PART * PARTS as u64);
        let (from, sent) = match self.open.remove(&moved.ends) {
            // What it sent since it was listed, which was not long ago.
            Some((_, counted)) => (moved.ended, moved.sent.saturating_sub(counted)),
            // Older than netmon, and never listed: nobody knows when it was sent.
            None if !moved.is_whole && self.listed.is_some() => return,
            None => {
                let from = moved.began.max(moved.ended.saturating_sub(hour));
                let lasted = moved.ended.saturating_sub(moved.began).as_millis();
                let within = moved.ended.saturating_sub(from).as_millis();
                (from, portion(moved.sent, within, lasted))
            }
        };
        let [local, remote] = moved.ends.map(|end| end.ip());
        let destination = Destination { workload: moved.workload, local, remote };
        self.spread(destination, sent, from, moved.ended);
    }

    /// Takes note of a new list of the connections that this host opened, the heaviest of
    /// them if it is not whole, as far as `counts`.
    pub(super) fn list(
        &mut self,
        at: Duration,
        list: &[Outgoing],
        is_whole: bool,
        counts: impl Fn(IpAddr) -> bool,
    ) {
        let mut open = BTreeMap::new();
        for socket in list.iter().filter(|socket| counts(socket.remote.ip())) {
            let ends = [socket.local, socket.remote];
            if self.ended.contains(&ends) {
                continue;
            }
            let sent = match self.open.get(&ends) {
                Some((cookie, counted)) if *cookie == socket.cookie => {
                    socket.sent.saturating_sub(*counted)
                }
                // It is new if everything stood in the list before.
                _ if self.listed == Some(true) => socket.sent,
                _ => 0,
            };
            let [local, remote] = ends.map(|end| end.ip());
            self.spread(Destination { workload: socket.workload, local, remote }, sent, at, at);
            open.insert(ends, (socket.cookie, socket.sent));
        }
        self.open = open;
        self.listed = Some(is_whole);
        // From now on no list can have what ended before.
        self.ended.clear();
    }

    /// What went to whom within the last hour.
    pub(super) fn report(&mut self, at: Duration) -> Report {
        let now = at.as_secs() / PART;
        self.parts.retain(|part| part.number + PARTS as u64 > now);
        let mut sums: BTreeMap<Destination, u64> = BTreeMap::new();
        for entry in self.parts.iter().flat_map(|part| part.sent.entries()) {
            let sum = sums.entry(entry.key).or_default();
            *sum = sum.saturating_add(entry.least());
        }
        let mut largest: Vec<_> = sums.into_iter().map(|(key, bytes)| (bytes, key)).collect();
        largest.sort_unstable_by(|one, other| other.cmp(one));
        largest.truncate(MOST);
        let all = self.parts.iter().fold(0_u64, |all, part| all.saturating_add(part.sent.total()));
        let listed = largest.iter().fold(0_u64, |sum, (bytes, _)| sum.saturating_add(*bytes));
        let transfer = |(bytes, Destination { workload, local, remote })| Transfer {
            workload,
            local,
            remote,
            bytes,
        };
        let largest = largest.into_iter().map(transfer).collect();
        Report { largest, other: all.saturating_sub(listed) }
    }

    pub(super) fn bytes(&self) -> usize {
        self.parts.len() * size_of::<SpaceSaving<Destination, KEPT>>()
            + self.open.len() * size_of::<(Ends, u64, u64)>()
    }

    /// Counts what was sent evenly over some time.
    fn spread(&mut self, destination: Destination, sent: u64, from: Duration, to: Duration) {
        if sent == 0 {
            return;
        }
        let whole = to.saturating_sub(from).as_millis();
        let (first, last) = (from.as_secs() / PART, to.as_secs() / PART);
        let mut left = sent;
        for number in first..last {
            let [begin, end] = [number, number + 1].map(|it| Duration::from_secs(it * PART));
            let within = end.saturating_sub(begin.max(from)).as_millis();
            let here = portion(sent, within, whole).min(left);
            left -= here;
            self.part(number, destination, here);
        }
        self.part(last, destination, left);
    }

    fn part(&mut self, number: u64, destination: Destination, sent: u64) {
        let newest = self.parts.back().map_or(0, |part| part.number);
        // Older than all that is kept.
        if number + PARTS as u64 <= newest {
            return;
        }
        let place = self.parts.partition_point(|part| part.number < number);
        if self.parts.get(place).is_none_or(|part| part.number != number) {
            let sent = Box::new(SpaceSaving::new(destination));
            self.parts.insert(place, Part { number, sent });
            let newest = newest.max(number);
            self.parts.retain(|part| part.number + PARTS as u64 > newest);
        }
        let mut parts = self.parts.iter_mut();
        if let Some(part) = parts.find(|part| part.number == number) {
            part.sent.add(destination, sent);
        }
    }
}

/// The part of something that falls to a part of its time.
fn portion(sent: u64, within: u128, whole: u128) -> u64 {
    let part = (u128::from(sent) * within).checked_div(whole);
    part.map_or(sent, |part| u64::try_from(part).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn ends(port: u16) -> Ends {
        [([192, 0, 2, 1], port).into(), ([198, 51, 100, 7], 443).into()]
    }

    fn open(port: u16, cookie: u64, mib: u64) -> Outgoing {
        let [local, remote] = ends(port);
        Outgoing { cookie, local, remote, workload: 0, sent: mib * MIB }
    }

    fn moved(port: u16, seconds: [u64; 2], mib: u64) -> Moved {
        let [began, ended] = seconds.map(Duration::from_secs);
        Moved { workload: 0, ends: ends(port), began, ended, is_whole: true, sent: mib * MIB }
    }

    fn second(at: u64) -> Duration {
        Duration::from_secs(at)
    }

    /// What went to the destination that was sent most, and to all others, in MiB.
    fn said(transfers: &mut Transfers, at: u64) -> [u64; 2] {
        let report = transfers.report(second(at));
        let largest = report.largest.first().map_or(0, |it| it.bytes);
        let further = report.largest.iter().skip(1).map(|it| it.bytes).sum::<u64>();
        [largest / MIB, (report.other + further) / MIB]
    }

    #[test]
    fn what_is_open_counts_once() {
        let mut transfers = Transfers::default();
        let list = |transfers: &mut Transfers, at, sockets: &[Outgoing], is_whole| {
            transfers.list(second(at), sockets, is_whole, |_| true);
            said(transfers, at)[0]
        };
        // What was sent before netmon looked is nobody's business.
        assert_eq!(list(&mut transfers, 0, &[open(1, 1, 5000)], true), 0);
        assert_eq!(list(&mut transfers, 5, &[open(1, 1, 5100)], true), 100);
        // One that began since then.
        assert_eq!(list(&mut transfers, 10, &[open(1, 1, 5100), open(2, 2, 30)], true), 130);
        // The rest of it, when it ends; and no list that still has it counts it again.
        transfers.close(&moved(2, [6, 12], 35));
        assert_eq!(said(&mut transfers, 12), [135, 0]);
        assert_eq!(list(&mut transfers, 15, &[open(1, 1, 5101), open(2, 2, 34)], true), 136);
        // Another one takes the same ports.
        assert_eq!(list(&mut transfers, 20, &[open(1, 3, 7)], true), 143);
        // In a list that is not whole, one that appears may be old.
        assert_eq!(list(&mut transfers, 25, &[open(1, 3, 7)], false), 143);
        assert_eq!(list(&mut transfers, 30, &[open(1, 3, 8), open(4, 4, 900)], true), 144);
        // Older than netmon, and never listed.
        transfers.close(&Moved { is_whole: false, ..moved(9, [0, 31], 4000) });
        assert_eq!(said(&mut transfers, 31), [144, 0]);
        // All of it is an hour ago.
        assert_eq!(said(&mut transfers, 3900), [0, 0]);
    }

    #[test]
    fn without_lists_what_was_seen_of_a_connection_counts() {
        let mut transfers = Transfers::default();
        transfers.close(&Moved { is_whole: false, ..moved(9, [0, 31], 400) });
        assert_eq!(said(&mut transfers, 31), [400, 0]);
    }

    #[test]
    fn a_long_connection_counts_evenly() {
        let mut transfers = Transfers::default();
        // Ten hours, of which the last counts, a twelfth of it in each five minutes.
        transfers.close(&moved(1, [0, 36_000], 12_000));
        for (minutes, expected) in [(0, 1100..=1200), (30, 500..=600), (55, 0..=100), (60, 0..=0)] {
            let [largest, other] = said(&mut transfers, 36_000 + minutes * 60);
            assert!(expected.contains(&largest) && other == 0, "{minutes}: {largest}");
        }
    }

    #[test]
    fn what_has_no_place_is_among_the_others() {
        let mut transfers = Transfers::default();
        for number in 0..10_000_u32 {
            let [local, _] = ends(1);
            let remote = SocketAddr::from((number.to_be_bytes(), 443));
            let small = Moved { ends: [local, remote], ..moved(1, [1, 2], 1) };
            transfers.close(&small);
        }
        transfers.close(&moved(1, [1, 2], 5000));
        let [largest, other] = said(&mut transfers, 3);
        assert_eq!(largest + other, 15_000);
        assert!((4840..=5000).contains(&largest), "{largest}");
        assert!(transfers.bytes() < 1 << 17, "{}", transfers.bytes());
    }

    #[test]
    fn nothing_is_lost_when_it_is_spread() {
        for (sent, within, whole, expected) in [
            (100, 1, 2, 50),
            (100, 0, 0, 100),
            (u64::MAX, u128::from(u64::MAX), u128::from(u64::MAX), u64::MAX),
            (7, 3, 7, 3),
        ] {
            assert_eq!(portion(sent, within, whole), expected);
        }
        for (from, to) in [(0, 0), (299_999, 300_000), (1, 3_599_999), (123_456, 1_234_567)] {
            let mut transfers = Transfers::default();
            let [from, to] = [from, to].map(Duration::from_millis);
            let [local, remote] = ends(1).map(|end| end.ip());
            transfers.spread(Destination { workload: 0, local, remote }, 1_000_003, from, to);
            let report = transfers.report(to);
            assert_eq!(report.largest[0].bytes, 1_000_003, "{from:?} {to:?}");
        }
    }
}

//! What moved within the last seconds and minutes: a bounded memory of cumulative
//! counts.
//!
//! Pure: time comes with the snapshots, so live traffic and replayed captures
//! are treated alike.

mod cells;
mod dns;
mod health;
mod host;
mod hours;
mod lines;
mod memory;
mod openings;
mod outbound;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use netmon_common::abi::{labels::Direction, tally::Tally};

use self::{cells::CellPast, dns::DnsPast, lines::Lines, memory::Memory, outbound::Outbound};
pub use self::{
    cells::{CELLS, Volume, Volumes, add_volumes},
    dns::DnsStreams,
    health::{DropReason, Health, Names, Outcomes, Way},
    host::HostRates,
    hours::{Hours, MOST_HOURS},
    lines::{Line, Moved},
    memory::Window,
    openings::{Backlog, Openings},
    outbound::Exchange,
};
use crate::{
    attempts, flows,
    names::Report,
    neighbours::Report as Neighbours,
    signal::Signal,
    snapshot::{Snapshot, Vantage, Vantages},
};

/// The longest window of packets that can be asked for.
pub const LONGEST_WINDOW: Duration = Duration::from_secs(60);

/// The longest window of [`Health`].
pub const LONGEST_MEMORY: Duration = Duration::from_secs(300);

/// How far apart the moments of [`Health`] are kept, the last one excepted: what
/// windows of minutes need, at a tenth of the memory of every second.
pub const STEP: Duration = Duration::from_secs(10);

/// The longest window of refused segments: a minute, ten seconds ago.
pub const LONGEST_REFUSALS: Duration = Duration::from_secs(70);

/// The longest window of [`Openings`].
pub const LONGEST_OPENINGS: Duration = Duration::from_secs(30);

/// The kernel's name for the reason to refuse what nobody listens for.
const NOBODY_LISTENS: &str = "no_socket";

/// The memory from which windows are computed.
#[derive(Clone, Debug)]
pub struct Rates {
    packets: Memory<Past>,
    refused: Memory<u64>,
    openings: Memory<Openings>,
    backlog: Option<Backlog>,
    health: Memory<Health>,
    lines: Lines,
    cells: Memory<CellPast>,
    outbound: Outbound,
    names: Names,
    /// What the names in DNS messages said last.
    dns_names: Option<Arc<Report>>,
    /// What the connections that are over said last.
    flows: Option<Arc<flows::Report>>,
    /// What control groups were called last.
    workloads: Arc<BTreeMap<u64, String>>,
    /// Who asked for connections in vain last.
    attempts: Option<Arc<attempts::Report>>,
    /// What changed about the neighbours, as it was said last.
    neighbours: Option<Arc<Neighbours>>,
    /// The time of the first snapshot.
    began: Option<Duration>,
}

#[derive(Clone, Debug)]
struct Past {
    directed: bool,
    vantages: Vantages,
    dns: DnsPast,
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            packets: Memory::new(LONGEST_WINDOW, Duration::ZERO),
            refused: Memory::new(LONGEST_REFUSALS, Duration::ZERO),
            openings: Memory::new(LONGEST_OPENINGS, Duration::ZERO),
            backlog: None,
            health: Memory::new(LONGEST_MEMORY, STEP),
            lines: Lines::new(Memory::new(LONGEST_MEMORY, STEP)),
            cells: Memory::new(LONGEST_MEMORY, STEP),
            outbound: Outbound::default(),
            names: Names::default(),
            dns_names: None,
            flows: None,
            workloads: Arc::default(),
            attempts: None,
            neighbours: None,
            began: None,
        }
    }
}

impl Rates {
    /// Remembers a snapshot. Snapshots must come in the order of time.
    pub fn push(&mut self, snapshot: &Snapshot) {
        let at = snapshot.at;
        self.began.get_or_insert(at);
        let (directed, vantages) = (snapshot.directed, snapshot.vantages.clone());
        let dns = DnsPast::of(&snapshot.dns);
        self.packets.push(at, Past { directed, vantages, dns });
        let resets = snapshot.tcp.resets_sent.iter();
        let refused = resets.filter(|(reason, _)| reason == NOBODY_LISTENS);
        self.refused.push(at, refused.map(|(_, count)| count).sum());
        self.openings.push(at, Openings::of(snapshot));
        self.backlog = Backlog::fullest(snapshot);
        self.health.push(at, Health::of(snapshot, &mut self.names));
        self.lines.push(snapshot);
        self.cells.push(at, CellPast::of(snapshot));
        self.outbound.push(snapshot);
        self.dns_names.clone_from(&snapshot.names);
        self.flows.clone_from(&snapshot.flows);
        self.workloads.clone_from(&snapshot.workloads);
        self.attempts.clone_from(&snapshot.attempts);
        self.neighbours.clone_from(&snapshot.neighbours);
    }

    /// The time of the last snapshot.
    pub fn now(&self) -> Duration {
        self.packets.now()
    }

    /// The rates of one vantage.
    pub const fn vantage(&self, vantage: Vantage) -> VantageRates<'_> {
        VantageRates { rates: self, vantage }
    }

    /// The rates of the host as a whole, judged by these signals.
    pub const fn host<'a>(&'a self, signals: &'a [Signal]) -> HostRates<'a> {
        HostRates { rates: self, signals }
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

    /// The same as [`VantageRates::received`] for what [`DnsStreams`] holds.
    pub fn dns_received(&self, window: Window, count: impl Fn(&DnsStreams) -> u64) -> u64 {
        self.moved(window, |past| count(past.dns.streams(self.vantage, Direction::Ingress)))
    }

    /// The same as [`VantageRates::sent`] for what [`DnsStreams`] holds.
    pub fn dns_sent(&self, window: Window, count: impl Fn(&DnsStreams) -> u64) -> u64 {
        self.moved(window, |past| {
            let direction = if past.directed { Direction::Egress } else { Direction::Ingress };
            count(past.dns.streams(self.vantage, direction))
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
        self.rates.packets.moved(window, count)
    }
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
    fn messages_over_tcp_move_by_vantage_and_direction() {
        for (directed, expected) in [(true, [50, 7, 3]), (false, [50, 7, 50])] {
            let mut rates = Rates::default();
            let mut snapshot = Snapshot::empty(Duration::ZERO);
            snapshot.directed = directed;
            rates.push(&snapshot);
            let mut dns = (*snapshot.dns).clone();
            let received = dns.of_mut(Vantage::Internal, Direction::Ingress);
            // One over UDP, which is with the packets.
            received.queries[0] = 1;
            received.queries[51] = 50;
            received.tcp_responses[3] = 7;
            dns.of_mut(Vantage::Internal, Direction::Egress).queries[26] = 3;
            snapshot.at = Duration::from_secs(1);
            snapshot.dns = Arc::new(dns);
            rates.push(&snapshot);
            let window = Window::last(1);
            let at = rates.vantage(Vantage::Internal);
            let moved = [
                at.dns_received(window, |it| it.queries),
                at.dns_received(window, |it| it.responses),
                at.dns_sent(window, |it| it.queries),
            ];
            assert_eq!(moved, expected);
            let elsewhere = rates.vantage(Vantage::Boundary);
            assert_eq!(elsewhere.dns_received(window, |it| it.queries), 0);
        }
    }

    #[test]
    fn large_messages_of_the_worst_count() {
        let mut rates = Rates::default();
        let mut snapshot = Snapshot::empty(Duration::ZERO);
        let large = |rates: &Rates| {
            let host = rates.host(&[]);
            [host.large_dns_answers(Window::last(60)), host.large_dns_streams(Window::last(60))]
        };
        assert_eq!(large(&rates), [0, 0]);
        rates.push(&snapshot);
        for (at, servers, streams, expected) in [
            (1, [5, 0], [0, 0], [5, 0]),
            // Not the sum of two servers, nor of two devices that one message crosses.
            (2, [5, 9], [1, 1], [10, 1]),
            (3, [0, 2], [0, 2], [11, 3]),
            (62, [0, 0], [0, 0], [2, 2]),
            (63, [0, 0], [0, 0], [0, 0]),
        ] {
            let mut dns = (*snapshot.dns).clone();
            dns.lookups.large[3] += servers[0];
            dns.lookups.large[63] += servers[1];
            dns.of_mut(Vantage::Boundary, Direction::Ingress).large_tcp += streams[0];
            dns.of_mut(Vantage::Internal, Direction::Egress).large_tcp += streams[1];
            snapshot.at = Duration::from_secs(at);
            snapshot.dns = Arc::new(dns);
            rates.push(&snapshot);
            assert_eq!(large(&rates), expected, "at {at} s");
        }
    }

    #[test]
    fn memory_is_bounded() {
        let rows: Vec<Row> = (0..20_000).map(|tick| (tick * 100, tick, 0)).collect();
        let rates = rates(&rows, true);
        assert_eq!(rates.packets.len(), 601);
        assert_eq!(rates.refused.len(), 701);
        assert_eq!(rates.health.len(), 32);
        assert_eq!(rates.now(), Duration::from_millis(1_999_900));
        let at = rates.vantage(Vantage::Boundary);
        assert_eq!(at.received(Window::last(60), |tally| tally.mdns_packets), 600);
    }
}

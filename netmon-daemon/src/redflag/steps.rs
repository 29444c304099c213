//! What must raise nothing and lose nothing: a restart, a reload, a suspend, steps of the
//! wall clock. By all detectors as they are shipped, on a host that is busy.

use std::time::Duration;

use netmon_common::{
    abi::{
        labels::{Class, Role, TcpFlag},
        tally::host_cell,
    },
    scope::Scope,
};

use super::{
    Board, RedFlag, Transition,
    trial::{Host, board, detectors},
};
use crate::{
    config::Config,
    detect::{self, Detector},
    rates::Rates,
    signal::Signal,
    snapshot::{Snapshot, Vantage},
};

/// A host with 2,000 packets a second at every vantage: connections that are opened and
/// answered, a few resets and fragments, lookups.
struct Busy {
    snapshot: Snapshot,
    rates: Rates,
    board: Board,
}

fn shipped() -> Vec<Box<dyn Detector>> {
    detect::enabled(&Config::default().detectors)
}

impl Busy {
    /// It has been at it for a year when netmon starts.
    fn new() -> Self {
        let mut snapshot = Snapshot::empty(Duration::ZERO);
        for signal in Signal::ALL.into_iter().filter(|it| *it != Signal::DnsNames) {
            snapshot.sources.set(signal, Some("script"));
        }
        move_on(&mut snapshot, 365 * 86_400);
        Self { snapshot, rates: Rates::default(), board: Board::new(shipped()).warming_up() }
    }

    /// Time goes on, and there is traffic for so many seconds.
    fn tick(&mut self, time: Duration, traffic: u64) -> Vec<Transition> {
        self.snapshot.at += time;
        move_on(&mut self.snapshot, traffic);
        self.rates.push(&self.snapshot);
        self.board.judge(&self.rates, |_, _| true)
    }

    fn seconds(&mut self, seconds: u64) {
        for _ in 0..seconds {
            assert_eq!(self.tick(Duration::from_secs(1), 1), []);
        }
    }

    /// netmon is started anew; the kernel goes on or is started anew as well.
    fn restart(&mut self) {
        self.rates = Rates::default();
        self.board = Board::new(shipped()).warming_up();
        self.snapshot.at = Duration::ZERO;
    }
}

/// The traffic of so many seconds.
fn move_on(snapshot: &mut Snapshot, seconds: u64) {
    for vantage in Vantage::ALL {
        let traffic = snapshot.vantages.of_mut(vantage);
        for tally in [&mut traffic.ingress, &mut traffic.egress] {
            for (class, packets) in [(Class::Ipv4Tcp, 1500), (Class::Ipv4Udp, 500)] {
                let cell = host_cell(Scope::Private.index(), class.index());
                tally.host_packets[cell] += packets * seconds;
            }
            for (flag, segments) in [(TcpFlag::Syn, 400), (TcpFlag::Synack, 400), (TcpFlag::Rst, 2)]
            {
                tally.tcp_flags[flag.index()] += segments * seconds;
            }
            tally.fragments[0] += 10 * seconds;
            tally.dns_queries[0] += 400 * seconds;
            tally.dns_responses[0] += 400 * seconds;
        }
    }
    // Those that came in from outside and by the loopback device.
    let opened = &mut snapshot.tcp.services[0].events.tcp_connections_opened;
    opened[Role::Passive.index() * Scope::COUNT] += 800 * seconds;
    *snapshot.proc.tcp_out_segs.get_or_insert(0) += 3000 * seconds;
    match snapshot.tcp.resets_sent.first_mut() {
        Some((_, refused)) => *refused += seconds,
        None => snapshot.tcp.resets_sent.push(("no_socket".to_owned(), seconds)),
    }
}

#[test]
fn restarts_raise_nothing() {
    let mut busy = Busy::new();
    for _ in 0..20 {
        busy.restart();
        busy.seconds(7);
    }
    // Not vacuously: the same host sees a flood.
    let syn = TcpFlag::Syn.index();
    busy.snapshot.vantages.boundary.ingress.tcp_flags[syn] += 100_000;
    let flood =
        busy.tick(Duration::from_secs(1), 1).len() + busy.tick(Duration::from_secs(1), 1).len();
    assert!(flood > 0);
}

#[test]
fn reloads_raise_nothing() {
    let mut busy = Busy::new();
    for _ in 0..20 {
        busy.board.reconfigure(shipped(), Vec::new());
        busy.seconds(4);
    }
}

#[test]
fn time_that_jumps_raises_nothing() {
    // What the kernel counted meanwhile: nothing while it slept as well, and all of it
    // while netmon alone was stopped.
    for (jump, counted) in [(3600, 0), (3600, 3600), (3, 3), (90, 90)] {
        let mut busy = Busy::new();
        busy.seconds(100);
        for _ in 0..20 {
            assert_eq!(busy.tick(Duration::from_secs(jump), counted), [], "{jump} {counted}");
            busy.seconds(5);
        }
    }
}

#[test]
fn a_wall_clock_that_is_set_raises_nothing() {
    let mut busy = Busy::new();
    // To and fro, and none at all.
    let clocks = [Some(0), Some(1_800_000_000), None, Some(u64::MAX)];
    for unix in clocks.into_iter().cycle().take(20) {
        busy.board.set_wall_clock(unix.map(Duration::from_secs));
        busy.seconds(4);
    }
}

#[test]
fn no_step_loses_a_flag() {
    let (mut host, mut board) = (Host::new(), board(&["mdns"], 10.0));
    let both = [Vantage::Boundary, Vantage::Loopback];
    board.judge(host.second(10, &both), |_, _| true);
    let since = |flag: RedFlag| (flag.id, flag.raised_at, flag.active);
    let flags = |board: &Board| board.flags().into_iter().map(since).collect::<Vec<_>>();
    let before = flags(&board);
    assert_eq!(before.len(), 2);
    for jump in [0, 3600, 86_400] {
        host.snapshot.at += Duration::from_secs(jump);
        board.set_wall_clock(Some(Duration::from_secs(jump)));
        assert_eq!(board.judge(host.second(0, &both), |_, _| true), [], "{jump}");
        assert_eq!(flags(&board), before, "{jump}: it is not over before it was seen to be");
        board.reconfigure(detectors(&["mdns"], 10.0), Vec::new());
        for packets in [10, 20, 10] {
            let transitions = board.judge(host.second(packets, &both), |_, _| true);
            assert_eq!(transitions, [], "{jump}: it is the same flag");
            assert_eq!(flags(&board), before, "{jump}");
        }
    }
}

//! Many more packets than usual, of a kind that no transfer has.
//!
//! What is usual is the median of the windows of ten seconds within the minutes before, by
//! vantage, scope of the remote address and protocol. An idle host makes any transfer look
//! unusual, so the number of packets alone says nothing: see
//! docs/decisions/0014-what-a-storm-is.md.

use std::time::Duration;

use super::{
    Verdict, Watch,
    robust::median,
    share,
    ways::{Ways, protocol, scope},
};
use crate::{
    config::{Interval, section::section},
    rates::{CELLS, VantageRates, Window},
    snapshot::Vantage,
};

section! {
    /// Many times the usual number of packets or bytes, which are no transfer.
    ///
    /// The packets of ten seconds against the median of the minutes before, by scope of
    /// the remote address and by protocol. Transfers exceed that on every idle host, so
    /// only packets count that no transfer explains: ICMP; small TCP segments of which
    /// half open or refuse connections, or that come in and are not answered; small
    /// datagrams of UDP and other protocols that go one way only. Broadcast and loops of
    /// switches are among the latter. Nothing is said until a minute was watched. A storm
    /// that lasts becomes usual after two and a half minutes. Where a capture does not
    /// tell directions apart, small datagrams count whether or not they are answered.
    /// A flood of large datagrams looks like a transfer; `reflection` and `packet_drops`
    /// judge some of them. Known false positives: tests of packet rates (pktgen, iperf3
    /// with small datagrams), collectors of telemetry whose senders all start at once, and
    /// hosts that see one direction of a large transfer.
    pub struct Config {
        /// Whether to judge at all.
        enabled: bool = true;
        /// How many times the usual for a warning.
        warning: f64 = 10.0, in 1.5..=1e6;
        /// How many times the usual for a critical flag; a warning is one, too, where the kernel drops packets in step with it.
        critical: f64 = 50.0, in 1.5..=1e6;
        /// Least packets in a second, on the average of 10 seconds.
        packets: f64 = 20_000.0, in 10.0..=1e9;
        /// How long must be watched before anything is said.
        watched: Interval = Interval::from_millis(60_000), in Interval::from_millis(20_000)..=Interval::from_millis(300_000);
    }
}

const WINDOW: Window = Window::last(10);

/// The windows of the minutes before.
const BEFORE: u64 = 29;

/// Bytes of the largest packet that counts with its bytes where next to nothing is usual.
const USUAL_BYTES: f64 = 1500.0;

/// Share of the packets that must be dropped to speak of drops in step with them.
const DROPPED: f64 = 0.01;

impl Watch for Config {
    const SPAN: Duration = WINDOW.span;

    fn thresholds(&self) -> [f64; 2] {
        [self.warning, self.critical]
    }

    fn judge(&self, rates: &VantageRates<'_>) -> Verdict {
        let quiet = Verdict::quiet(self.thresholds());
        // What a host sends to itself is nobody's storm, and has no direction.
        if rates.vantage() == Vantage::Loopback || rates.watched() < self.watched.0 {
            return quiet;
        }
        let Some((traffic, time)) = rates.traffic(WINDOW) else { return quiet };
        let ways = Ways::of(&traffic, rates.is_directed());
        let cells = (0..CELLS).filter_map(|cell| self.judge_cell(rates, &ways, cell, time));
        cells.reduce(Verdict::or_worse).unwrap_or(quiet)
    }
}

impl Config {
    /// Judges one cell; none where what it holds can be a transfer.
    fn judge_cell(
        &self,
        rates: &VantageRates<'_>,
        ways: &Ways,
        cell: usize,
        time: Duration,
    ) -> Option<Verdict> {
        let both = ways.both(cell);
        let seconds = time.as_secs_f64();
        let enough = both.packets as f64 / seconds / self.packets;
        // Below half of what is needed it does not matter what is usual.
        if !enough.is_finite() || enough < 0.5 || !ways.is_storm(cell) {
            return None;
        }
        let usual = self.usual(rates, cell);
        let times = |count: u64, usual: f64| count as f64 / seconds / usual;
        let [by_packets, by_bytes] =
            [times(both.packets, usual[0]), times(both.bytes, usual[1])];
        let statistic = by_packets.max(by_bytes);
        let score = |threshold: f64| (statistic / threshold).min(enough);
        let (warning, mut critical) = (score(self.warning), score(self.critical));
        let dropped = rates.overload_drops(WINDOW);
        let before = rates.overload_drops(Window::before(10, 60));
        let in_step = share(dropped, both.packets) >= DROPPED && dropped > before.saturating_mul(2);
        if in_step {
            critical = critical.max(warning);
        }
        let detail = format!(
            "{:.0} packets/s of {} with {} addresses over 10 s, {statistic:.0} times the usual; \
             {} bytes on average, {dropped} dropped",
            both.packets as f64 / seconds,
            protocol(cell).label(),
            scope(cell).label(),
            both.bytes / both.packets.max(1),
        );
        let verdict = Verdict {
            statistic,
            thresholds: self.thresholds(),
            warning,
            critical,
            detail,
            ..Verdict::blind()
        };
        Some(verdict.because([
            ("packets", both.packets),
            ("bytes", both.bytes),
            ("dropped_packets", dropped),
        ]))
    }

    /// Packets and bytes in a second that are usual: the median of the minutes before, but
    /// no less than what makes the least number of packets a warning.
    fn usual(&self, rates: &VantageRates<'_>, cell: usize) -> [f64; 2] {
        let watched = rates.watched().as_secs();
        let (mut packets, mut bytes) = (Vec::new(), Vec::new());
        let windows = (1..=BEFORE).map(|n| WINDOW.span.as_secs() * n);
        for ago in windows.take_while(|ago| ago + WINDOW.span.as_secs() <= watched) {
            let Some((volume, time)) = rates.cell(Window::before(10, ago), cell) else { continue };
            if !time.is_zero() {
                packets.push(volume.packets as f64 / time.as_secs_f64());
                bytes.push(volume.bytes as f64 / time.as_secs_f64());
            }
        }
        let least = self.packets / self.warning;
        [median(&mut packets).max(least), median(&mut bytes).max(least * USUAL_BYTES)]
    }
}

#[cfg(test)]
mod tests {
    use netmon_common::{
        abi::{
            labels::{Class, TcpFlag},
            tally::{Tally, host_cell},
        },
        scope::Scope,
    };

    use super::*;
    use crate::{
        detect::{Severity, named, trial::worst},
        redflag::Board,
        replay,
        snapshot::{Snapshot, Traffic},
        source::scripted::Scripted,
    };

    const WARNING: Option<Severity> = Some(Severity::Warning);
    const CRITICAL: Option<Severity> = Some(Severity::Critical);

    /// Packets of one cell in a second: their number, and the size of each.
    type Packets = (Scope, Class, u64, u64);

    fn count(tally: &mut Tally, (scope, class, packets, size): Packets) {
        let cell = host_cell(scope.index(), class.index());
        tally.host_packets[cell] += packets;
        tally.host_bytes[cell] += packets * size;
    }

    /// A second in which this is received and sent.
    fn second(received: &[Packets], sent: &[Packets]) -> Traffic {
        let mut traffic = Traffic::ZERO;
        for packets in received {
            count(&mut traffic.ingress, *packets);
        }
        for packets in sent {
            count(&mut traffic.egress, *packets);
        }
        traffic
    }

    fn with_flags(
        mut traffic: Traffic,
        received: &[(TcpFlag, u64)],
        sent: &[(TcpFlag, u64)],
    ) -> Traffic {
        for (flag, count) in received {
            traffic.ingress.tcp_flags[flag.index()] += count;
        }
        for (flag, count) in sent {
            traffic.egress.tcp_flags[flag.index()] += count;
        }
        traffic
    }

    /// What is raised when this happens for so many seconds to a host that saw `before`
    /// for two minutes.
    fn after(before: Traffic, seconds: u64, moved: Traffic) -> Option<Severity> {
        worst(Config::default, &[(120, before), (seconds, moved)])
    }

    fn idle() -> Traffic {
        second(&[(Scope::Public, Class::Ipv4Tcp, 20, 200)], &[(Scope::Public, Class::Ipv4Tcp, 20, 90)])
    }

    #[test]
    fn transfers_are_no_storms() {
        use Class::{Ipv4Other, Ipv4Tcp, Ipv4Udp, Ipv6Tcp};
        use Scope::{Private, Public};
        // 10 Gbit/s, unless something else is said, on a host that was idle.
        let cases = vec![
            ("a download at line rate", second(
                &[(Public, Ipv4Tcp, 820_000, 1514)], &[(Public, Ipv4Tcp, 410_000, 66)],
            )),
            ("a backup job", second(
                &[(Private, Ipv6Tcp, 400_000, 86)], &[(Private, Ipv6Tcp, 820_000, 1514)],
            )),
            ("a package download at 1 Gbit/s", second(
                &[(Public, Ipv4Tcp, 82_000, 1514), (Public, Ipv4Udp, 20, 180)],
                &[(Public, Ipv4Tcp, 41_000, 66), (Public, Ipv4Udp, 20, 80)],
            )),
            ("iperf3", second(
                &[(Private, Ipv4Tcp, 100_000, 66)], &[(Private, Ipv4Tcp, 820_000, 1514)],
            )),
            ("iperf3 --udp", second(&[(Private, Ipv4Udp, 800_000, 1490)], &[])),
            ("a download over QUIC", second(
                &[(Public, Ipv4Udp, 90_000, 1292)], &[(Public, Ipv4Udp, 9000, 80)],
            )),
            ("IPsec", second(
                &[(Public, Ipv4Other, 200_000, 1400)], &[(Public, Ipv4Other, 100_000, 110)],
            )),
            ("calls, answered", second(
                &[(Public, Ipv4Udp, 50_000, 214)], &[(Public, Ipv4Udp, 50_000, 214)],
            )),
            ("a test of small requests", second(
                &[(Private, Ipv4Tcp, 100_000, 110)], &[(Private, Ipv4Tcp, 100_000, 72)],
            )),
            // 3,000 connections a second, of ten packets each, closed by resets.
            ("a CI burst", with_flags(
                second(&[(Private, Ipv4Tcp, 15_000, 300)], &[(Private, Ipv4Tcp, 15_000, 180)]),
                &[(TcpFlag::Synack, 3000), (TcpFlag::Fin, 3000)],
                &[(TcpFlag::Syn, 3000), (TcpFlag::Rst, 3000)],
            )),
        ];
        for (name, moved) in cases {
            assert_eq!(after(idle(), 60, moved), None, "{name}");
        }
    }

    #[test]
    fn storms() {
        use Class::{Ipv4Icmp, Ipv4Tcp, Ipv4Udp, NonIp};
        use Scope::{Multicast, Private, Public};
        let syn = |requests, answers| with_flags(
            second(&[(Public, Ipv4Tcp, requests, 60)], &[(Public, Ipv4Tcp, answers, 60)]),
            &[(TcpFlag::Syn, requests)],
            &[(TcpFlag::Rst, answers)],
        );
        let udp = |packets, size| second(&[(Public, Ipv4Udp, packets, size)], &[]);
        let cases = vec![
            ("datagrams", udp(25_000, 60), WARNING),
            ("not enough", udp(19_000, 60), None),
            ("very many", udp(150_000, 60), CRITICAL),
            ("554 bytes each", udp(30_000, 554), WARNING),
            ("requests, refused", syn(60_000, 60_000), CRITICAL),
            ("requests, unanswered", syn(30_000, 0), WARNING),
            ("acknowledgements of nothing", second(&[(Public, Ipv4Tcp, 30_000, 60)], &[]), WARNING),
            ("the same sent", second(&[], &[(Public, Ipv4Tcp, 30_000, 60)]), None),
            ("a flood of pings", second(
                &[(Public, Ipv4Icmp, 15_000, 98)], &[(Public, Ipv4Icmp, 15_000, 98)],
            ), WARNING),
            ("pings of 64 KiB in fragments", second(&[(Private, Ipv4Icmp, 150_000, 1514)], &[]), CRITICAL),
            ("a loop of switches", second(&[(Public, NonIp, 120_000, 60)], &[(Public, NonIp, 9, 42)]), CRITICAL),
            ("this host floods its network", second(&[], &[(Multicast, Ipv4Udp, 40_000, 200)]), WARNING),
        ];
        for (name, moved, expected) in cases {
            assert_eq!(after(idle(), 15, moved.clone()), expected, "{name}");
            assert_eq!(worst(Config::default, &[(40, idle()), (19, moved)]), None, "{name}: early");
        }
        // A transfer beside it hides nothing in another cell.
        let mut both = udp(30_000, 60);
        both.add(&second(&[(Public, Ipv4Tcp, 820_000, 1514)], &[(Public, Ipv4Tcp, 400_000, 66)]));
        assert_eq!(after(idle(), 15, both), WARNING);
    }

    #[test]
    fn what_is_usual_is_no_storm() {
        let udp = |packets| second(&[(Scope::Private, Class::Ipv4Udp, packets, 100)], &[]);
        for (before, now, expected) in [
            (30_000, 60_000, None),
            (3_000, 29_000, None),
            (3_000, 40_000, WARNING),
            (3_000, 200_000, CRITICAL),
        ] {
            assert_eq!(after(udp(before), 15, udp(now)), expected, "{before} to {now}");
        }
        // A storm before is not what is usual, as long as it was short.
        let script = [(100, udp(1000)), (30, udp(60_000)), (100, udp(1000)), (15, udp(150_000))];
        assert_eq!(worst(Config::default, &script), CRITICAL);
    }

    /// What is raised when something happens in the last 15 of 80 seconds, and before.
    fn played(
        before: impl Fn(&mut Snapshot),
        happens: impl Fn(&mut Snapshot),
    ) -> Option<Severity> {
        let mut snapshots = vec![Snapshot::empty(Duration::ZERO)];
        for second in 0..80 {
            let mut next = snapshots[second].clone();
            next.at += Duration::from_secs(1);
            if second < 65 { before(&mut next) } else { happens(&mut next) }
            snapshots.push(next);
        }
        let mut board = Board::new(vec![named("trial", Config::default())]);
        let Ok(outcome) = replay::run(&mut Scripted::new(snapshots), &mut board);
        outcome.red_flags.iter().map(|flag| flag.severity).max()
    }

    /// What is raised in a capture, where all packets count as received.
    fn in_capture(moved: &Traffic) -> Option<Severity> {
        let undirected = |snapshot: &mut Snapshot| snapshot.directed = false;
        played(undirected, |snapshot| {
            undirected(snapshot);
            snapshot.vantages.boundary.ingress.add(&moved.ingress);
        })
    }

    #[test]
    fn drops_in_step_make_it_critical() {
        let storm = second(&[(Scope::Public, Class::Ipv4Udp, 25_000, 60)], &[]);
        for (before, then, expected) in
            [(0, 0, WARNING), (0, 249, WARNING), (0, 300, CRITICAL), (300, 300, WARNING)]
        {
            let dropped = |snapshot: &mut Snapshot, drops| {
                snapshot.boundary_drops.ingress_missed += drops;
            };
            let found = played(
                |snapshot| dropped(snapshot, before),
                |snapshot| {
                    dropped(snapshot, then);
                    snapshot.vantages.boundary.add(&storm);
                },
            );
            assert_eq!(found, expected, "{before} a second, then {then}");
        }
        // A download that loses packets is none.
        let download = second(&[(Scope::Public, Class::Ipv4Tcp, 80_000, 1514)], &[]);
        let lossy = |snapshot: &mut Snapshot| {
            snapshot.boundary_drops.ingress_missed += 9000;
            snapshot.vantages.boundary.add(&download);
        };
        assert_eq!(played(|_| {}, lossy), None);
    }

    #[test]
    fn captures_do_not_tell_directions_apart() {
        use Class::{Ipv4Tcp, Ipv4Udp, NonIp};
        use Scope::{Private, Public};
        let mut lookups = second(&[(Private, Ipv4Udp, 60_000, 90)], &[]);
        lookups.ingress.dns_queries[0] = 30_000;
        lookups.ingress.dns_responses[0] = 29_000;
        let download = [(Public, Ipv4Tcp, 820_000, 1514), (Private, Ipv4Tcp, 410_000, 66)];
        let syn = second(&[(Public, Ipv4Tcp, 40_000, 60)], &[]);
        let cases = vec![
            ("small datagrams", second(&[(Public, Ipv4Udp, 60_000, 60)], &[]), WARNING),
            ("large ones", second(&[(Public, Ipv4Udp, 60_000, 1400)], &[]), None),
            ("lookups that are answered", lookups, None),
            ("ARP", second(&[(Public, NonIp, 120_000, 60)], &[]), CRITICAL),
            ("requests", with_flags(syn, &[(TcpFlag::Syn, 40_000)], &[]), WARNING),
            ("a download", second(&download, &[]), None),
        ];
        for (name, moved, expected) in cases {
            assert_eq!(in_capture(&moved), expected, "{name}");
        }
    }
}

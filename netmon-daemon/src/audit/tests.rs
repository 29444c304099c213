//! What is a contradiction and what is not, on scripted snapshots.

use std::time::Duration;

use netmon_common::abi::tcp::{Dropped, TcpEvents};

use super::{
    trial::{Counts, Host, IFINDEX, counting, host},
    *,
};
use crate::{proc::Counters, signal::PROC, snapshot::DropCount};

/// A name, directions, what netmon and what the driver counts, and whether that is a
/// contradiction.
type Case = (&'static str, &'static [Direction], [u64; 4], [u64; 2], bool);

#[test]
fn packets_may_differ_for_known_reasons_only() {
    use Direction::{Egress, Ingress};
    let cases: [Case; 19] = [
        ("nothing moves", &[Ingress, Egress], [0; 4], [0; 2], false),
        ("equal", &[Ingress, Egress], [100_000, 0, 5 << 20, 0], [100_000, 5 << 20], false),
        ("one in 500 is not seen", &[Ingress], [99_800, 0, 9 << 20, 0], [100_000, 9 << 20], true),
        ("the same, sent", &[Egress], [99_800, 0, 9 << 20, 0], [100_000, 9 << 20], true),
        ("one in 2000", &[Ingress], [99_950, 0, 9 << 20, 0], [100_000, 9 << 20], false),
        ("few are not seen", &[Ingress], [0; 4], [64, 6400], false),
        ("a few more", &[Ingress], [0; 4], [65, 6500], true),
        ("twice", &[Ingress], [20_000, 0, 9 << 20, 0], [10_000, 9 << 19], true),
        ("more bytes", &[Ingress], [100_000, 0, 100_000_000, 0], [100_000, 101_010_000], true),
        (
            "merged ones once",
            &[Ingress, Egress],
            [10_000, 9000, 15_000_000, 600_000],
            [1000, 15_000_000],
            false,
        ),
        (
            "merged ones one by one",
            &[Ingress, Egress],
            [10_000, 9000, 15_000_000, 600_000],
            [10_000, 15_600_000],
            false,
        ),
        (
            "some of them one by one",
            &[Ingress, Egress],
            [10_000, 9000, 15_000_000, 600_000],
            [5500, 15_300_000],
            false,
        ),
        (
            "fewer than buffers",
            &[Ingress],
            [10_000, 9000, 15_000_000, 600_000],
            [900, 15_000_000],
            true,
        ),
        (
            "one by one without their headers",
            &[Ingress],
            [10_000, 9000, 15_000_000, 600_000],
            [10_000, 15_000_000],
            true,
        ),
        ("checksum", &[Ingress, Egress], [10_000, 0, 9_000_000, 0], [10_000, 9_040_000], false),
        ("and a tag", &[Ingress, Egress], [10_000, 0, 9_000_000, 0], [10_000, 9_080_000], false),
        ("no header", &[Ingress, Egress], [10_000, 0, 9_000_000, 0], [10_000, 8_860_000], false),
        ("padded", &[Egress], [100_000, 0, 4_200_000, 0], [100_000, 6_000_000], false),
        ("nobody pads those", &[Ingress], [100_000, 0, 4_200_000, 0], [100_000, 6_000_000], true),
    ];
    for (name, directions, netmon, driver, expected) in cases {
        for direction in directions {
            let host = counting(*direction, &Counts { netmon, driver });
            let said = host.contradicts(Signal::Packets);
            assert_eq!(said, expected, "{name}, {}", direction.label());
        }
    }
}

type Drop = fn(&mut Host, DropCount);
/// A name, a host, what is dropped there, how it gets known, and whether that is a
/// contradiction.
type DropCase = (&'static str, fn() -> Host, DropCount, Drop, bool);

/// Packets that netmon misses, and packets that the driver misses.
const LOST: Counts = Counts { netmon: [90_000, 0, 9 << 20, 0], driver: [100_000, 10 << 20] };
const UNSENT: Counts = Counts { netmon: [100_000, 0, 10 << 20, 0], driver: [90_000, 9 << 20] };

#[test]
fn packets_dropped_in_between_explain_a_difference() {
    let dropped = |reason: &str, packets| DropCount {
        subsystem: "tc",
        reason: reason.to_owned(),
        expected: false,
        dropped: Dropped { packets, ..Dropped::ZERO },
    };
    let received = || counting(Direction::Ingress, &LOST);
    let sent = || counting(Direction::Egress, &UNSENT);
    let nothing: Drop = |_, _| {};
    let drops: Drop = |host, drop| host.snapshot.drops.push(drop);
    let cases: [DropCase; 9] = [
        ("received, nothing dropped", received, dropped("", 0), nothing, true),
        ("by another program", received, dropped("tc_ingress", 10_000), drops, false),
        ("not enough", received, dropped("tc_ingress", 5000), drops, true),
        ("elsewhere", received, dropped("netfilter_drop", 10_000), drops, true),
        (
            "too many waiting",
            received,
            dropped("", 0),
            |host, _| host.kernel.counters.softnet_dropped = Some(10_000),
            false,
        ),
        ("sent, nothing dropped", sent, dropped("", 0), nothing, true),
        ("by a queue", sent, dropped("qdisc_overlimit", 10_000), drops, false),
        (
            "by the driver",
            sent,
            dropped("", 0),
            |host, _| host.kernel.devices.get_mut(&IFINDEX).unwrap().tx_dropped = 10_000,
            false,
        ),
        (
            "nobody counts drops",
            sent,
            dropped("", 0),
            |host, _| host.snapshot.sources.set(Signal::Drops, None),
            false,
        ),
    ];
    for (name, host, drop, change, expected) in cases {
        let mut host = host();
        change(&mut host, drop);
        assert_eq!(host.contradicts(Signal::Packets), expected, "{name}");
    }
}

/// A name, what is different about the device, and whether that is a contradiction.
type DeviceCase = (&'static str, fn(&mut Device), bool);

#[test]
fn only_what_was_counted_all_the_time_is_compared() {
    let lost = Counts { netmon: [0; 4], driver: [100_000, 10 << 20] };
    let device = |host: &mut Host, change: fn(&mut Device)| change(&mut host.snapshot.devices[0]);
    let cases: [DeviceCase; 3] = [
        ("counted", |_| {}, true),
        ("a stack of others", |device| device.vantage = None, false),
        ("not counted", |device| device.counting = Err("gone".to_owned()), false),
    ];
    for (name, change, expected) in cases {
        let mut host = counting(Direction::Ingress, &lost);
        device(&mut host, change);
        assert_eq!(host.contradicts(Signal::Packets), expected, "{name}");
    }
    let host = counting(Direction::Ingress, &lost);
    let audit = host.audited();
    for (vantage, expected) in
        [(Some(Vantage::Boundary), true), (Some(Vantage::Loopback), false), (None, true)]
    {
        assert_eq!(audit.contradicts(Signal::Packets, vantage), expected, "{vantage:?}");
    }
    assert!(!audit.contradicts(Signal::Connections, None));
}

#[test]
fn more_packets_than_any_cpu_took_are_too_many() {
    let counts = Counts { netmon: [100_000, 40_000, 9 << 20, 0], driver: [100_000, 9 << 20] };
    for (processed, expected) in [(60_000, false), (70_000, false), (59_900, true)] {
        let mut host = counting(Direction::Ingress, &counts);
        host.kernel.counters.softnet_processed = Some(processed);
        assert_eq!(host.contradicts(Signal::Packets), expected, "{processed}");
    }
}

type Change = fn(&mut TcpEvents, &mut Counters);

#[test]
fn events_of_the_stack_are_those_of_the_kernel() {
    use Signal::{Connections, ResetsSent, Retransmits, SynackRetransmits};
    let cases: [(&str, Change, &[Signal]); 13] = [
        ("nothing", |_, _| {}, &[]),
        ("few requests", |it, _| it.home_requests = 16, &[]),
        ("too many", |it, _| it.home_requests = 17, &[Connections]),
        ("not seen", |_, kernel| kernel.tcp_active_opens = Some(17), &[Connections]),
        ("never sent", |it, _| (it.home_requests, it.home_unsent) = (1000, 1000), &[]),
        (
            "0.1 %",
            |it, kernel| {
                it.home_requests = 99_900;
                kernel.tcp_active_opens = Some(100_000);
            },
            &[],
        ),
        (
            "more",
            |it, kernel| {
                it.home_requests = 99_899;
                kernel.tcp_active_opens = Some(100_000);
            },
            &[Connections],
        ),
        ("accepted", |it, _| it.home_accepted = 100, &[Connections]),
        ("failed", |it, _| it.home_failed = 100, &[Connections]),
        (
            "reset while half open",
            |_, kernel| {
                kernel.tcp_attempt_fails = Some(1000);
                kernel.embryonic_rsts = Some(1000);
            },
            &[],
        ),
        ("sent again", |it, _| it.home_retransmits = 100, &[Retransmits, SynackRetransmits]),
        ("resets", |_, kernel| kernel.tcp_out_rsts = Some(100), &[ResetsSent]),
        (
            "other resets",
            |it, kernel| {
                it.home_resets = 1000;
                kernel.tcp_out_rsts = Some(1000);
            },
            &[],
        ),
    ];
    for (name, change, expected) in cases {
        let mut host = host();
        change(&mut host.snapshot.tcp.events, &mut host.kernel.counters);
        let audit = host.audited();
        let said: Vec<_> =
            Signal::ALL.into_iter().filter(|signal| audit.contradicts(*signal, None)).collect();
        assert_eq!(said, expected, "{name}");
    }
}

#[test]
fn a_signal_without_its_own_source_is_not_compared() {
    for (signal, source, expected) in [
        (Signal::Retransmits, Some("kprobe"), true),
        (Signal::Retransmits, Some(PROC), false),
        // The kernel's counter has the answers as well.
        (Signal::SynackRetransmits, None, false),
    ] {
        let mut host = host();
        host.snapshot.sources.set(signal, source);
        host.kernel.counters.tcp_retrans_segs = Some(1000);
        let audit = host.audited();
        assert_eq!(audit.contradicts(Signal::Retransmits, None), expected, "{signal:?} {source:?}");
        let finding = audit.findings().iter().find(|it| it.name == "retransmits").unwrap();
        assert_eq!(finding.difference.is_some(), expected);
        assert_eq!(finding.unexplained, if expected { 3000 } else { 0 });
    }
}

#[test]
fn what_happens_while_both_are_read_is_no_difference() {
    let mut host = counting(
        Direction::Ingress,
        &Counts { netmon: [11_000, 0, 1_100_000, 0], driver: [10_000, 1_000_000] },
    );
    assert!(host.contradicts(Signal::Packets));
    let meanwhile = host.meanwhile.devices.get_mut(&IFINDEX).unwrap();
    (meanwhile.rx_packets, meanwhile.rx_bytes) = (1000, 100_000);
    assert!(!host.contradicts(Signal::Packets));

    host.snapshot.tcp.events.home_requests = 600;
    host.kernel.counters.tcp_active_opens = Some(500);
    assert!(host.contradicts(Signal::Connections));
    host.meanwhile.counters.tcp_active_opens = Some(100);
    assert!(!host.contradicts(Signal::Connections));
}

#[test]
fn three_bad_checks_in_a_row_contradict_and_a_good_one_ends_it() {
    let good = counting(
        Direction::Ingress,
        &Counts { netmon: [1000, 0, 100_000, 0], driver: [1000, 100_000] },
    );
    let mut audit = Audit::default();
    let mut snapshot = Arc::unwrap_or_clone(good.after(1));
    let mut told = Vec::new();
    let mut said = Vec::new();
    for bad in [false, true, true, false, true, true, true, true, false, false] {
        let mut next = snapshot.clone();
        next.at += Duration::from_secs(15);
        if bad {
            let references = Arc::make_mut(next.references.as_mut().unwrap());
            for reference in [&mut references.before, &mut references.after] {
                reference.devices.get_mut(&IFINDEX).unwrap().rx_packets += 500;
            }
        }
        snapshot = next;
        told.extend(audit.observe(&Arc::new(snapshot.clone())));
        said.push(audit.contradicts(Signal::Packets, None));
        // A snapshot that is not audited changes nothing.
        let between = Snapshot { references: None, ..snapshot.clone() };
        assert_eq!(audit.observe(&Arc::new(between)), []);
    }
    let expected = [false, false, false, false, false, false, true, true, false, false];
    assert_eq!(said, expected);
    let verdict = |contradicted, unexplained, kernel| Verdict {
        name: "packets",
        device: Some("eth0".to_owned()),
        contradicted,
        unexplained,
        kernel,
    };
    assert_eq!(told, [verdict(true, 500, 500), verdict(false, 0, 0)]);
    let finding = audit.findings()[0];
    assert_eq!(
        (finding.name, finding.difference, finding.unexplained),
        ("packets", Some(0.0), 3000)
    );
}

#[test]
fn a_driver_whose_figures_are_late_contradicts_nothing() {
    let host = counting(
        Direction::Ingress,
        &Counts { netmon: [10_000, 0, 1_000_000, 0], driver: [10_000, 1_000_000] },
    );
    let mut audit = Audit::default();
    for (check, late) in (1..).zip([0, 1000, 0, 500, 0, 2000, 0, 800, 0]) {
        let mut snapshot = Arc::unwrap_or_clone(host.after(check));
        let references = Arc::make_mut(snapshot.references.as_mut().unwrap());
        for reference in [&mut references.before, &mut references.after] {
            reference.devices.get_mut(&IFINDEX).unwrap().rx_packets -= late;
        }
        assert_eq!(audit.observe(&Arc::new(snapshot)), [], "check {check}");
    }
    assert!(audit.findings()[0].unexplained > 0, "they were bad checks");
}

//! What floods do to tables of connections: nothing but pass by.

use std::time::Duration;

use netmon_common::abi::labels::{CloseReason, FailReason, Role};

use super::{End, Flows, MAX_BYTES, Record, report::MOST};
use crate::{config::Config, key::Key};

/// The address of a number.
fn address(number: u32) -> std::net::IpAddr {
    std::net::Ipv4Addr::from_bits(0xc600_0000 | number).into()
}

/// A connection to this host that ends at a moment, and looks like a guess.
fn guess(at: Duration, client: u32) -> Record {
    Record {
        role: Role::Passive,
        client: address(client),
        client_port: 40_000,
        server: [192, 0, 2, 1].into(),
        service_port: 22,
        workload: 3,
        began: at,
        ended: at,
        seen_to_open: true,
        handshake: Some(Duration::from_micros(100)),
        client_bytes: 100,
        server_bytes: 100,
        client_segments: 2,
        server_segments: 2,
        end: End::Closed(CloseReason::Fin),
    }
}

fn flows() -> Flows {
    Flows::new(&Config::default(), Key::FIXED)
}

#[test]
fn a_flood_takes_no_memory_and_hides_nobody() {
    let mut flows = flows();
    let before = flows.bytes();
    let mut at = Duration::ZERO;
    for number in 0..400_000_u32 {
        at += Duration::from_micros(300);
        flows.observe(&guess(at, number));
        let active = Record { role: Role::Active, service_port: 6379, ..guess(at, number) };
        flows.observe(&Record { workload: u64::from(number), ..active });
        if number.is_multiple_of(2000) {
            // One who comes again and again, every 0.6 seconds.
            flows.observe(&guess(at, 1 << 23));
        }
    }
    assert!(flows.bytes() <= MAX_BYTES, "{}", flows.bytes());
    // Only what is taken when there is something to follow.
    assert!(flows.bytes() - before <= 8 * 65_536 + 8192, "{} more", flows.bytes() - before);
    let report = flows.report(at);
    assert!(report.logins.len() <= MOST && report.churning.len() <= MOST);
    assert_eq!((report.closed, report.failed), (800_200, 0));
    let worst = &report.logins[0];
    assert_eq!(worst.source, address(1 << 23).into(), "{worst:?}");
    assert!(worst.two_minutes >= 150, "{worst:?}");
    let crowd = &report.crowds[0];
    assert!(crowd.sources > 5000, "more than can be told: {crowd:?}");
    assert!(report.wasted.len() <= 257);
    let wasted: u64 = report.wasted.iter().map(|it| it.nanoseconds).sum();
    assert_eq!(wasted, 400_000 * 100_000, "what has no row is other");
    // Who is called once does not even ask for a place among the beacons, and nobody talks.
    let evicted = report
        .evicted
        .iter()
        .all(|(table, count)| (*count > 0) == ["logins", "churn"].contains(table));
    assert!(evicted, "{:?}", report.evicted);
}

#[test]
fn a_clock_that_jumps_does_no_harm() {
    let mut flows = flows();
    for at in [0, 5, 1 << 40, 7, (1 << 40) + 1, u64::MAX / 2, 3] {
        let at = Duration::from_secs(at);
        flows.observe(&guess(at, 7));
        flows.observe(&Record { role: Role::Active, service_port: 6379, ..guess(at, 7) });
        flows.observe(&Record { end: End::Failed(FailReason::Refused), ..guess(at, 7) });
        let report = flows.report(at);
        assert!(report.logins.iter().all(|it| it.thirty_minutes <= 7));
    }
    // Time does not fall, and a report is made once for a second.
    assert_eq!(flows.report(Duration::ZERO).failed, 3);
    assert!(flows.bytes() <= MAX_BYTES);
}

#[test]
fn another_configuration_keeps_what_remains() {
    let mut flows = flows();
    let second = Duration::from_secs(1);
    for number in 0..20 {
        flows.observe(&guess(second * number, 7));
        flows.observe(&Record { service_port: 21, ..guess(second * number, 7) });
    }
    let mut config = Config::default();
    config.detectors.brute_force.services.retain(|port| port.0 != 21);
    flows.configure(&config);
    let report = flows.report(second * 21);
    let told: Vec<_> = report.logins.iter().map(|it| (it.port, it.two_minutes)).collect();
    assert_eq!(told, [(22, 20)]);
    assert_eq!(report.crowds.len(), 1);
}

//! Scans: of ports, of hosts, with segments that no TCP stack sends.

use netmon::detect::Severity::{Critical, Warning};

use super::{
    ATTACKER, ATTACKER_NETWORK, ATTACKER_V6, INSIDER, VICTIM, VICTIM_V6, anybody, end, flood, host,
};
use crate::{
    talk::{ACK, FIN, PSH, RST},
    traffic::{MINUTE, MS, Micros, SECOND, Traffic},
    trial::Attack,
};

pub(super) const ALL: &[Attack] = &[
    Attack {
        name: "SYN scan of 1,000 ports, 500 a second, nobody answers",
        detector: "port_scan",
        severity: Critical,
        subject: Some(ATTACKER),
        make: |traffic, at| ports(traffic, at, [ATTACKER, VICTIM], 1000, 2 * MS, false),
    },
    Attack {
        name: "SYN scan of 100 ports, 20 a second, each refused",
        detector: "port_scan",
        severity: Critical,
        subject: Some(ATTACKER),
        make: |traffic, at| ports(traffic, at, [ATTACKER, VICTIM], 100, 50 * MS, true),
    },
    Attack {
        name: "SYN scan over IPv6, 20 a second",
        detector: "port_scan",
        severity: Critical,
        subject: Some(ATTACKER_NETWORK),
        make: |traffic, at| ports(traffic, at, [ATTACKER_V6, VICTIM_V6], 100, 50 * MS, true),
    },
    Attack {
        name: "slow scan, a port every 20 seconds",
        detector: "port_scan",
        severity: Warning,
        subject: Some(ATTACKER),
        make: |traffic, at| ports(traffic, at, [ATTACKER, VICTIM], 14, 20 * SECOND, false),
    },
    Attack {
        name: "scan from within, of 100 ports of one neighbour",
        detector: "port_scan",
        severity: Critical,
        subject: Some(INSIDER),
        make: |traffic, at| ports(traffic, at, [INSIDER, VICTIM], 100, 50 * MS, true),
    },
    Attack {
        name: "a port a second behind a flood of spoofed requests",
        detector: "port_scan",
        severity: Warning,
        subject: Some(ATTACKER),
        make: behind_a_flood,
    },
    Attack {
        name: "connect scan, of which one port in twenty is open",
        detector: "port_scan",
        severity: Critical,
        subject: Some(ATTACKER),
        make: connect_scan,
    },
    Attack {
        name: "one port of 500 public hosts, 10 a second",
        detector: "outbound_scan",
        severity: Critical,
        subject: Some(INSIDER),
        make: |traffic, at| hosts(traffic, at, 500, 100 * MS),
    },
    Attack {
        name: "one port of public hosts, one every 10 seconds",
        detector: "outbound_scan",
        severity: Warning,
        subject: Some(INSIDER),
        make: |traffic, at| hosts(traffic, at, 32, 10 * SECOND),
    },
    Attack {
        name: "UDP scan, 50 ports a second",
        detector: "udp_scan",
        severity: Critical,
        subject: Some(ATTACKER),
        make: |traffic, at| datagrams(traffic, at, [ATTACKER, VICTIM], 500, 20 * MS),
    },
    Attack {
        name: "UDP scan, of which a reply a second is seen",
        detector: "udp_scan",
        severity: Warning,
        subject: Some(ATTACKER),
        make: |traffic, at| datagrams(traffic, at, [ATTACKER, VICTIM], 60, SECOND),
    },
    Attack {
        name: "UDP scan over IPv6, 50 ports a second",
        detector: "udp_scan",
        severity: Critical,
        subject: Some(ATTACKER_NETWORK),
        make: |traffic, at| datagrams(traffic, at, [ATTACKER_V6, VICTIM_V6], 500, 20 * MS),
    },
    Attack {
        name: "NULL scan, 100 ports",
        detector: "stealth_scan",
        severity: Critical,
        subject: Some(ATTACKER),
        make: |traffic, at| stealth(traffic, at, 0, 10 * MS, 100),
    },
    Attack {
        name: "FIN scan, 100 ports",
        detector: "stealth_scan",
        severity: Critical,
        subject: Some(ATTACKER),
        make: |traffic, at| stealth(traffic, at, FIN, 10 * MS, 100),
    },
    Attack {
        name: "XMAS scan, a port every 5 seconds",
        detector: "stealth_scan",
        severity: Warning,
        subject: Some(ATTACKER),
        make: |traffic, at| stealth(traffic, at, FIN | PSH | URG, 5 * SECOND, 24),
    },
];

const URG: u8 = 0x20;

/// Ports in an order that looks like none.
fn port(number: u64) -> u16 {
    u16::try_from(number * 7919 % 49_000 + 1).unwrap()
}

fn ports(
    traffic: &mut Traffic,
    at: Micros,
    [from, to]: [&str; 2],
    count: u64,
    apart: Micros,
    refused: bool,
) {
    let first = traffic.below(40_000);
    for number in 0..count {
        let ends = [end(from, traffic.port()), end(to, port(first + number))];
        let at = at + number * apart + traffic.below(apart / 4);
        if refused {
            traffic.refused(at, ends);
        } else {
            traffic.request(at, ends);
        }
    }
}

fn behind_a_flood(traffic: &mut Traffic, at: Micros) {
    flood::spoofed(traffic, at, 1000, 15 * SECOND);
    ports(traffic, at, [ATTACKER, VICTIM], 30, SECOND, false);
}

fn connect_scan(traffic: &mut Traffic, at: Micros) {
    for number in 0..200 {
        let at = at + number * 50 * MS;
        if number % 20 == 3 {
            let open = end(VICTIM, port(number));
            traffic.connect(at, host(ATTACKER), open, 20 * MS).reset(0);
        } else {
            let client = end(ATTACKER, traffic.port());
            traffic.refused(at, [client, end(VICTIM, port(number))]);
        }
    }
}

fn hosts(traffic: &mut Traffic, at: Micros, count: u64, apart: Micros) {
    for number in 0..count {
        let mut server = anybody(traffic);
        server.set_port(445);
        let client = end(INSIDER, traffic.port());
        traffic.request(at + number * apart, [client, server]);
    }
}

fn datagrams(traffic: &mut Traffic, at: Micros, [from, to]: [&str; 2], count: u64, apart: Micros) {
    let first = traffic.below(40_000);
    for number in 0..count {
        let ends = [end(from, 50_000), end(to, port(first + number))];
        traffic.unreachable(at + number * apart, ends);
    }
}

fn stealth(traffic: &mut Traffic, at: Micros, flags: u8, apart: Micros, count: u64) {
    let most = 2 * MINUTE / apart;
    for number in 0..count.min(most) {
        let [client, server] = [end(ATTACKER, traffic.port()), end(VICTIM, port(number))];
        let at = at + number * apart;
        traffic.segment(at, [client, server], flags, [1, 0], 0);
        traffic.segment(at + 300, [server, client], RST | ACK, [0, 1], 0);
    }
}

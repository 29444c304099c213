//! Floods: of requests, answers, fragments and resets.

use netmon::detect::Severity::{Critical, Warning};

use super::{VICTIM, anybody, end};
use crate::{
    frame::Ipv4,
    lookup::{Question, TXT, response},
    talk::{ACK, RST, SYN},
    traffic::{MS, Micros, SECOND, Traffic, UDP},
    trial::Attack,
};

pub(super) const ALL: &[Attack] = &[
    Attack {
        name: "2,000 spoofed SYN a second, nobody answers",
        detector: "syn_flood",
        severity: Critical,
        subject: None,
        make: |traffic, at| spoofed(traffic, at, 2000, 5 * SECOND),
    },
    Attack {
        name: "200 spoofed SYN a second, nobody answers",
        detector: "syn_flood",
        severity: Warning,
        subject: None,
        make: |traffic, at| spoofed(traffic, at, 200, 5 * SECOND),
    },
    Attack {
        name: "1,500 SYN a second to a closed port, each refused",
        detector: "syn_flood",
        severity: Critical,
        subject: None,
        make: |traffic, at| answered(traffic, at, RST | ACK),
    },
    Attack {
        name: "1,500 SYN a second, each answered, no handshake completed",
        detector: "syn_flood",
        severity: Warning,
        subject: None,
        make: |traffic, at| answered(traffic, at, SYN | ACK),
    },
    Attack {
        name: "500 SYN-ACK a second that nobody asked for",
        detector: "reflection",
        severity: Warning,
        subject: None,
        make: |traffic, at| reflected(traffic, at, 500),
    },
    Attack {
        name: "2,000 SYN-ACK a second that nobody asked for",
        detector: "reflection",
        severity: Critical,
        subject: None,
        make: |traffic, at| reflected(traffic, at, 2000),
    },
    Attack {
        name: "300 DNS responses a second that nobody asked for",
        detector: "reflection",
        severity: Warning,
        subject: None,
        make: amplified,
    },
    Attack {
        name: "300 NTP answers a second that nobody asked for",
        detector: "reflection",
        severity: Warning,
        subject: None,
        make: |traffic, at| unasked(traffic, at, 123, 300, 440),
    },
    Attack {
        name: "2,000 NTP answers a second that nobody asked for",
        detector: "reflection",
        severity: Critical,
        subject: None,
        make: |traffic, at| unasked(traffic, at, 123, 2000, 440),
    },
    Attack {
        name: "900 answers a second of memcached that nobody asked for",
        detector: "reflection",
        severity: Critical,
        subject: None,
        make: |traffic, at| unasked(traffic, at, 11_211, 900, 1400),
    },
    Attack {
        name: "200 fragments a second",
        detector: "fragment_flood",
        severity: Warning,
        subject: None,
        make: |traffic, at| fragments(traffic, at, 2000, 5 * MS, 0x0020, 400),
    },
    Attack {
        name: "2,000 fragments a second",
        detector: "fragment_flood",
        severity: Critical,
        subject: None,
        make: |traffic, at| fragments(traffic, at, 8000, 500, 0x0020, 400),
    },
    Attack {
        name: "10 tiny first fragments a second",
        detector: "fragment_flood",
        severity: Warning,
        subject: None,
        make: |traffic, at| fragments(traffic, at, 100, 100 * MS, 0x2000, 4),
    },
    Attack {
        name: "20 resets a second into open connections",
        detector: "rst_storm",
        severity: Warning,
        subject: None,
        make: |traffic, at| torn_down(traffic, at, 20),
    },
    Attack {
        name: "a crashed service: 200 connections a second are refused",
        detector: "rst_storm",
        severity: Critical,
        subject: None,
        make: |traffic, at| crashed(traffic, at, 200),
    },
];

/// Requests of made-up sources for one port.
pub(super) fn spoofed(traffic: &mut Traffic, at: Micros, per_second: u64, time: Micros) {
    let apart = SECOND / per_second;
    for number in 0..time / apart {
        let client = anybody(traffic);
        traffic.request(at + number * apart, [client, end(VICTIM, 80)]);
    }
}

/// The same with an answer to each.
fn answered(traffic: &mut Traffic, at: Micros, flags: u8) {
    for number in 0..1500 * 4 {
        let (client, server) = (anybody(traffic), end(VICTIM, 80));
        let at = at + number * SECOND / 1500;
        traffic.segment(at, [client, server], SYN, [1000, 0], 0);
        traffic.segment(at + 100, [server, client], flags, [5000, 1001], 0);
    }
}

fn reflected(traffic: &mut Traffic, at: Micros, per_second: u64) {
    for number in 0..per_second * 4 {
        let mut server = anybody(traffic);
        server.set_port(443);
        let victim = end(VICTIM, traffic.port());
        let at = at + number * SECOND / per_second;
        traffic.segment(at, [server, victim], SYN | ACK, [5000, 1001], 0);
    }
}

fn amplified(traffic: &mut Traffic, at: Micros) {
    let question = Question { kind: TXT, data: 900, ..Question::address("example.com") };
    for number in 0..300 * 4 {
        let mut server = anybody(traffic);
        server.set_port(53);
        let id = u16::try_from(number).unwrap();
        let at = at + number * SECOND / 300;
        traffic.datagram(at, [server, end(VICTIM, 40_000)], &response(id, question));
    }
}

/// Answers of so many bytes from one port of many servers.
fn unasked(traffic: &mut Traffic, at: Micros, port: u16, per_second: u64, len: usize) {
    for number in 0..per_second * 4 {
        let mut server = anybody(traffic);
        server.set_port(port);
        let at = at + number * SECOND / per_second;
        traffic.datagram(at, [server, end(VICTIM, 40_000)], &vec![7; len]);
    }
}

fn fragments(
    traffic: &mut Traffic,
    at: Micros,
    count: u64,
    apart: Micros,
    fragment: u16,
    len: usize,
) {
    let addresses = [[203, 0, 113, 66], [10, 0, 0, 5]];
    let packet = Ipv4 { fragment, addresses, ..Ipv4::of(UDP) }.packet(&vec![7; len]);
    let frame = crate::frame::link(netmon_common::packet::Link::Ethernet, &[], 0x0800, &packet);
    for number in 0..count {
        traffic.frame(at + number * apart, frame.clone());
    }
}

/// Forged resets: connections that would have gone on.
fn torn_down(traffic: &mut Traffic, at: Micros, per_second: u64) {
    for number in 0..per_second * 20 {
        let client = anybody(traffic).ip();
        let at = at + number * SECOND / per_second;
        let mut talk = traffic.connect(at, client, end(VICTIM, 443), 10 * MS);
        talk.ask(300);
        talk.reset(1);
    }
}

fn crashed(traffic: &mut Traffic, at: Micros, per_second: u64) {
    for number in 0..per_second * 10 {
        let client = anybody(traffic);
        traffic.refused(at + number * SECOND / per_second, [client, end(VICTIM, 443)]);
    }
}

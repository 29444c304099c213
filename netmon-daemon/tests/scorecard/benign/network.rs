//! What a network is full of: neighbours, names in the local net, tunnels, fragments.

use netmon_common::packet::Link;

use super::OWN;
use crate::{
    attack::{end, host},
    frame::{Ipv4, icmp, link},
    lookup::{Question, query, response},
    traffic::{ICMP, MINUTE, MS, SECOND, Traffic, UDP, packet},
    trial::Benign,
};

pub(super) const ALL: &[Benign] = &[
    Benign { name: "a quiet night: ARP and a ping every ten minutes, eight hours", make: night },
    Benign { name: "names in the local net (mDNS), 15 minutes", make: local_names },
    Benign { name: "a gateway that fails over and keeps its hardware address", make: failover },
    Benign { name: "traceroute to five hosts", make: traceroute },
    Benign { name: "packets in VXLAN and GRE, two minutes", make: tunnels },
    Benign { name: "large pings and datagrams in fragments, two minutes", make: fragments },
];

fn night(traffic: &mut Traffic) {
    for number in 0..8 * 6 {
        let at = number * 10 * MINUTE;
        for (kind, after) in [(1_u8, 0), (2, 200)] {
            let mut claim = vec![0, 1, 8, 0, 6, 4, 0, kind, 2, 0, 0, 0, 0, kind, 10, 0, 0, kind];
            claim.extend([2, 0, 0, 0, 0, 3 - kind, 10, 0, 0, 3 - kind]);
            traffic.frame(at + after, link(Link::Ethernet, &[], 0x0806, &claim));
        }
        let ends = [host(OWN), host("9.9.9.9")];
        traffic.packet(at + MS, ends, ICMP, &icmp(8, 0));
        traffic.packet(at + 10 * MS, [ends[1], ends[0]], ICMP, &icmp(0, 0));
    }
}

fn failover(traffic: &mut Traffic) {
    for number in 0..120 {
        let ends = [end("198.51.100.80", 443), end(OWN, 40_000)];
        traffic.segment(number * SECOND, ends, 0x10, [1, 1], 100);
        if number % 30 == 0 {
            let mut claim = vec![0, 1, 8, 0, 6, 4, 0, 2, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1];
            claim.extend([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 10, 0, 0, 1]);
            traffic.frame(number * SECOND + MS, link(Link::Ethernet, &[], 0x0806, &claim));
        }
    }
}

fn local_names(traffic: &mut Traffic) {
    for number in 0..30 {
        let name = format!("printer{}._ipp._tcp.local", number % 6);
        let question = Question { kind: 12, data: 40, ..Question::address(&name) };
        let group = end("224.0.0.251", 5353);
        let at = number * 30 * SECOND;
        traffic.datagram(at, [end("10.0.0.31", 5353), group], &query(0, question));
        traffic.datagram(at + 60 * MS, [end("10.0.0.32", 5353), group], &response(0, question));
    }
}

fn traceroute(traffic: &mut Traffic) {
    for target in 1..6_u64 {
        let remote = format!("198.51.100.{target}");
        let mut at = target * 20 * SECOND;
        for hop in 0..10_u16 {
            for _ in 0..3 {
                let ends = [end(OWN, 45_000), end(&remote, 33_434 + hop * 3)];
                at += 50 * MS;
                if hop == 9 {
                    traffic.unreachable(at, ends);
                    continue;
                }
                traffic.datagram(at, ends, &[0x40; 32]);
                // Time exceeded, from a router on the way.
                let router = host(&format!("10.{hop}.0.1"));
                let mut message = icmp(11, 0);
                message.extend([0x45; 28]);
                traffic.packet(at + 10 * MS, [router, host(OWN)], ICMP, &message);
            }
        }
    }
}

fn tunnels(traffic: &mut Traffic) {
    let inner = packet([host("172.16.0.1"), host("172.16.0.2")], UDP, &[0; 60]);
    let vxlan = [&[8, 0, 0, 0, 0, 0, 42, 0], &inner[..]].concat();
    let gre = [&[0, 0, 8, 0], &inner[14..]].concat();
    for number in 0..120 {
        let at = number * SECOND;
        traffic.datagram(at, [end(OWN, 40_000), end("10.0.0.6", 4789)], &vxlan);
        traffic.packet(at + 20 * MS, [host(OWN), host("10.0.0.6")], 47, &gre);
    }
}

fn fragments(traffic: &mut Traffic) {
    for number in 0..120 {
        // 4,000 bytes in three parts.
        for (fragment, len) in [(0x2000, 1480), (0x20b9, 1480), (0x0172, 1040)] {
            let addresses = [[10, 0, 0, 5], [10, 0, 0, 6]];
            let payload = vec![8; len];
            let packet = Ipv4 { fragment, addresses, ..Ipv4::of(ICMP) }.packet(&payload);
            traffic.frame(number * SECOND, link(Link::Ethernet, &[], 0x0800, &packet));
        }
    }
}

//! What connections and neighbours give away: guesses, churn, a gateway that moves, storms.

use netmon::detect::Severity::{Critical, Warning};
use netmon_common::packet::Link;

use super::{
    ATTACKER, ATTACKER_NETWORK, ATTACKER_V6, INSIDER, VICTIM, VICTIM_V6, anybody, end, host,
};
use crate::{
    frame::link,
    talk::ACK,
    traffic::{MINUTE, MS, Micros, SECOND, Traffic},
    trial::Attack,
};

pub(super) const ALL: &[Attack] = &[
    Attack {
        name: "guesses at SSH passwords, one every 3 seconds",
        detector: "brute_force",
        severity: Warning,
        subject: Some(ATTACKER),
        make: |traffic, at| guesses(traffic, at, [ATTACKER, VICTIM], 3 * SECOND, 20),
    },
    Attack {
        name: "guesses at SSH passwords, two a second, over IPv6",
        detector: "brute_force",
        severity: Critical,
        subject: Some(ATTACKER_NETWORK),
        make: |traffic, at| guesses(traffic, at, [ATTACKER_V6, VICTIM_V6], SECOND / 2, 120),
    },
    Attack {
        name: "guesses at SSH passwords, one every 40 seconds",
        detector: "brute_force",
        severity: Warning,
        subject: Some(ATTACKER),
        make: |traffic, at| guesses(traffic, at, [ATTACKER, VICTIM], 40 * SECOND, 34),
    },
    Attack {
        name: "guesses at SSH passwords by 120 sources in turn, one a second",
        detector: "brute_force",
        severity: Critical,
        subject: None,
        make: by_many,
    },
    Attack {
        name: "a connection to a database for each of 15 requests a second",
        detector: "connection_churn",
        severity: Warning,
        subject: Some(INSIDER),
        make: |traffic, at| churn(traffic, at, 15, 70 * SECOND),
    },
    Attack {
        name: "a connection to a database for each of 120 requests a second",
        detector: "connection_churn",
        severity: Critical,
        subject: Some(INSIDER),
        make: |traffic, at| churn(traffic, at, 120, 60 * SECOND),
    },
    Attack {
        name: "300 small questions a second on one connection, 2 ms away",
        detector: "chatty_application",
        severity: Warning,
        subject: Some(INSIDER),
        make: chatter,
    },
    Attack {
        name: "a host within takes over the address of the gateway",
        detector: "gateway_change",
        severity: Critical,
        subject: Some("10.0.0.1"),
        make: taken_over,
    },
    Attack {
        name: "a beacon every ten minutes, a tenth more or less, five hours",
        detector: "beacon",
        severity: Warning,
        subject: Some(INSIDER),
        make: |traffic, at| beacon(traffic, at, 2 * MINUTE),
    },
    Attack {
        name: "a beacon every ten minutes, a third more or less, five hours",
        detector: "beacon",
        severity: Warning,
        subject: Some(INSIDER),
        make: |traffic, at| beacon(traffic, at, 6 * MINUTE + 40 * SECOND),
    },
    Attack {
        name: "a shell that calls a public address at port 4444",
        detector: "unusual_port",
        severity: Warning,
        subject: Some(INSIDER),
        make: shell,
    },
    Attack {
        name: "1.5 GiB to one public address, of which the capture shows little",
        detector: "large_transfer",
        severity: Warning,
        subject: Some(INSIDER),
        make: transfer,
    },
    Attack {
        name: "25,000 small datagrams a second to nobody",
        detector: "traffic_storm",
        severity: Warning,
        subject: None,
        make: storm,
    },
];

/// A login that fails: a key exchange, a refusal, the end.
fn guess(traffic: &mut Traffic, at: Micros, client: &str, server: &str) {
    let mut talk = traffic.connect(at, host(client), end(server, 22), 30 * MS);
    talk.answer(21).ask(21).ask(1200).answer(1900).ask(150).answer(80).wait(SECOND);
    talk.close(1);
}

fn guesses(
    traffic: &mut Traffic,
    at: Micros,
    [client, server]: [&str; 2],
    apart: Micros,
    count: u64,
) {
    for number in 0..count {
        guess(traffic, at + number * apart, client, server);
    }
}

fn by_many(traffic: &mut Traffic, at: Micros) {
    for number in 0..120 {
        let client = format!("45.{}.7.{}", number % 120, number % 120 + 1);
        guess(traffic, at + number * SECOND, &client, VICTIM);
    }
}

fn churn(traffic: &mut Traffic, at: Micros, per_second: u64, time: Micros) {
    let apart = SECOND / per_second;
    for number in 0..time / apart {
        let database = end("10.0.0.9", 5432);
        let mut talk = traffic.connect(at + number * apart, host(INSIDER), database, MS);
        talk.ask(200).answer(400);
        talk.close(0);
    }
}

fn chatter(traffic: &mut Traffic, at: Micros) {
    let mut talk = traffic.connect(at, host(INSIDER), end("198.51.100.9", 5432), 2 * MS);
    for _ in 0..300 * 66 {
        talk.ask(24).answer(48).wait(SECOND / 300 - 2 * MS - 100);
    }
    talk.close(0);
}

/// Somebody with this card says by ARP that it has 10.0.0.`last`.
fn says(traffic: &mut Traffic, at: Micros, card: u8, last: u8) {
    let mut claim = vec![0, 1, 8, 0, 6, 4, 0, 2, 2, 0, 0, 0, 0, card, 10, 0, 0, last];
    claim.extend([2, 0, 0, 0, 0, 7, 10, 0, 0, 7]);
    let mut frame = link(Link::Ethernet, &[], 0x0806, &claim);
    frame[6..12].copy_from_slice(&[2, 0, 0, 0, 0, card]);
    traffic.frame(at, frame);
}

/// The card from which all packets come, which so is that of the gateway.
const GATEWAY_CARD: u8 = 1;

fn taken_over(traffic: &mut Traffic, at: Micros) {
    traffic.mark(at + MINUTE);
    says(traffic, at, GATEWAY_CARD, 1);
    says(traffic, at + MS, 66, 66);
    for number in 0..30 {
        let ends = [end("198.51.100.80", 443), end(INSIDER, 40_000)];
        traffic.segment(at + number * SECOND, ends, ACK, [1, 1], 100);
    }
    says(traffic, at + MINUTE, 66, 1);
    says(traffic, at + MINUTE + 2 * SECOND, 66, 1);
}

fn beacon(traffic: &mut Traffic, at: Micros, jitter: Micros) {
    for number in 0..31 {
        let at = at + number * 10 * MINUTE + traffic.below(jitter);
        let mut talk = traffic.connect(at, host(INSIDER), end(ATTACKER, 443), 30 * MS);
        talk.ask(300).answer(200);
        talk.close(0);
    }
}

fn shell(traffic: &mut Traffic, at: Micros) {
    let mut talk = traffic.connect(at, host(INSIDER), end(ATTACKER, 4444), 30 * MS);
    for _ in 0..5 {
        talk.answer(20).ask(400).wait(3 * SECOND);
    }
    talk.close(1);
}

fn transfer(traffic: &mut Traffic, at: Micros) {
    let mut talk = traffic.connect(at, host(INSIDER), end(ATTACKER, 443), 30 * MS);
    for _ in 0..24 {
        talk.ask(1448).skip(0, 64 << 20).wait(2 * SECOND);
    }
    talk.close(0);
}

fn storm(traffic: &mut Traffic, at: Micros) {
    // What is usual is seen for a minute before.
    let begins = at + 70 * SECOND;
    traffic.mark(begins);
    for number in 0..70 {
        let ends = [end(INSIDER, 5000), end("10.0.0.9", 5000)];
        traffic.datagram(at + number * SECOND, ends, &[1; 40]);
    }
    for number in 0..25_000 * 9 {
        let victim = anybody(traffic);
        traffic.datagram(begins + number * 40, [end(INSIDER, 5000), victim], &[1; 10]);
    }
}

//! Trouble of connections: those that cannot be opened, and those that take long to open.

use netmon::detect::Severity::{Critical, Warning};

use super::{INSIDER, VICTIM, anybody, end};
use crate::{
    talk::{ACK, SYN},
    traffic::{MINUTE, MS, Micros, SECOND, Traffic},
    trial::Attack,
};

pub(super) const ALL: &[Attack] = &[
    Attack {
        name: "a service that is gone: a request a second, repeated in vain",
        detector: "connect_failures",
        severity: Warning,
        subject: None,
        make: |traffic, at| gone(traffic, at, false),
    },
    Attack {
        name: "a service that is down: a request a second, refused",
        detector: "connect_failures",
        severity: Warning,
        subject: None,
        make: |traffic, at| gone(traffic, at, true),
    },
    Attack {
        name: "one request in five is lost, for four minutes",
        detector: "slow_handshakes",
        severity: Critical,
        subject: None,
        make: lossy,
    },
    Attack {
        name: "handshakes take 400 ms, not 20 ms, from some minute on",
        detector: "slow_handshakes",
        severity: Warning,
        subject: None,
        make: far,
    },
];

fn gone(traffic: &mut Traffic, at: Micros, refused: bool) {
    for number in 0..45 {
        let ends = [end(INSIDER, traffic.port()), end("10.0.0.9", 8080)];
        let at = at + number * SECOND;
        if refused {
            traffic.refused(at, ends);
        } else {
            traffic.ignored(at, ends);
        }
    }
}

/// One connection with a request and an answer.
fn visit(traffic: &mut Traffic, at: Micros, round_trip: Micros) {
    let client = anybody(traffic).ip();
    let mut talk = traffic.connect(at, client, end(VICTIM, 443), round_trip);
    talk.ask(200).answer(900);
    talk.close(1);
}

/// The moments of so many visits a minute, in its first seconds.
fn moments(minutes: u64) -> impl Iterator<Item = (u64, Micros)> {
    (0..minutes)
        .flat_map(|minute| (0..30).map(move |number| (number, minute * MINUTE + number * 200 * MS)))
}

fn lossy(traffic: &mut Traffic, at: Micros) {
    for (number, after) in moments(4) {
        let at = at + after;
        if number % 5 != 0 {
            visit(traffic, at, 20 * MS);
            continue;
        }
        // The first request does not come back, the second one does.
        let ends = [anybody(traffic), end(VICTIM, 443)];
        let again = at + 1030 * MS;
        traffic.segment(at, ends, SYN, [1000, 0], 0);
        traffic.segment(again, ends, SYN, [1000, 0], 0);
        traffic.segment(again + 20 * MS, [ends[1], ends[0]], SYN | ACK, [5000, 1001], 0);
        traffic.segment(again + 21 * MS, ends, ACK, [1001, 5001], 0);
    }
}

fn far(traffic: &mut Traffic, at: Micros) {
    // What is usual is seen for some minutes before.
    let begins = at + 5 * MINUTE;
    traffic.mark(begins);
    for (_, after) in moments(5) {
        visit(traffic, at + after, 20 * MS);
    }
    for (_, after) in moments(5) {
        visit(traffic, begins + after, 400 * MS);
    }
}

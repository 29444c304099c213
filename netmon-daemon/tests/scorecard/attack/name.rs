//! DNS: tunnels, floods, generated domains, large answers, and lookups in vain.

use netmon::detect::Severity::{Critical, Warning};

use super::{INSIDER, RESOLVER, end, host};
use crate::{
    lookup::{A, AAAA, NULL, NX_DOMAIN, Question, TXT, response},
    traffic::{MS, Micros, SECOND, Traffic},
    trial::Attack,
};

pub(super) const ALL: &[Attack] = &[
    Attack {
        name: "tunnel by NULL records, 8 names of 100 bytes a second",
        detector: "dns_tunnel",
        severity: Critical,
        subject: Some(INSIDER),
        make: |traffic, at| tunnel(traffic, at, NULL, 50, 125 * MS, 100),
    },
    Attack {
        name: "tunnel by TXT records, a name of 100 bytes every 2 seconds",
        detector: "dns_tunnel",
        severity: Critical,
        subject: Some(INSIDER),
        make: |traffic, at| tunnel(traffic, at, TXT, 50, 2 * SECOND, 40),
    },
    Attack {
        name: "tunnel by addresses, a name of 12 bytes a second",
        detector: "dns_tunnel",
        severity: Warning,
        subject: Some(INSIDER),
        make: |traffic, at| tunnel(traffic, at, A, 6, SECOND, 90),
    },
    Attack {
        name: "tunnel by TXT records, a name every 30 seconds, half an hour",
        detector: "dns_tunnel",
        severity: Warning,
        subject: Some(INSIDER),
        make: |traffic, at| tunnel(traffic, at, TXT, 50, 30 * SECOND, 58),
    },
    Attack {
        name: "2,000 queries a second that nobody answers",
        detector: "dns_flood",
        severity: Warning,
        subject: None,
        make: |traffic, at| flood(traffic, at, 2000),
    },
    Attack {
        name: "6,000 queries a second that nobody answers",
        detector: "dns_flood",
        severity: Critical,
        subject: None,
        make: |traffic, at| flood(traffic, at, 6000),
    },
    Attack {
        name: "generated domains that do not exist, one a second",
        detector: "dns_nxdomain",
        severity: Critical,
        subject: Some(INSIDER),
        make: |traffic, at| generated(traffic, at, SECOND, 120),
    },
    Attack {
        name: "generated domains that do not exist, one every 10 seconds",
        detector: "dns_nxdomain",
        severity: Warning,
        subject: Some(INSIDER),
        make: |traffic, at| generated(traffic, at, 10 * SECOND, 20),
    },
    Attack {
        name: "an answer of 1,400 bytes a second",
        detector: "dns_large_messages",
        severity: Warning,
        subject: None,
        make: large,
    },
    Attack {
        name: "one answer of 20,000 bytes over TCP",
        detector: "dns_large_messages",
        severity: Critical,
        subject: None,
        make: oversize,
    },
    Attack {
        name: "one name asked for 5 times a second",
        detector: "dns_repeats",
        severity: Warning,
        subject: Some(INSIDER),
        make: repeats,
    },
    Attack {
        name: "a search list: three tries in vain for each name, 4 a second",
        detector: "dns_repeats",
        severity: Warning,
        subject: Some(INSIDER),
        make: expansions,
    },
];

/// Bytes as a label: two digits for each.
fn label(traffic: &mut Traffic, bytes: usize) -> String {
    (0..bytes * 2).map(|_| char::from(b"0123456789abcdef"[traffic.at(16)])).collect()
}

/// A name of one label, or of two where one would be too long.
fn name(traffic: &mut Traffic, bytes: usize) -> String {
    let (front, back) = (bytes.min(30), bytes.saturating_sub(30));
    let front = label(traffic, front);
    if back == 0 { front } else { format!("{front}.{}", label(traffic, back)) }
}

fn tunnel(traffic: &mut Traffic, at: Micros, kind: u16, bytes: usize, apart: Micros, count: u64) {
    for number in 0..count {
        let name = format!("{}.t.example.com", name(traffic, bytes));
        let question = Question { kind, data: 100, ..Question::address(&name) };
        traffic.lookup(at + number * apart, host(INSIDER), host(RESOLVER), question);
    }
}

fn flood(traffic: &mut Traffic, at: Micros, per_second: u64) {
    for number in 0..per_second * 3 {
        let name = format!("{}.example.org", label(traffic, 4));
        traffic.query(at + number * SECOND / per_second, host(INSIDER), host(RESOLVER), &name);
    }
}

fn generated(traffic: &mut Traffic, at: Micros, apart: Micros, count: u64) {
    for number in 0..count {
        let ending = ["com", "net", "org", "info"][traffic.at(4)];
        let name: String = (0..12).map(|_| letter(traffic)).collect();
        let name = format!("{name}.{ending}");
        let question = Question { code: NX_DOMAIN, data: 0, ..Question::address(&name) };
        traffic.lookup(at + number * apart, host(INSIDER), host(RESOLVER), question);
    }
}

fn letter(traffic: &mut Traffic) -> char {
    char::from(b'a' + u8::try_from(traffic.below(26)).unwrap())
}

fn large(traffic: &mut Traffic, at: Micros) {
    for number in 0..40 {
        let question = Question { kind: TXT, data: 1350, ..Question::address("big.example.com") };
        traffic.lookup(at + number * SECOND, host(INSIDER), host(RESOLVER), question);
    }
}

fn oversize(traffic: &mut Traffic, at: Micros) {
    let question = Question { kind: TXT, data: 20_000, ..Question::address("big.example.com") };
    let message = response(7, question);
    let query = crate::lookup::query(7, question);
    let mut talk = traffic.connect(at, host(INSIDER), end(RESOLVER, 53), 2 * MS);
    talk.message(0, &query).message(1, &message).wait(10 * MS);
    talk.close(0);
}

fn repeats(traffic: &mut Traffic, at: Micros) {
    for number in 0..300 {
        let question = Question::address("api.example.com");
        traffic.lookup(at + number * 200 * MS, host(INSIDER), host(RESOLVER), question);
    }
}

fn expansions(traffic: &mut Traffic, at: Micros) {
    let lists = ["default.svc.cluster.local", "svc.cluster.local", "cluster.local"];
    for number in 0..400 {
        let host_name = format!("shop{}.example.com", number % 40);
        let mut at = at + number * 250 * MS;
        for list in lists {
            let name = format!("{host_name}.{list}");
            let question = Question { code: NX_DOMAIN, data: 0, ..Question::address(&name) };
            at = traffic.lookup(at, host(INSIDER), host(RESOLVER), question);
        }
        let question = Question { kind: AAAA, data: 16, ..Question::address(&host_name) };
        traffic.lookup(at, host(INSIDER), host(RESOLVER), question);
    }
}

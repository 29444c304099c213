//! What people and their programs do.

use std::net::SocketAddr;

use super::{OWN, RESOLVER};
use crate::{
    attack::{end, host},
    lookup::{AAAA, NO_ERROR, NX_DOMAIN, Question},
    talk::{ACK, SYN},
    traffic::{HOUR, MINUTE, MS, Micros, SECOND, Traffic},
    trial::Benign,
};

pub(super) const ALL: &[Benign] = &[
    Benign { name: "browsing, 20 minutes", make: |traffic| browse(traffic, HOUR / 3) },
    Benign { name: "an interactive session over SSH, ten minutes", make: session },
    Benign { name: "a web application that keeps in touch, 15 minutes", make: touch },
    Benign { name: "a client that tries IPv6 first, in vain, 15 minutes", make: happy_eyeballs },
    Benign { name: "a call of two minutes, its datagrams thinned out", make: call },
    Benign { name: "a few connections that are refused or not answered, an hour", make: misses },
    Benign { name: "typing errors: a name in ten does not exist, five minutes", make: typing },
    Benign { name: "a network with 3 % loss, a minute", make: loss },
];

/// Browsing for as long as attacks last that are run amid it.
pub(crate) fn browsing(traffic: &mut Traffic) {
    browse(traffic, MINUTE);
}

/// Names of the web: of so many sites so many hosts.
fn site(number: u64) -> String {
    let word = ["news", "shop", "mail", "maps", "video", "forum", "wiki", "bank"];
    let ending = ["com", "org", "net", "de"];
    let [word_at, ending_at] = [number % 8, number / 8 % 4].map(|at| usize::try_from(at).unwrap());
    format!("{}{}.{}", word[word_at], number / 32, ending[ending_at])
}

/// The address of a server of the web.
fn server(number: u64) -> SocketAddr {
    end(&format!("93.184.{}.{}", number / 200 % 200, number % 200 + 1), 443)
}

/// Hosts of a site from which its pages come.
const HOSTS: [&str; 5] = ["www", "img", "api", "cdn", "static"];

fn browse(traffic: &mut Traffic, time: Micros) {
    let mut at = 0;
    while at < time {
        let first = traffic.below(60);
        for part in 0..5 {
            let number = first * 5 + part;
            let name = format!("{}.{}", HOSTS[usize::try_from(part).unwrap()], site(first));
            let begins = at + part * 30 * MS;
            let question = Question::address(&name);
            traffic.lookup(begins, host(OWN), host(RESOLVER), question);
            let question = Question { kind: AAAA, data: 16, ..question };
            let found = traffic.lookup(begins, host(OWN), host(RESOLVER), question);
            let bytes = usize::try_from(2000 + traffic.below(40_000)).unwrap();
            let mut talk = traffic.connect(found + MS, host(OWN), server(number), 24 * MS);
            talk.ask(517).answer(4200).ask(500).answer(bytes).wait(5 * SECOND);
            talk.close(0);
        }
        at += traffic.about(40 * SECOND);
    }
}

fn session(traffic: &mut Traffic) {
    let mut talk = traffic.connect(0, host(OWN), end("198.51.100.22", 22), 30 * MS);
    talk.ask(1500).answer(2200);
    while talk.at < 10 * MINUTE {
        talk.ask(36).answer(36);
        let pause = if (talk.at / MINUTE).is_multiple_of(5) { 300 * MS } else { 20 * SECOND };
        talk.wait(pause);
    }
    talk.close(0);
}

fn touch(traffic: &mut Traffic) {
    for number in 0..4 {
        let mut talk = traffic.connect(number * 700 * MS, host(OWN), server(number), 24 * MS);
        talk.ask(900).answer(3000);
        while talk.at < 15 * MINUTE {
            talk.wait(25 * SECOND).ask(6).answer(6);
        }
        talk.close(1);
    }
}

fn happy_eyeballs(traffic: &mut Traffic) {
    for number in 0..30 {
        let at = number * 30 * SECOND;
        let remote = end("2001:db8:443::80", 443);
        let client = end("2001:db8:5::5", traffic.port());
        traffic.segment(at, [client, remote], SYN, [1000, 0], 0);
        let mut talk = traffic.connect(at + 250 * MS, host(OWN), server(number), 24 * MS);
        talk.ask(517).answer(9000).wait(2 * SECOND);
        talk.close(0);
    }
}

fn call(traffic: &mut Traffic) {
    let ends = [end(OWN, 50_004), end("198.51.100.99", 3478)];
    for number in 0..6 * 120 {
        let at = number * SECOND / 6;
        traffic.datagram(at, ends, &[0x80; 120]);
        traffic.datagram(at + 10 * MS, [ends[1], ends[0]], &[0x80; 120]);
    }
}

fn misses(traffic: &mut Traffic) {
    for number in 0..12 {
        let at = number * 5 * MINUTE;
        let client = end(OWN, traffic.port());
        traffic.refused(at, [client, end("10.0.0.9", 8080)]);
        let client = end(OWN, traffic.port());
        traffic.ignored(at + MINUTE, [client, server(number)]);
    }
}

fn typing(traffic: &mut Traffic) {
    for number in 0..30 {
        let is_wrong = number % 10 == 0;
        let name = if is_wrong { format!("wwww.{}x", site(number)) } else { site(number) };
        let (code, data) = if is_wrong { (NX_DOMAIN, 0) } else { (NO_ERROR, 4) };
        let question = Question { code, data, ..Question::address(&name) };
        traffic.lookup(number * 10 * SECOND, host(OWN), host(RESOLVER), question);
    }
}

fn loss(traffic: &mut Traffic) {
    for number in 0..60 {
        let mut talk = traffic.connect(number * SECOND, host(OWN), server(number), 40 * MS);
        talk.ask(500).answer(20_000);
        if number % 3 == 0 {
            talk.again(1).answer(20_000);
        }
        talk.close(0);
    }
    // A request of thirty is sent again.
    for number in 0..2 {
        let ends = [end(OWN, traffic.port()), server(number)];
        let at = number * 30 * SECOND;
        traffic.segment(at, ends, SYN, [1000, 0], 0);
        traffic.segment(at + SECOND, ends, SYN, [1000, 0], 0);
        traffic.segment(at + SECOND + 20 * MS, [ends[1], ends[0]], SYN | ACK, [5000, 1001], 0);
        traffic.segment(at + SECOND + 21 * MS, ends, ACK, [1001, 5001], 0);
    }
}

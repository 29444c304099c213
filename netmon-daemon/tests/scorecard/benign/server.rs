//! What servers do, and those who use them as they should.

use super::{OWN, PEER, RESOLVER};
use crate::{
    attack::{end, host},
    lookup::{NX_DOMAIN, Question, TXT, query, response},
    talk::{ACK, SYN},
    traffic::{MINUTE, MS, Micros, SECOND, Traffic},
    trial::Benign,
};

pub(super) const ALL: &[Benign] = &[
    Benign { name: "a mail server with blocklists, six minutes", make: mail },
    Benign { name: "a pool of ten connections to a database, two minutes", make: pool },
    Benign { name: "a client of an API, 50 connections a second, a minute", make: api },
    Benign { name: "an administrator who logs in by SSH, eight times in an hour", make: admin },
    Benign { name: "mail that five clients look for every five minutes, an hour", make: mailboxes },
    Benign { name: "500 answered connections a second, five seconds", make: siege },
    Benign { name: "500 answered queries a second, five seconds", make: resolver },
    Benign { name: "an NTP server, 500 clients a second, five seconds", make: clock },
    Benign { name: "a poller of 500 SNMP agents a second, five seconds", make: poller },
    Benign {
        name: "signed answers of 1,300 bytes, one in ten seconds, five minutes",
        make: signed,
    },
    Benign { name: "a zone transfer of 30 messages", make: transfer },
    Benign { name: "monitoring of ten ports, one of them closed, seven minutes", make: polls },
    Benign { name: "a service that is started anew under load", make: restart },
    Benign { name: "handshakes with ECN (SYN with ECE and CWR)", make: ecn },
];

/// A client somewhere outside.
fn client(number: u64) -> String {
    format!("{}.{}.0.{}", 20 + number % 60, number / 60 % 200, number % 250 + 1)
}

fn mail(traffic: &mut Traffic) {
    for number in 0..72 {
        let at = number * 5 * SECOND;
        let from = client(number % 400);
        let octets: Vec<&str> = from.split('.').rev().collect();
        let mut now = at;
        for list in ["zen.spamhaus.org", "bl.spamcop.net", "b.barracudacentral.org"] {
            let name = format!("{}.{list}", octets.join("."));
            let question = Question { code: NX_DOMAIN, data: 0, ..Question::address(&name) };
            now = traffic.lookup(now, host(OWN), host(RESOLVER), question);
        }
        let domain = format!("company{}.com", number % 300);
        for (front, kind) in [("", 15), ("", TXT), ("_dmarc.", TXT), ("s1._domainkey.", TXT)] {
            let name = format!("{front}{domain}");
            let question = Question { kind, data: 90, ..Question::address(&name) };
            now = traffic.lookup(now, host(OWN), host(RESOLVER), question);
        }
        let bytes = usize::try_from(3000 + traffic.below(30_000)).unwrap();
        let mut talk = traffic.connect(at, host(&from), end(OWN, 25), 40 * MS);
        talk.answer(60).ask(30).answer(200).ask(700).answer(3000).ask(bytes).answer(40);
        talk.close(0);
    }
}

fn pool(traffic: &mut Traffic) {
    for number in 0..10 {
        let mut talk = traffic.connect(number * 70 * MS, host(OWN), end(PEER, 5432), MS);
        while talk.at < 2 * MINUTE {
            talk.ask(120).answer(800).wait(2 * SECOND);
        }
        talk.close(0);
    }
}

fn admin(traffic: &mut Traffic) {
    for number in 0..8 {
        let at = number * 7 * MINUTE;
        let mut talk = traffic.connect(at, host("198.51.100.22"), end(OWN, 22), 30 * MS);
        talk.answer(21).ask(1200).answer(1900).ask(600).answer(3000).wait(MINUTE).ask(100);
        talk.close(0);
    }
}

fn mailboxes(traffic: &mut Traffic) {
    for round in 0..12 {
        for number in 0..5 {
            let at = round * 5 * MINUTE + number * SECOND;
            let from = host(&client(number));
            let mut talk = traffic.connect(at, from, end(OWN, 993), 30 * MS);
            talk.ask(500).answer(3000).ask(400).answer(900);
            talk.close(0);
        }
    }
}

fn visits(traffic: &mut Traffic, apart: Micros, count: u64, port: u16) {
    for number in 0..count {
        let from = host(&client(number % 100));
        let mut talk = traffic.connect(number * apart, from, end(OWN, port), 8 * MS);
        talk.ask(250).answer(1200);
        talk.close(0);
    }
}

fn api(traffic: &mut Traffic) {
    for number in 0..50 * 60 {
        let at = number * 20 * MS;
        let mut talk = traffic.connect(at, host(OWN), end("10.0.0.80", 80), 2 * MS);
        talk.ask(250).answer(1200);
        talk.close(0);
    }
}

fn siege(traffic: &mut Traffic) {
    visits(traffic, 2 * MS, 2500, 80);
}

fn resolver(traffic: &mut Traffic) {
    for number in 0..2500 {
        let name = format!("www.site{}.com", number % 700);
        let from = host(&format!("10.0.{}.{}", number % 4, number % 200 + 1));
        traffic.lookup(number * 2 * MS, from, host(RESOLVER), Question::address(&name));
    }
}

/// A third of the clients ask from the port of the service, as servers do.
fn clock(traffic: &mut Traffic) {
    for number in 0..2500 {
        let port = if number % 3 == 0 { 123 } else { traffic.port() };
        let ends = [end(&client(number), port), end(OWN, 123)];
        let at = number * 2 * MS;
        traffic.datagram(at, ends, &[0x23; 48]);
        traffic.datagram(at + 100, [ends[1], ends[0]], &[0x24; 48]);
    }
}

fn poller(traffic: &mut Traffic) {
    for number in 0..2500 {
        let agent = format!("10.1.{}.{}", number % 2, number % 250 + 1);
        let ends = [end(OWN, 40_000), end(&agent, 161)];
        let at = number * 2 * MS;
        traffic.datagram(at, ends, &[0x30; 60]);
        traffic.datagram(at + 20 * MS, [ends[1], ends[0]], &[0x30; 1300]);
    }
}

fn signed(traffic: &mut Traffic) {
    for number in 0..30 {
        let name = format!("zone{number}.net");
        let question = Question { kind: 48, data: 1300, ..Question::address(&name) };
        traffic.lookup(number * 10 * SECOND, host(OWN), host(RESOLVER), question);
    }
}

fn transfer(traffic: &mut Traffic) {
    let zone = Question { kind: AXFR, data: 20_000, ..Question::address("example.com") };
    let mut talk = traffic.connect(0, host(PEER), end(OWN, 53), MS);
    talk.message(0, &query(1, zone));
    for _ in 0..30 {
        talk.message(1, &response(1, zone));
    }
    talk.close(0);
}

/// The type of a question for a whole zone.
const AXFR: u16 = 252;

fn polls(traffic: &mut Traffic) {
    for round in 0..7 * MINUTE / (15 * SECOND) {
        for number in 0..9 {
            let at = round * 15 * SECOND + number * 20 * MS;
            let port = end(OWN, 8000 + u16::try_from(number).unwrap());
            let mut talk = traffic.connect(at, host(PEER), port, MS);
            talk.ask(80).answer(300);
            talk.close(0);
        }
        let asker = end(PEER, traffic.port());
        traffic.refused(round * 15 * SECOND + 200 * MS, [asker, end(OWN, 8010)]);
    }
}

fn restart(traffic: &mut Traffic) {
    visits(traffic, 100 * MS, 600, 443);
    // 20 connections are reset, and for three seconds nobody listens.
    for number in 0..20 {
        let from = host(&client(number));
        let mut talk = traffic.connect(number * MS, from, end(OWN, 443), 8 * MS);
        talk.ask(200).answer(5000).wait(30 * SECOND);
        talk.reset(1);
    }
    for number in 0..12 {
        let asker = end(&client(number), traffic.port());
        traffic.refused(30 * SECOND + number * 250 * MS, [asker, end(OWN, 443)]);
    }
}

fn ecn(traffic: &mut Traffic) {
    const ECE_CWR: u8 = 0xc0;
    for number in 0..300 {
        let [asker, server] = [end(&client(number), traffic.port()), end(OWN, 443)];
        let at = number * SECOND / 5;
        traffic.segment(at, [asker, server], SYN | ECE_CWR, [1000, 0], 0);
        traffic.segment(at + MS, [server, asker], SYN | ACK | 0x40, [5000, 1001], 0);
        traffic.segment(at + 2 * MS, [asker, server], ACK, [1001, 5001], 0);
    }
}

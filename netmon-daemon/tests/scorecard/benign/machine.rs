//! What machines do by themselves: downloads, backups, builds, clocks.

use super::{OWN, PEER, RESOLVER};
use crate::{
    attack::{end, host},
    lookup::Question,
    traffic::{HOUR, MINUTE, MS, SECOND, Traffic},
    trial::Benign,
};

pub(super) const ALL: &[Benign] = &[
    Benign { name: "a download at 100 Mbit/s, three seconds", make: download },
    Benign { name: "a backup to a private address at 100 Mbit/s, three seconds", make: backup },
    Benign { name: "an upload of 20 MB to a public address", make: upload },
    Benign { name: "a build: 300 lookups and 150 downloads in a minute", make: build },
    Benign { name: "updates of packages, every ten minutes, three hours", make: updates },
    Benign { name: "a clock that is kept by NTP, eight hours", make: clock },
    Benign {
        name: "a cluster whose members ask each other every ten seconds, five minutes",
        make: cluster,
    },
];

/// The time that a full segment takes at 100 Mbit/s.
const LINE_RATE: u64 = 121;

fn download(traffic: &mut Traffic) {
    let mut talk = traffic.connect(0, host(OWN), end("151.101.2.132", 443), 12 * MS);
    talk.ask(300).send(1, 36_000_000, LINE_RATE);
    talk.close(0);
}

fn backup(traffic: &mut Traffic) {
    let mut talk = traffic.connect(0, host(OWN), end(PEER, 873), MS);
    talk.ask(300).send(0, 36_000_000, LINE_RATE);
    talk.close(0);
}

fn upload(traffic: &mut Traffic) {
    let mut talk = traffic.connect(0, host(OWN), end("52.216.10.5", 443), 30 * MS);
    talk.ask(900).send(0, 20_000_000, 4 * LINE_RATE);
    talk.close(0);
}

fn build(traffic: &mut Traffic) {
    for number in 0..150 {
        let at = number * 400 * MS;
        let name = format!("registry{}.packages.org", number % 3);
        traffic.lookup(at, host(OWN), host(RESOLVER), Question::address(&name));
        let name = format!("mirror.cdn{}.net", number % 20);
        let found = traffic.lookup(at, host(OWN), host(RESOLVER), Question::address(&name));
        let bytes = usize::try_from(5000 + traffic.below(90_000)).unwrap();
        let remote = end(&format!("151.101.{}.132", number % 20), 443);
        let mut talk = traffic.connect(found, host(OWN), remote, 12 * MS);
        talk.ask(800).answer(bytes);
        talk.close(0);
    }
}

fn updates(traffic: &mut Traffic) {
    for number in 0..18 {
        let at = number * 10 * MINUTE + traffic.below(2 * MINUTE);
        let question = Question::address("deb.mirror.org");
        let found = traffic.lookup(at, host(OWN), host(RESOLVER), question);
        let mut talk = traffic.connect(found, host(OWN), end("151.101.2.132", 80), 12 * MS);
        talk.ask(300).answer(120_000);
        talk.close(0);
    }
}

fn clock(traffic: &mut Traffic) {
    for number in 0..8 * HOUR / (1024 * SECOND) {
        for server in 1..4 {
            let ends = [end(OWN, 123), end(&format!("162.159.200.{server}"), 123)];
            let at = number * 1024 * SECOND + server * 40 * MS;
            traffic.datagram(at, ends, &[0x23; 48]);
            traffic.datagram(at + 18 * MS, [ends[1], ends[0]], &[0x24; 48]);
        }
    }
}

fn cluster(traffic: &mut Traffic) {
    for round in 0..5 * MINUTE / (10 * SECOND) {
        for member in 1..6 {
            let at = round * 10 * SECOND + member * 40 * MS;
            let other = end(&format!("10.0.1.{member}"), 2380);
            let mut talk = traffic.connect(at, host(OWN), other, MS);
            talk.ask(150).answer(150);
            talk.close(0);
        }
    }
}

//! Traffic of which nothing is to be said, by where it is at home; and traffic of which
//! people may think this or that.

mod client;
mod machine;
mod network;
mod server;

use crate::{
    attack::{end, host},
    traffic::{SECOND, Traffic},
    trial::Benign,
};

pub(crate) use client::browsing;

/// Every benign scenario.
pub(crate) fn all() -> Vec<&'static Benign> {
    [client::ALL, server::ALL, machine::ALL, network::ALL].into_iter().flatten().collect()
}

/// Scenarios that are no attacks and need not be silent.
pub(crate) const AMBIGUOUS: &[Benign] = &[
    Benign { name: "a peer-to-peer client, of whose peers half are gone", make: peers },
    Benign { name: "a monitor that asks 30 closed ports of one host", make: closed_ports },
];

/// Hosts of this site, and its resolver.
const OWN: &str = "10.0.0.5";
const PEER: &str = "10.0.0.8";
const RESOLVER: &str = "10.0.0.53";

fn peers(traffic: &mut Traffic) {
    for number in 0..100 {
        let [a, b] = [traffic.below(200) + 20, traffic.below(250) + 1];
        let port = u16::try_from(10_000 + traffic.below(50_000)).unwrap();
        let peer = end(&format!("{a}.17.{b}.9"), port);
        let at = number * 2 * SECOND;
        if number % 2 == 0 {
            let client = end(OWN, traffic.port());
            traffic.ignored(at, [client, peer]);
        } else {
            let mut talk = traffic.connect(at, host(OWN), peer, SECOND / 20);
            talk.ask(68).answer(20_000).ask(5000);
            talk.close(0);
        }
    }
}

fn closed_ports(traffic: &mut Traffic) {
    for round in 0..20 {
        for port in 0..30 {
            let client = end(PEER, traffic.port());
            traffic.refused(
                round * 60 * SECOND + u64::from(port) * 1000,
                [client, end(OWN, 9000 + port)],
            );
        }
    }
}

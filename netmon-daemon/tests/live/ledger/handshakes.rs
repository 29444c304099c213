//! How long handshakes take, by each of their sources.

use std::{net::TcpStream, thread, time::Duration};

use netmon::{
    config::{Config, Port},
    kernel::{Forbidden, Kernel},
    signal::Signal,
};
use netmon_common::abi::labels::Role;

use super::{PORT, PORTS, Turn, Way, both_ways, both_ways_6, failures::filtered, mapped, stage};
use crate::{
    deadline::until_ok,
    requirement::{require, unmet},
    statistics,
};

/// Connections without any loss, in each direction.
const SMOOTH: u64 = 8;
/// After how much the kernel sends a request or an answer again, in nanoseconds.
const AGAIN: u64 = 1_000_000_000;

#[test]
fn handshakes_are_timed_by_whatever_is_there() {
    require!("nft");
    let _turn = Turn::take();
    for (forbidden, source) in [("", "tp_btf"), ("connection", "sock_ops")] {
        let stage = stage();
        let mut config = Config::default();
        config.tcp.service_ports = PORTS.map(Port).to_vec();
        let forbidden = Forbidden::parse(forbidden).unwrap();
        let mut kernel = stage.host.enter(|| Kernel::load(&config, &forbidden));
        if kernel.snapshot(Duration::ZERO).unwrap().sources.of(Signal::Handshakes).is_none() {
            unmet("the root of cgroup2 is not mounted here");
            continue;
        }
        let ways = both_ways(&stage);
        let in_six = ways.map(|way| Way { address: mapped(way.address), ..way });
        for (version, ways) in [("4", ways), ("6", both_ways_6(&stage)), ("4 in 6", in_six)] {
            for (lost, slow) in
                [(None, [0, 0]), (Some(Lost::Request), [1, 0]), (Some(Lost::Answer), [1, 1])]
            {
                let name = format!("{source}: IPv{version}, {lost:?} lost");
                let before = times(&mut kernel, source);
                let connections = match lost {
                    None => ways.map(|way| way.for_each(|_, _| ())).iter().sum(),
                    Some(lost) => {
                        thread::scope(|scope| {
                            for way in ways {
                                scope.spawn(move || connect_after_loss(way, lost));
                            }
                        });
                        2
                    }
                };
                assert_eq!(connections, if lost.is_none() { 2 * SMOOTH } else { 2 });
                until_ok(&name, || {
                    let after = times(&mut kernel, source);
                    for (role, slow) in [0, 1].into_iter().zip(slow) {
                        let [count, sum] =
                            [0, 1].map(|at: usize| after[role][at] - before[role][at]);
                        // A machine that is busy may take longer, and never less.
                        let range = if slow == 1 {
                            connections * AGAIN * 9 / 10..u64::MAX
                        } else {
                            1..AGAIN
                        };
                        if count != connections || !range.contains(&sum) {
                            return Err(format!("{:?}: {count} in {sum} ns", Role::ALL[role]));
                        }
                    }
                    Ok(())
                });
            }
        }
    }
}

/// What is lost of a handshake.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Lost {
    Request,
    Answer,
}

/// Opens a connection whose first request or answer does not arrive.
fn connect_after_loss(way: Way<'_>, lost: Lost) {
    let listener = way.listen();
    let (namespace, rule) = match lost {
        Lost::Request => (way.server, format!("tcp dport {PORT} tcp flags syn drop")),
        Lost::Answer => (way.client, format!("tcp sport {PORT} drop")),
    };
    let asked = || statistics::tcp(way.client)["ActiveOpens"];
    let before = asked();
    thread::scope(|scope| {
        let client = filtered(namespace, &rule, || {
            let client =
                scope.spawn(|| way.client.enter(|| TcpStream::connect(way.at(PORT)).unwrap()));
            until_ok("it is asked for", || if asked() > before { Ok(()) } else { Err("not yet") });
            client
        });
        let (server, _) = listener.accept().unwrap();
        drop(client.join().unwrap());
        drop(server);
    });
}

/// Number and sum of the handshakes of [`PORT`], by role, as long as they come from
/// this source.
fn times(kernel: &mut Kernel, source: &str) -> [[u64; 2]; Role::COUNT] {
    let snapshot = kernel.snapshot(Duration::ZERO).unwrap();
    assert_eq!(snapshot.sources.of(Signal::Handshakes), Some(source));
    assert_eq!(snapshot.sources.has(Signal::Connections), source != "sock_ops");
    let name = format!("tcp/{PORT}");
    let service = snapshot.tcp.services.iter().find(|service| service.name == name).unwrap();
    service.times.unwrap().map(|times| {
        let classic = &times.handshakes.nanoseconds.classic;
        [classic.total(), classic.sum]
    })
}

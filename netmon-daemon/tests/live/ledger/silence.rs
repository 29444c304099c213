//! Peers that fall silent. All at once, each on a port of its own, because nothing
//! but time brings it out.

use std::{
    io::{ErrorKind, Read, Write},
    net::{TcpListener, TcpStream},
    thread,
    time::Duration,
};

use netmon_common::abi::labels::{CloseReason::Timeout, FailReason};
use rustix::net::sockopt::{
    set_socket_keepalive, set_tcp_keepcnt, set_tcp_keepidle, set_tcp_keepintvl,
    set_tcp_user_timeout,
};

use super::{Deed, PORTS, Play, Turn, Way, both_ways, stage};
use crate::{netns::NetNs, requirement::require};

/// Connections that are open when it gets silent: one that asks from time to time
/// whether the other end is there, one that does not wait long for acknowledgements,
/// and one that is closed.
const OPEN: [u16; 3] = [PORTS[1], PORTS[2], PORTS[3]];
/// Requests that nobody answers, and such whose application gives up first.
const UNANSWERED: u16 = PORTS[4];
const GIVEN_UP: u16 = PORTS[5];
const SILENT: [u16; 5] = [PORTS[1], PORTS[2], PORTS[3], UNANSWERED, GIVEN_UP];

/// How often each thing is done at the same time.
const TIMES: usize = 4;
/// After how much the application gives up that asked for a connection: the kernel
/// has asked a second time by then, and not a third time.
const PATIENCE: Duration = Duration::from_millis(1500);

#[test]
fn silence_is_a_timeout() {
    require!("nft");
    let mut play = Play::begin(Turn::take(), stage());
    for namespace in [&play.stage.host, &play.stage.peer] {
        namespace.sysctl("net/ipv4/tcp_syn_retries", "1");
        namespace.sysctl("net/ipv4/tcp_syn_linear_timeouts", "0");
        namespace.sysctl("net/ipv4/tcp_orphan_retries", "1");
    }
    play.case("peers that fall silent", |stage| {
        let ways = both_ways(stage);
        let open = ways.map(|way| OPEN.map(|port| pairs(way, port)));
        for namespace in [&stage.host, &stage.peer] {
            silence(namespace);
        }
        thread::scope(|scope| {
            for (way, [kept, impatient, orphans]) in ways.into_iter().zip(open) {
                scope.spawn(move || each(kept, |(client, _)| keep_alive(client)));
                scope.spawn(move || each(impatient, |(client, _)| user_timeout(client)));
                drop(orphans);
                scope.spawn(move || each([way; TIMES], unanswered));
                scope.spawn(move || each([way; TIMES], given_up));
            }
        });
        let directions = ways.len() * TIMES;
        let ended = Deed::connections((OPEN.len() * directions) as u64).ended(Timeout, Timeout);
        let failed = Deed::failed(2 * directions as u64, FailReason::Timeout);
        ended.and(&failed).whatever_carried()
    });
}

/// Connections to a port.
fn pairs(way: Way<'_>, port: u16) -> [(TcpStream, TcpStream); TIMES] {
    let listener = way.server.enter(|| TcpListener::bind(way.at(port)).unwrap());
    [(); TIMES].map(|()| {
        let client = way.client.enter(|| TcpStream::connect(way.at(port)).unwrap());
        (client, listener.accept().unwrap().0)
    })
}

/// From now on a namespace receives nothing of these ports.
fn silence(namespace: &NetNs) {
    let chain = "type filter hook input priority 0";
    let ports = format!("{}-{}", SILENT[0], SILENT[SILENT.len() - 1]);
    let rules = format!("tcp dport {ports} drop\ntcp sport {ports} drop");
    namespace
        .run(["nft", &format!("table inet silence {{\nchain in {{\n{chain}\n{rules}\n}}\n}}")]);
}

/// Does something with all of them at once.
fn each<T: Send>(all: [T; TIMES], act: impl Fn(T) + Sync) {
    thread::scope(|scope| {
        for one in all {
            scope.spawn(|| act(one));
        }
    });
}

fn keep_alive(mut client: TcpStream) {
    set_tcp_keepidle(&client, Duration::from_secs(1)).unwrap();
    set_tcp_keepintvl(&client, Duration::from_secs(1)).unwrap();
    set_tcp_keepcnt(&client, 1).unwrap();
    set_socket_keepalive(&client, true).unwrap();
    assert_eq!(client.read(&mut [0]).unwrap_err().kind(), ErrorKind::TimedOut);
}

fn user_timeout(mut client: TcpStream) {
    set_tcp_user_timeout(&client, 500).unwrap();
    client.write_all(b"anybody there?").unwrap();
    assert_eq!(client.read(&mut [0]).unwrap_err().kind(), ErrorKind::TimedOut);
}

fn unanswered(way: Way<'_>) {
    let asked = way.client.enter(|| TcpStream::connect(way.at(UNANSWERED)));
    assert_eq!(asked.unwrap_err().kind(), ErrorKind::TimedOut);
}

fn given_up(way: Way<'_>) {
    let asked = way.client.enter(|| TcpStream::connect_timeout(&way.at(GIVEN_UP), PATIENCE));
    assert_eq!(asked.unwrap_err().kind(), ErrorKind::TimedOut);
}

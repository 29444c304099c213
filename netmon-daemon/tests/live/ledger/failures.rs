//! Why connections cannot be opened.

use std::{
    io::ErrorKind,
    net::{SocketAddr, TcpStream},
    thread,
    time::Duration,
};

use netmon_common::abi::labels::{
    CloseReason::Fin,
    FailReason::{Local, Refused, Unreachable},
};
use rustix::{
    io::Errno,
    net::{AddressFamily, SocketFlags, SocketType, connect, socket_with, sockopt::socket_error},
};

use super::{Deed, PORT, Play, Turn, Way, both_ways, both_ways_6, ends::sum, stage};
use crate::{
    netns::NetNs,
    requirement::require,
    stage::{DEVICE, PEER_DEVICE, Stage},
};

/// How often each thing is done.
const TIMES: u64 = 8;

#[test]
fn failures_are_what_the_application_was_told() {
    require!("nft");
    let mut play = Play::begin(Turn::take(), stage());
    play.case("refused", |stage| sum(both_ways(stage), refused));
    play.case("refused, IPv6", |stage| sum(both_ways_6(stage), refused));
    for (answer, four, six, told) in [
        ("reject with tcp reset", true, true, Errno::CONNREFUSED),
        ("reject with icmp host-unreachable", true, false, Errno::HOSTUNREACH),
        ("reject with icmp net-unreachable", true, false, Errno::NETUNREACH),
        ("reject with icmp prot-unreachable", true, false, Errno::NOPROTOOPT),
        ("reject with icmp admin-prohibited", true, false, Errno::HOSTUNREACH),
        ("reject with icmpv6 no-route", false, true, Errno::NETUNREACH),
        ("reject with icmpv6 addr-unreachable", false, true, Errno::HOSTUNREACH),
        ("reject with icmpv6 admin-prohibited", false, true, Errno::ACCESS),
    ] {
        let rejected = |stage: &Stage| {
            let ways = both_ways(stage).into_iter().filter(|_| four);
            let ways: Vec<_> = ways.chain(both_ways_6(stage).into_iter().filter(|_| six)).collect();
            ways.into_iter()
                .map(|way| rejected(way, answer, told))
                .fold(Deed::nothing(), |a, b| a.and(&b))
        };
        play.case(answer, rejected);
    }
    play.case("no neighbour", |stage| {
        no_neighbour(&stage.host, DEVICE, "10.0.0.77").and(&no_neighbour(
            &stage.peer,
            PEER_DEVICE,
            "fd00::77",
        ))
    });
    play.case("no port of its own is free", |stage| sum(both_ways(stage), no_port));
    play.case("no route", |stage| sum(both_ways(stage), no_route));
    play.case("given up at once", |stage| sum(both_ways(stage), given_up));
    play.case("asked again by the same socket", |stage| sum(both_ways(stage), again));
}

fn refused(way: Way<'_>) -> Deed {
    for _ in 0..TIMES {
        assert_eq!(way.connect().unwrap_err().kind(), ErrorKind::ConnectionRefused);
    }
    Deed::failed(TIMES, Refused)
}

/// The other end says no by a rule of nftables.
fn rejected(way: Way<'_>, answer: &str, told: Errno) -> Deed {
    let rule = format!("tcp dport {PORT} {answer}");
    for limit in ["ipv4/icmp_ratelimit", "ipv6/icmp/ratelimit"] {
        way.server.sysctl(&format!("net/{limit}"), "0");
    }
    // An answer that comes while the socket is in use is only heeded when the request
    // was sent again, a second later: all at once.
    filtered(way.server, &rule, || {
        thread::scope(|scope| {
            for _ in 0..TIMES {
                scope.spawn(|| {
                    let error = way.connect().unwrap_err();
                    assert_eq!(Errno::from_io_error(&error), Some(told), "{answer}");
                });
            }
        });
    });
    let reset = answer.ends_with("reset");
    Deed::failed(TIMES, if reset { Refused } else { Unreachable }).whatever_carried()
}

/// Does something while a namespace filters what it receives.
pub(super) fn filtered<T>(namespace: &NetNs, rule: &str, act: impl FnOnce() -> T) -> T {
    let chain = "type filter hook input priority 0";
    let rules = format!("table inet ledger {{\nchain in {{\n{chain}\n{rule}\n}}\n}}");
    namespace.run(["nft", &rules]);
    let done = act();
    namespace.run(["nft", "delete table inet ledger"]);
    done
}

/// Nobody has the address.
fn no_neighbour(client: &NetNs, device: &str, address: &str) -> Deed {
    for version in ["ipv4", "ipv6"] {
        client.sysctl(&format!("net/{version}/neigh/{device}/retrans_time_ms"), "50");
    }
    let address: SocketAddr = (address.parse::<std::net::IpAddr>().unwrap(), PORT).into();
    let error = client.enter(|| TcpStream::connect(address).unwrap_err());
    assert_eq!(error.kind(), ErrorKind::HostUnreachable, "{address}");
    Deed::failed(1, Unreachable)
}

/// All ports that may be given to connections are in use.
fn no_port(way: Way<'_>) -> Deed {
    const RANGE: &str = "net/ipv4/ip_local_port_range";
    way.client.sysctl(RANGE, "50000 50003");
    let listener = way.listen();
    let open: Vec<_> =
        (0..4).map(|_| (way.connect().unwrap(), listener.accept().unwrap())).collect();
    for _ in 0..TIMES {
        assert_eq!(way.connect().unwrap_err().kind(), ErrorKind::AddrNotAvailable);
    }
    for (client, server) in open {
        // So that no port waits for the end of TIME_WAIT.
        drop(server);
        drop(client);
    }
    way.client.sysctl(RANGE, "32768 60999");
    Deed::connections(4).ended(Fin, Fin).and(&Deed::failed(TIMES, Local))
}

/// What the routing table refuses was never a request, to the kernel and to netmon.
fn no_route(way: Way<'_>) -> Deed {
    let address: SocketAddr = ([203, 0, 113, 1], PORT).into();
    let error = way.client.enter(|| TcpStream::connect(address).unwrap_err());
    assert_eq!(error.kind(), ErrorKind::NetworkUnreachable);
    Deed::nothing()
}

/// The application closes before anybody answered, and before it asked again.
fn given_up(way: Way<'_>) -> Deed {
    filtered(way.server, &format!("tcp dport {PORT} drop"), || {
        way.client.enter(|| {
            for _ in 0..TIMES {
                let socket = socket_with(
                    AddressFamily::INET,
                    SocketType::STREAM,
                    SocketFlags::NONBLOCK,
                    None,
                );
                let socket = socket.unwrap();
                assert_eq!(connect(&socket, &way.at(PORT)), Err(Errno::INPROGRESS));
            }
        });
    });
    Deed::failed(TIMES, Local)
}

/// A socket that was refused, and one whose connection ended, ask once more.
fn again(way: Way<'_>) -> Deed {
    way.client.enter(|| {
        let new = || {
            socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)
                .unwrap()
        };
        let refused = new();
        assert_eq!(connect(&refused, &way.at(PORT)), Err(Errno::CONNREFUSED));
        let listener = way.listen();
        connect(&refused, &way.at(PORT)).unwrap();
        drop(listener.accept().unwrap());
        assert_eq!(socket_error(&refused).unwrap(), Ok(()));
        let stream = TcpStream::from(refused);
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        drop(stream);
    });
    Deed::failed(1, Refused).and(&Deed::connections(1).ended(Fin, Fin))
}

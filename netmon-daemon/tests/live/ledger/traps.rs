//! What looks like a connection that failed and is none, and connections that
//! begin in other ways than most.

use std::{
    io::{Read, Write},
    net::TcpStream,
    process::Stdio,
};

use netmon_common::abi::labels::{CloseReason::Fin, Direction, Role};
use rustix::net::{
    AddressFamily, SocketFlags, SocketType, bind, connect, socket_with,
    sockopt::set_socket_reuseaddr,
};

use super::{
    Deed, PORT, PORTS, Play, Turn, Way, both_ways, both_ways_6,
    ends::{client_first, sum},
    failures::filtered,
    mapped, stage,
};
use crate::{deadline::until_true, requirement::require, statistics};

#[test]
fn every_way_to_begin_is_counted_once() {
    require!("hping3", "nft", "python3");
    let mut play = Play::begin(Turn::take(), stage());
    play.case("listeners that close", |stage| sum(both_ways(stage), listeners));
    play.case("requests without a third packet", |stage| sum(both_ways(stage), half_open));
    play.case("requests that are taken back", |stage| sum(both_ways(stage), taken_back));
    play.case("the same port again", |stage| sum(both_ways(stage), same_port));
    play.case("a connection to itself", |stage| sum(both_ways(stage), to_itself));
    play.case("IPv4 in sockets of IPv6", |stage| sum(both_ways(stage), mapped_sockets));
    for namespace in [&play.stage.host, &play.stage.peer] {
        // Both ends, without cookies.
        namespace.sysctl("net/ipv4/tcp_fastopen", "1543");
    }
    play.case("Fast Open", |stage| sum(both_ways(stage), fast_open));
    play.case("Fast Open, IPv6", |stage| sum(both_ways_6(stage), fast_open));
}

#[test]
fn connections_that_were_there_before_end_without_a_beginning() {
    require!();
    let turn = Turn::take();
    let stage = stage();
    let open = |way: Way<'_>| {
        let listener = way.listen();
        let ends = [(); 3].map(|()| (way.connect().unwrap(), listener.accept().unwrap().0));
        (ends, listener)
    };
    let ends = both_ways(&stage).map(open);
    let mut play = Play::begin(turn, stage);
    let mut ends = Some(ends);
    let mut deed = Deed::nothing();
    for role in [Role::Active, Role::Passive] {
        deed.ledger.closed[role.index()][Fin.index()] = 6;
    }
    drop(ends.take());
    play.expected.add(&deed.ledger);
    play.settled("connections from before");
}

/// Nothing was open.
fn listeners(way: Way<'_>) -> Deed {
    for _ in 0..8 {
        drop(way.listen());
    }
    // Nobody asked for this port: it gets one when it listens.
    way.server.enter(|| {
        let socket =
            socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None);
        rustix::net::listen(socket.unwrap(), 1).unwrap();
    });
    Deed::nothing()
}

/// SYNs of hping3, whose host is kept from resetting what it did not ask for.
fn half_open(way: Way<'_>) -> Deed {
    let _listener = way.listen();
    filtered(way.client, &format!("tcp sport {PORT} drop"), || requests(way, 4));
    Deed::nothing()
}

/// The same, and its host resets them.
fn taken_back(way: Way<'_>) -> Deed {
    let resets = || statistics::tcp(way.server)["EmbryonicRsts"];
    let before = resets();
    let _listener = way.listen();
    requests(way, 4);
    until_true("requests are reset", || resets() == before + 4);
    Deed::nothing()
}

fn requests(way: Way<'_>, count: u32) {
    let mut command = way.client.command("hping3");
    command.args(["-q", "-n", "-S", "-i", "u1000", "-c", &count.to_string()]);
    command.args(["-p", &PORT.to_string(), &way.address.to_string()]);
    let said = command.output().unwrap();
    assert!(String::from_utf8_lossy(&said.stderr).contains("4 packets transmitted"), "{said:?}");
}

/// A client comes back from the port that the server still waits for.
fn same_port(way: Way<'_>) -> Deed {
    let listener = way.listen();
    for _ in 0..4 {
        let mut client = way.client.enter(|| {
            let socket =
                socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None);
            let socket = socket.unwrap();
            set_socket_reuseaddr(&socket, true).unwrap();
            bind(&socket, &std::net::SocketAddr::from(([0, 0, 0, 0], 31_000))).unwrap();
            connect(&socket, &way.at(PORT)).unwrap();
            TcpStream::from(socket)
        });
        drop(listener.accept().unwrap());
        assert_eq!(client.read(&mut [0]).unwrap(), 0);
    }
    Deed::connections(4).ended(Fin, Fin)
}

/// Two requests that cross: here both are of the same socket, which is the active
/// end twice.
fn to_itself(way: Way<'_>) -> Deed {
    // A port that nothing waits for since the last time.
    let port = PORTS.iter().find(|port| free(way, **port)).unwrap();
    way.server.enter(|| {
        let socket =
            socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None);
        let socket = socket.unwrap();
        bind(&socket, &way.at(*port)).unwrap();
        connect(&socket, &way.at(*port)).unwrap();
        let mut stream = TcpStream::from(socket);
        stream.write_all(b"echo").unwrap();
        stream.read_exact(&mut [0; 4]).unwrap();
    });
    let mut deed = Deed::connections(1).ended(Fin, Fin).carried(4, 4);
    let passive = Role::Passive.index();
    deed.ledger.opened[passive] = 0;
    deed.ledger.handshakes[passive] = 0;
    deed.ledger.durations[passive] = 0;
    deed.ledger.closed[passive] = [0; 5];
    let bytes = deed.bytes.as_mut().unwrap();
    bytes[passive] = [0; Direction::COUNT];
    deed
}

fn free(way: Way<'_>, port: u16) -> bool {
    way.server.enter(|| {
        let socket =
            socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None);
        bind(socket.unwrap(), &way.at(port)).is_ok()
    })
}

fn mapped_sockets(way: Way<'_>) -> Deed {
    let six = Way { address: mapped(way.address), ..way };
    client_first(six)
}

/// A client that says its request with the SYN, and a server that takes it so.
fn fast_open(way: Way<'_>) -> Deed {
    const SERVER: &str = "
import socket, sys
with socket.create_server((sys.argv[1], int(sys.argv[2])), family=socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET) as s:
    s.setsockopt(socket.IPPROTO_TCP, 23, 8)
    print('listens', flush=True)
    for _ in range(4):
        c, _ = s.accept()
        with c:
            c.sendall(c.recv(100).upper())
            c.recv(100)
";
    const CLIENT: &str = "
import socket, sys
for _ in range(4):
    with socket.socket(socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET) as c:
        c.sendto(b'request', 0x20000000, (sys.argv[1], int(sys.argv[2])))
        assert c.recv(100) == b'REQUEST'
";
    let (address, port) = (way.address.to_string(), PORT.to_string());
    let accepted = || statistics::tcp(way.server)["TCPFastOpenPassive"];
    let before = accepted();
    let mut server = way.server.command("python3");
    server.args(["-c", SERVER, &address, &port]).stdout(Stdio::piped());
    let mut server = crate::netns::Running::spawn(&mut server);
    server.0.stdout.take().unwrap().read_exact(&mut [0; 8]).unwrap();
    way.client.run(["python3", "-c", CLIENT, &address, &port]);
    assert!(server.0.wait().unwrap().success());
    assert_eq!(accepted(), before + 4, "requests with data");
    Deed::connections(4).ended(Fin, Fin).carried(28, 28)
}

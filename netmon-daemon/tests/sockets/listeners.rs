//! What is said of listeners, and which IP version a socket counts as.

use std::{
    net::{Ipv6Addr, SocketAddr, TcpListener, TcpStream},
    os::{fd::AsFd, linux::fs::MetadataExt},
};

use netmon::sockets::{AddressClass, Listener, State};
use netmon_common::abi::labels::IpVersion;
use rustix::net::listen;

use crate::{
    begin, count,
    deadline::until_ok,
    netns::{NetNs, require_kernel},
};

/// The inode of a socket.
fn inode(socket: &impl AsFd) -> u32 {
    let file = std::fs::File::from(socket.as_fd().try_clone_to_owned().unwrap());
    u32::try_from(file.metadata().unwrap().st_ino()).unwrap()
}

fn bind(namespace: &NetNs, address: &str) -> (TcpListener, u16) {
    let listener = namespace.enter(|| TcpListener::bind(address).unwrap());
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// The one listener at a port.
fn at(namespace: &NetNs, port: u16) -> Listener {
    let listeners = count(namespace).unwrap().listeners;
    let mut found = listeners.into_iter().filter(|listener| listener.port == port);
    let listener = found.next().unwrap();
    assert_eq!(found.next(), None);
    listener
}

#[test]
fn addresses_and_identity() {
    require_kernel!();
    let namespace = NetNs::new();
    namespace.ip_batch("address add 10.0.0.1/24 dev lo\naddress add fd00::1/64 dev lo nodad\n");
    // Each at a port of its own: two addresses may be given the same one.
    let cases = [
        ("0.0.0.0:4001", IpVersion::V4, AddressClass::Any),
        ("127.0.0.1:4002", IpVersion::V4, AddressClass::Loopback),
        ("10.0.0.1:4003", IpVersion::V4, AddressClass::Specific),
        ("[::]:4004", IpVersion::V6, AddressClass::Any),
        ("[::1]:4005", IpVersion::V6, AddressClass::Loopback),
        ("[fd00::1]:4006", IpVersion::V6, AddressClass::Specific),
        ("[::ffff:10.0.0.1]:4007", IpVersion::V4, AddressClass::Specific),
    ];
    let held = cases.map(|(address, ..)| bind(&namespace, address));
    let mut cookies = Vec::new();
    for ((address, family, class), (socket, port)) in cases.iter().zip(&held) {
        let listener = at(&namespace, *port);
        assert_eq!((listener.family, listener.address), (*family, *class), "{address}");
        assert_eq!((listener.inode, listener.drops), (inode(socket), Some(0)), "{address}");
        assert_eq!(listener.cookie, at(&namespace, *port).cookie, "{address}");
        cookies.push(listener.cookie);
    }
    cookies.sort_unstable();
    cookies.dedup();
    assert_eq!(cookies.len(), cases.len());
}

#[test]
fn the_queue_of_a_listener() {
    require_kernel!();
    let namespace = NetNs::new();
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let (socket, port) = bind(&namespace, address);
        listen(&socket, 1).unwrap();
        let to = socket.local_addr().unwrap();
        let clients: Vec<_> =
            (0..2).map(|_| namespace.enter(|| TcpStream::connect(to).unwrap())).collect();
        until_ok("both wait to be accepted", || {
            let listener = at(&namespace, port);
            let queue = (listener.backlog, listener.backlog_max, listener.drops);
            if queue == (2, 1, Some(0)) { Ok(()) } else { Err(format!("{listener:?}")) }
        });
        let refused = namespace.enter(|| begin(None, to));
        until_ok("the third is dropped", || {
            let listener = at(&namespace, port);
            match listener.drops {
                Some(1..) => Ok(()),
                _ => Err(format!("{listener:?}")),
            }
        });
        drop(refused);
        socket.accept().unwrap();
        assert_eq!(at(&namespace, port).backlog, 1);
        drop(clients);
    }
}

/// A socket of IPv6 that talks IPv4 counts as what it talks.
#[test]
fn ipv4_in_the_clothes_of_ipv6() {
    require_kernel!();
    let namespace = NetNs::new();
    let (socket, port) = bind(&namespace, "[::]:0");
    let to = SocketAddr::from(([127, 0, 0, 1], port));
    let client = namespace.enter(|| TcpStream::connect(to).unwrap());
    let server = socket.accept().unwrap();
    assert_eq!(server.1.ip(), Ipv6Addr::from([0, 0, 0, 0, 0, 0xffff, 0x7f00, 1]));
    let census = count(&namespace).unwrap();
    let of = |state| IpVersion::ALL.iter().map(|family| census.sockets(state, *family)).collect();
    let (established, listening): (Vec<_>, Vec<_>) = (of(State::Established), of(State::Listen));
    assert_eq!((established, listening), (vec![2, 0], vec![0, 1]));
    drop((client, server));
}

//! The kernel's counters of a namespace, moved by real sockets.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

#[path = "support/netns.rs"]
mod netns;

use std::{
    net::{TcpListener, TcpStream, UdpSocket},
    path::Path,
};

use netmon::proc::{Counters, Reader};
use rustix::net::{Shutdown, shutdown};

use netns::{NetNs, require_kernel};

type Case = (&'static str, fn(&Counters) -> Option<u64>, u64);

/// By how much a counter moved.
fn moved(field: fn(&Counters) -> Option<u64>, before: &Counters, after: &Counters) -> u64 {
    field(after).unwrap() - field(before).unwrap()
}

#[test]
fn counters_are_those_of_the_namespace_of_the_opening_thread() {
    require_kernel!();
    let namespace = NetNs::new();
    let mut reader = namespace.enter(|| Reader::open(Path::new("/")));
    let before = reader.read();
    assert_eq!(before.tcp_active_opens, Some(0), "a new namespace");
    namespace.enter(|| {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let listener = TcpListener::bind(address).unwrap();
            let address = listener.local_addr().unwrap();
            let pairs = [(); 3]
                .map(|()| (TcpStream::connect(address).unwrap(), listener.accept().unwrap()));
            // Closing it would not do: a process that another test is starting may hold it
            // for a moment.
            shutdown(&listener, Shutdown::Both).unwrap();
            drop((listener, pairs));
            TcpStream::connect(address).unwrap_err();
            let sender = UdpSocket::bind((address.ip(), 0)).unwrap();
            sender.send_to(b"nobody", address).unwrap();
        }
    });
    // The thread that opened the files is gone.
    let after = reader.read();
    assert!(reader.failures().next().is_none());
    let cases: [Case; 6] = [
        ("ActiveOpens", |counters| counters.tcp_active_opens, 8),
        ("PassiveOpens", |counters| counters.tcp_passive_opens, 6),
        ("AttemptFails", |counters| counters.tcp_attempt_fails, 2),
        ("OutRsts", |counters| counters.tcp_out_rsts, 2),
        ("NoPorts", |counters| counters.udp_no_ports, 1),
        ("Udp6NoPorts", |counters| counters.udp6_no_ports, 1),
    ];
    for (name, field, expected) in cases {
        assert_eq!(moved(field, &before, &after), expected, "{name}");
    }
    assert!(moved(|counters| counters.softnet_processed, &before, &after) > 0);
}

#[test]
fn this_kernel_has_every_counter() {
    require_kernel!();
    let namespace = NetNs::new();
    let counters = namespace.enter(|| Reader::open(Path::new("/")).read());
    let fields = Counters::FIELDS.iter().zip(counters.values());
    let absent: Vec<_> =
        fields.filter(|(_, value)| value.is_none()).map(|(field, _)| field.column).collect();
    assert!(absent.is_empty(), "{absent:?}");
}

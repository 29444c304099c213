//! Connections that this host asked for: what the kernel says they sent.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
};

use netmon::sockets::{Census, MAX_HEAVIEST, Outgoing};

use crate::{
    count,
    deadline::until_ok,
    netns::{NetNs, require_kernel},
};

/// An address of this namespace that is none of the loopback.
const HERE: &str = "198.51.100.1";
const USUAL: u16 = 9000;
const UNUSUAL: u16 = 60_123;

fn namespace() -> NetNs {
    let namespace = NetNs::new();
    namespace.ip_batch(&format!("address add {HERE}/24 dev lo\n"));
    namespace
}

/// A connection through which so much went, and what must stay open for it.
fn sent(listener: &TcpListener, bytes: usize) -> [TcpStream; 2] {
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    client.write_all(&vec![1; bytes]).unwrap();
    server.read_exact(&mut vec![0; bytes]).unwrap();
    [client, server]
}

/// Awaits that all of it is acknowledged.
fn acknowledged(namespace: &NetNs, bytes: u64) -> Census {
    until_ok("all is acknowledged", || {
        let census = count(namespace).unwrap();
        let sent: u64 = census.heaviest.iter().map(|it| it.sent).sum();
        if sent >= bytes { Ok(census) } else { Err(format!("{sent} of {bytes}")) }
    })
}

#[test]
fn what_was_sent_and_where() {
    require_kernel!();
    let namespace = namespace();
    namespace.enter(|| {
        let [usual, unusual] =
            [USUAL, UNUSUAL].map(|port| TcpListener::bind((HERE, port)).unwrap());
        let near = TcpListener::bind(("127.0.0.1", UNUSUAL)).unwrap();
        let held = [sent(&usual, 100_000), sent(&unusual, 10), sent(&near, 5000)];
        let census = acknowledged(&namespace, 100_010);
        assert!(census.is_whole());
        let mut found = census.heaviest.clone();
        found.sort_by_key(|it| it.sent);
        let ends: Vec<_> = found.iter().map(|it| [it.local, it.remote]).collect();
        let end = |stream: &TcpStream| -> SocketAddr { stream.local_addr().unwrap() };
        let expected = [&held[1], &held[0]].map(|[client, server]| [end(client), end(server)]);
        assert_eq!(ends, expected, "by those who asked for them, not over the loopback");
        // The request for a connection counts as a byte.
        let sizes: Vec<u64> = found.iter().map(|it| it.sent).collect();
        assert!((10..=11).contains(&sizes[0]), "{sizes:?}");
        assert!((100_000..=100_001).contains(&sizes[1]), "{sizes:?}");
        assert!(found[0].cookie != found[1].cookie && found[0].workload == found[1].workload);
        let unusual: Vec<u16> = census.unusual.iter().map(|it| it.remote.port()).collect();
        assert_eq!(unusual, [UNUSUAL]);
    });
}

#[test]
fn of_many_the_heaviest_are_kept() {
    require_kernel!();
    let namespace = namespace();
    namespace.enter(|| {
        let listener = TcpListener::bind((HERE, USUAL)).unwrap();
        let many = MAX_HEAVIEST + 44;
        let held: Vec<_> =
            (1..=many).map(|number| sent(&listener, number * 7 % many + 1)).collect();
        let census = until_ok("all is acknowledged", || {
            let census = count(&namespace).unwrap();
            let least = census.heaviest.iter().map(|it: &Outgoing| it.sent).min();
            if least >= Some(45) { Ok(census) } else { Err(format!("{least:?}")) }
        });
        assert_eq!((census.heaviest.len(), census.outgoing_elsewhere), (MAX_HEAVIEST, 44));
        assert!(!census.is_whole() && census.unusual.is_empty());
        drop(held);
    });
}

//! The watch over the devices, against the kernel: one change at a time here,
//! hundreds in `churn`.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

mod churn;
#[path = "../support/netns.rs"]
mod netns;
mod watched;

use std::{ffi::OsStr, net::UdpSocket, os::unix::ffi::OsStrExt};

use netmon::{links::framing, snapshot::Vantage};
use netmon_common::packet::Link as Framing;

use netns::{NetNs, require_kernel, veth};
use watched::{PATIENCE, Watched, in_namespace, is_up, named};

#[test]
fn devices_appear_change_and_vanish() {
    require_kernel!();
    in_namespace(async |namespace| {
        let mut watched = Watched::open(namespace);
        watched.settle().await;
        assert_eq!(watched.told(), ["+lo"]);
        assert_eq!(watched.vantage("lo"), Some(Vantage::Loopback));

        veth(namespace, "a", namespace, "b");
        watched.until(|table| is_up(table, "a") && is_up(table, "b")).await;
        watched.settle().await;
        let told = watched.told();
        assert!(told.contains(&"+a".to_owned()) && told.contains(&"+b".to_owned()), "{told:?}");
        assert_eq!(watched.link("a").kind.as_deref(), Some("veth"));
        assert_eq!(watched.link("a").lower, Some(watched.link("b").ifindex));
        assert_eq!(watched.vantage("a"), Some(Vantage::Internal));
        assert_eq!(watched.vantage("b"), Some(Vantage::Internal));
        assert_eq!(watched.link("a").flaps, 0);

        for flaps in 1..=3 {
            namespace.run(["ip", "link", "set", "dev", "a", "down"]);
            watched.until(|table| !is_up(table, "a") && !is_up(table, "b")).await;
            namespace.run(["ip", "link", "set", "dev", "a", "up"]);
            watched.until(|table| is_up(table, "a") && is_up(table, "b")).await;
            assert_eq!((watched.link("a").flaps, watched.link("b").flaps), (flaps, flaps));
        }
        watched.told();

        let first = watched.link("a").ifindex;
        namespace.ip_batch("link del dev a\nlink add name a type veth peer name b\n");
        watched.settle().await;
        watched.until(|table| named(table, "a").is_some_and(|link| link.ifindex != first)).await;
        assert_ne!(watched.link("a").ifindex, first);
        let told = watched.told();
        let at = |what: &str| told.iter().position(|change| change == what);
        assert!(at("-a").is_some() && at("-a") < at("+a"), "{told:?}");
        assert_eq!(watched.link("a").flaps, 0);

        namespace.run(["ip", "link", "del", "dev", "a"]);
        watched.settle().await;
        assert_eq!(watched.names.len(), 1);
    });
}

#[test]
fn an_index_that_is_used_again_is_another_device() {
    require_kernel!();
    in_namespace(async |namespace| {
        let make = "link add name a index 100 type veth peer name b index 101\n";
        let mut watched = Watched::open(namespace);
        namespace.ip_batch(make);
        watched.settle().await;
        watched.told();
        namespace.ip_batch(&format!("link del dev a\n{make}"));
        let reading = watched.watch.next();
        let changes = tokio::time::timeout(PATIENCE, reading).await.unwrap().unwrap();
        watched.take(changes);
        watched.settle().await;
        let told = watched.told();
        assert_eq!(told.iter().filter(|change| *change == "+a").count(), 1, "{told:?}");
        assert_eq!(told.iter().filter(|change| *change == "-a").count(), 1, "{told:?}");
    });
}

#[test]
fn names_are_swapped() {
    require_kernel!();
    in_namespace(async |namespace| {
        let mut watched = Watched::open(namespace);
        namespace.ip_batch("link add name a type veth peer name b\n");
        watched.settle().await;
        watched.told();
        let (a, b) = (watched.link("a").ifindex, watched.link("b").ifindex);
        namespace.ip_batch("link set dev a name c\nlink set dev b name a\nlink set dev c name b\n");
        watched.settle().await;
        assert_eq!((watched.link("a").ifindex, watched.link("b").ifindex), (b, a));
        let renames: Vec<_> =
            watched.told().into_iter().filter(|change| change.contains('>')).collect();
        assert_eq!(renames, ["a>c", "b>a", "c>b"]);
    });
}

#[test]
fn any_name_that_the_kernel_takes_is_seen() {
    require_kernel!();
    in_namespace(async |namespace| {
        let odd: [&[u8]; 10] = [
            b"\"quoted\"",
            b"back\\slash",
            b"{brace}",
            b"ctl\x01\x1b\x7f",
            b"nm\xff0",
            b"nm\\xff0",
            b"\xc3\xa9t\xc3\xa9",
            b"cut\xc3",
            b"fifteen-bytes-x",
            b"a'$(id)",
        ];
        let mut watched = Watched::open(namespace);
        watched.settle().await;
        for name in odd {
            veth(namespace, OsStr::from_bytes(name), namespace, "peer");
            watched.settle().await;
            assert!(watched.names.values().any(|known| known.as_bytes() == name), "{name:?}");
            let words = ["ip", "link", "del", "dev"].map(OsStr::new);
            namespace.run(words.into_iter().chain([OsStr::from_bytes(name)]));
        }
        watched.settle().await;
        assert_eq!(watched.names.len(), 1);
    });
}

#[test]
fn a_device_moves_to_another_namespace_and_back() {
    require_kernel!();
    in_namespace(async |namespace| {
        let other = NetNs::new();
        let mut watched = Watched::open(namespace);
        veth(namespace, "a", namespace, "b");
        watched.until(|table| is_up(table, "a")).await;
        watched.settle().await;
        assert_eq!(watched.vantage("a"), Some(Vantage::Internal));

        namespace.run(["ip", "link", "set", "dev", "b", "netns", other.name()]);
        watched.settle().await;
        assert_eq!(watched.vantage("a"), Some(Vantage::Boundary));
        let changes = watched.watch.refresh().unwrap();
        watched.take(changes);
        assert!(watched.link("a").lower_netns.is_some());
        assert_eq!(watched.vantage("a"), Some(Vantage::Boundary));

        other.run(["ip", "link", "set", "dev", "b", "netns", namespace.name()]);
        watched.settle().await;
        assert_eq!(watched.vantage("a"), Some(Vantage::Internal));
        assert_eq!(watched.vantage("b"), Some(Vantage::Internal));
    });
}

#[test]
fn each_kind_has_its_framing_and_vantage() {
    require_kernel!();
    in_namespace(async |namespace| {
        let other = NetNs::new();
        let mut watched = Watched::open(namespace);
        veth(namespace, "port", &other, "guest");
        namespace.ip_batch(
            "tuntap add dev tun0 mode tun\n\
             tuntap add dev tap0 mode tap\n\
             link add name br0 type bridge\n\
             link add name mac0 link port type macvlan\n",
        );
        watched.settle().await;
        let cases = [
            ("lo", Framing::Ethernet, Some(Vantage::Loopback)),
            ("port", Framing::Ethernet, Some(Vantage::Boundary)),
            ("tun0", Framing::Raw, Some(Vantage::Boundary)),
            ("tap0", Framing::Ethernet, Some(Vantage::Internal)),
            ("br0", Framing::Ethernet, None),
            ("mac0", Framing::Ethernet, None),
        ];
        for (name, begins, vantage) in cases {
            assert_eq!(framing(watched.link(name).hardware), begins, "{name}");
            assert_eq!(watched.vantage(name), vantage, "{name}");
        }

        namespace.run(["ip", "link", "del", "dev", "mac0"]);
        namespace.run(["ip", "link", "set", "dev", "port", "master", "br0"]);
        watched.until(|table| named(table, "port").is_some_and(|link| link.master.is_some())).await;
        watched.settle().await;
        assert_eq!(watched.vantage("port"), Some(Vantage::Internal));

        watched.told();
        namespace.run(["ip", "link", "set", "dev", "port", "nomaster"]);
        watched.until(|table| named(table, "port").is_some_and(|link| link.master.is_none())).await;
        watched.settle().await;
        assert_eq!(watched.vantage("port"), Some(Vantage::Boundary));
        assert!(!watched.told().contains(&"-port".to_owned()), "leaving a bridge is no end");
    });
}

#[test]
fn refreshing_reads_the_counters() {
    require_kernel!();
    in_namespace(async |namespace| {
        let mut watched = Watched::open(namespace);
        watched.until(|table| is_up(table, "lo")).await;
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        for sent in 1..=3 {
            sender.send_to(&[0; 100], receiver.local_addr().unwrap()).unwrap();
            receiver.recv(&mut [0; 100]).unwrap();
            let changes = watched.watch.refresh().unwrap();
            assert_eq!(changes, [], "counters are no change");
            let stats = watched.link("lo").stats;
            assert_eq!((stats.rx_packets, stats.tx_packets), (sent, sent));
            assert_eq!((stats.rx_bytes, stats.tx_bytes), (sent * 128, sent * 128));
        }
    });
}

//! Drops: whatever their source, no event is counted twice.

use std::sync::Arc;

use netmon::{
    signal::{PROC, Signal},
    snapshot::{DropCount, Drops},
    view::View,
};
use netmon_common::abi::tcp::Dropped;

use crate::{exposition::parse, views};

/// A view of a host that drops, by the source of what the kernel tells of drops.
fn view(source: Option<&'static str>) -> View {
    let mut view = views::small();
    let mut snapshot = (*view.snapshot).clone();
    snapshot.sources.set(Signal::Drops, source);
    snapshot.drops =
        [("tcp", "tcp_listen_overflow", 3), ("tcp", "tcp_csum", 4), ("softnet", "cpu_backlog", 5)]
            .map(|(subsystem, reason, packets)| DropCount {
                subsystem,
                reason: reason.to_owned(),
                expected: false,
                dropped: Dropped { packets, bytes: packets * 100 },
            })
            .to_vec();
    snapshot.tcp.events.home_overflows = 2;
    snapshot.boundary_drops = Drops {
        ingress_driver: 10,
        ingress_fifo: 20,
        ingress_missed: 40,
        egress_driver: 80,
        egress_fifo: 160,
    };
    snapshot.proc.listen_overflows = Some(12);
    snapshot.proc.tcp_in_csum_errors = Some(1);
    snapshot.proc.softnet_dropped = Some(6);
    snapshot.proc.udp_no_ports = Some(7);
    snapshot.proc.udp6_no_ports = Some(8);
    view.snapshot = Arc::new(snapshot);
    view
}

#[test]
fn no_event_is_counted_twice() {
    // With the hook, without it, and without anything.
    let rows: [(_, _, [Option<f64>; 3]); 9] = [
        ("tcp", "tcp_listen_overflow", [Some(3.0), None, None]),
        // Of twelve in this namespace, the hook saw two.
        ("tcp", "listen_overflow", [Some(10.0), Some(12.0), None]),
        ("tcp", "tcp_csum", [Some(4.0), Some(1.0), None]),
        ("softnet", "cpu_backlog", [Some(5.0), Some(6.0), None]),
        ("socket", "no_socket", [None, Some(15.0), None]),
        ("nic", "fifo", [Some(180.0), Some(180.0), None]),
        ("nic", "missed", [Some(40.0), Some(40.0), None]),
        // Drivers speak of much that the hook sees as well.
        ("nic", "driver", [None, Some(90.0), None]),
        ("core", "not_specified", [None, None, None]),
    ];
    for (at, source) in [Some("tp_btf"), Some(PROC), None].into_iter().enumerate() {
        let found = parse(&views::scrape_text(&view(source)));
        for (subsystem, reason, expected) in rows {
            let labels = [("subsystem", subsystem), ("reason", reason)];
            let value = found.value("netmon_drops_total", &labels);
            assert_eq!(value, expected[at], "{reason} from {source:?}");
        }
        let bytes = |subsystem| found.value("netmon_drop_bytes_total", &[("subsystem", subsystem)]);
        let told = source == Some("tp_btf");
        assert_eq!(bytes("tcp"), told.then_some(700.0), "{source:?}");
        assert_eq!(bytes("nic"), None, "devices do not tell");
    }
}

#[test]
fn datagrams_that_were_not_received_come_from_the_kernels_counters() {
    for source in [Some("tp_btf"), Some(PROC), None] {
        let found = parse(&views::scrape_text(&view(source)));
        let value = |reason| {
            let labels = [("port_class", "any"), ("reason", reason)];
            found.value("netmon_udp_receive_drops_total", &labels)
        };
        assert_eq!(value("no_port"), Some(15.0), "both IP versions");
        assert_eq!(value("rcvbuf"), None, "what is not known is absent");
    }
}

//! Detectors that judge by what the kernel tells: each is raised by the real thing,
//! and by nothing that only looks like it.

use std::{
    io::ErrorKind,
    net::{TcpListener, TcpStream, UdpSocket},
};

use rustix::net::sockopt::set_socket_recv_buffer_size;
use serde_json::Value;

use crate::{
    daemon::{FAST, Netmon},
    requirement::require,
    stage::{ADDRESS, PEER_ADDRESS, Stage, alone},
};

const OPEN: u16 = 4000;
const CLOSED: u16 = 4001;
const DATAGRAMS: usize = 1000;

#[test]
fn refused_connections_are_told_from_good_ones() {
    require!();
    let _alone = alone();
    let stage = Stage::new();
    // A service by itself: among the others are also the scrapes of this test.
    let netmon = Netmon::start(&stage.host, &[FAST, ("NETMON_TCP__SERVICE_PORTS", "4001")]);
    let listener = stage.peer.enter(|| TcpListener::bind((PEER_ADDRESS, OPEN)).unwrap());
    stage.host.enter(|| {
        for _ in 0..500 {
            TcpStream::connect((PEER_ADDRESS, OPEN)).unwrap();
            listener.accept().unwrap();
        }
        refused(1);
    });
    quiet(&netmon, "connect_failures");
    stage.host.enter(|| refused(29));
    let row = netmon.raised("connect_failures", "critical");
    assert_eq!(row["subject"], "host", "{row}");
    assert_eq!(row["vantage"], Value::Null, "{row}");
    let detail = row["detail"].as_str().unwrap();
    assert!(detail.starts_with("30 of 30 connections to tcp/4001 "), "{detail}");
    assert!(detail.contains("(30 refused)"), "{detail}");
    netmon.stop();
}

/// Asks so often for a connection that is refused.
fn refused(times: u32) {
    for _ in 0..times {
        let refused = TcpStream::connect((PEER_ADDRESS, CLOSED)).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    }
}

#[test]
fn datagrams_that_nobody_reads_are_drops() {
    require!();
    let _alone = alone();
    let stage = Stage::new();
    let netmon = stage.netmon();
    let receiver = stage.host.enter(|| UdpSocket::bind((ADDRESS, OPEN)).unwrap());
    let sender = stage.peer.enter(|| UdpSocket::bind((PEER_ADDRESS, 0)).unwrap());
    let mut buffer = [0; 100];
    for _ in 0..DATAGRAMS {
        sender.send_to(&buffer, (ADDRESS, OPEN)).unwrap();
        receiver.recv(&mut buffer).unwrap();
    }
    quiet(&netmon, "packet_drops");
    // The least that the kernel allows is room for a few.
    set_socket_recv_buffer_size(&receiver, 1).unwrap();
    for _ in 0..DATAGRAMS {
        sender.send_to(&buffer, (ADDRESS, OPEN)).unwrap();
    }
    let row = netmon.raised("packet_drops", "critical");
    assert_eq!(row["subject"], "host", "{row}");
    assert!(row["detail"].as_str().unwrap().contains(" socket_rcvbuff"), "{row}");
    netmon.stop();
}

/// Asserts that a detector can see, and has raised nothing.
fn quiet(netmon: &Netmon<'_>, detector: &str) {
    let scrape = netmon.fresh();
    let labels = [("detector", detector)];
    assert_eq!(scrape.sum("netmon_detector_trusted", &labels), 1, "{detector} is blind");
    assert_eq!(scrape.sum("netmon_red_flags_total", &labels), 0, "{}", netmon.red_flags());
}

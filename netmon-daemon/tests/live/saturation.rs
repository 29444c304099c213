//! Full lines, and bursts that are too short for a tick.

use std::{
    net::UdpSocket,
    time::{Duration, Instant},
};

use crate::{
    daemon::{FAST, Netmon},
    deadline::{until_ok, until_true},
    exposition::Exposition,
    frames::{Sender, ethernet},
    requirement::require,
    stage::{ADDRESS, DEVICE, PEER_ADDRESS, PEER_DEVICE, Stage, among_others},
    throughput::stream,
};

const PEAK: &str = "netmon_interface_peak_bytes_per_second";
const PORT: u16 = 4000;
/// A burst: some datagrams, some 1.4 MB in all.
const DATAGRAMS: u64 = 1000;
const LEN: usize = 1400;

#[test]
fn a_full_line_is_raised_for_its_device() {
    require!("iperf3");
    let _among = among_others();
    let stage = Stage::new();
    let speeds = ("NETMON_INTERFACES__SPEEDS", "net0=1mbit");
    let netmon = Netmon::start(&stage.host, &[FAST, speeds]);
    let labels = [("device", DEVICE)];
    let speed = netmon.fresh().sum("netmon_interface_speed_bytes_per_second", &labels);
    assert_eq!(speed, 125_000);
    stream(&stage, "egress");
    let row = netmon.raised("link_saturation", "critical");
    assert_eq!(row["subject"], DEVICE, "{row}");
    let detail = row["detail"].as_str().unwrap();
    assert!(detail.ends_with("% of the speed of net0 sent over 5 minutes"), "{detail}");
    netmon.stop();
}

/// The driver of the pair claims 10 Gbit/s, which bounds nothing.
#[test]
fn a_download_raises_nothing() {
    require!("iperf3");
    let _among = among_others();
    let stage = Stage::new();
    let netmon = stage.netmon();
    stream(&stage, "ingress");
    let labels = [("detector", "link_saturation")];
    let scrape = netmon.fresh();
    assert_eq!(scrape.sum("netmon_red_flags_total", &labels), 0, "{}", netmon.red_flags());
    assert_eq!(scrape.sum("netmon_detector_trusted", &labels), 1);
    netmon.stop();
}

#[test]
fn a_burst_within_a_tick_is_a_peak() {
    require!();
    let _among = among_others();
    let stage = Stage::new();
    // A second from one snapshot to the next.
    let netmon = Netmon::start(&stage.host, &[]);
    let sender = stage.peer.enter(|| UdpSocket::bind((PEER_ADDRESS, 0)).unwrap());
    let labels = [("device", DEVICE), ("direction", "ingress")];
    let bytes = DATAGRAMS * LEN as u64;
    until_ok("the burst is seen as one", || {
        let before = polls(&netmon.scrape());
        for _ in 0..DATAGRAMS {
            sender.send_to(&[7; LEN], (ADDRESS, PORT)).unwrap();
        }
        let next = until_ok("netmon polls", || {
            let scrape = netmon.scrape();
            if polls(&scrape) > before { Ok(scrape) } else { Err(before) }
        });
        // Within 200 ms of the second: it may fall into two windows.
        let peak = next.sum(PEAK, &labels);
        if peak >= 5 * bytes { Ok(()) } else { Err(format!("{peak}")) }
    });
    let others = [("device", DEVICE), ("direction", "egress")];
    assert!(netmon.scrape().sum(PEAK, &others) < bytes);
    until_true("the peak passes", || netmon.fresh().sum(PEAK, &labels) < bytes);
    netmon.stop();
}

/// Bursts fill the line for a moment each, and the device drops what nobody speaks.
#[test]
fn bursts_that_lose_packets_are_raised() {
    require!("python3");
    let _among = among_others();
    let stage = Stage::new();
    let netmon = Netmon::start(&stage.host, &[FAST, ("NETMON_INTERFACES__SPEEDS", "net0=8mbit")]);
    let sender = stage.peer.enter(|| UdpSocket::bind((PEER_ADDRESS, 0)).unwrap());
    let burst = || {
        for _ in 0..200 {
            sender.send_to(&[7; LEN], (ADDRESS, PORT)).unwrap();
        }
    };
    let full = |detail: &str| detail.contains("windows of 100 ms full");
    let seconds = Instant::now();
    // Without a loss it is a busy line, however many bursts there are.
    until_true("there were bursts for three seconds", || {
        burst();
        seconds.elapsed() >= Duration::from_secs(3)
    });
    let labels = [("detector", "link_saturation")];
    let scrape = netmon.fresh();
    assert_eq!(scrape.sum("netmon_red_flags_total", &labels), 0, "{}", netmon.red_flags());
    Sender::packet(&stage.peer, PEER_DEVICE).send(&ethernet(&[], 0x88b5, &[0; 46]), 1);
    let row = netmon.raised("link_saturation", "warning");
    assert_eq!(row["subject"], DEVICE, "{row}");
    assert!(row["detail"].as_str().is_some_and(full), "{row}");
    netmon.stop();
}

fn polls(scrape: &Exposition) -> u64 {
    scrape.sum("netmon_poll_duration_seconds_count", &[("stage", "judge")])
}

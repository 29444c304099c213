//! netmon against the kernel's own counters, as netmon itself compares them: mixed
//! traffic is no contradiction, and packets that pass by the hooks are one.

use std::process::Stdio;

use crate::{
    deadline::{until_ok, until_true},
    netns::Running,
    requirement::require,
    stage::{ADDRESS, DEVICE, PEER_DEVICE, Stage, among_others},
    throughput::stream,
};

const ADDRESS_6: &str = "fd00::1";
const PEER_ADDRESS_6: &str = "fd00::2";

/// Every comparison with the kernel.
const COMPARED: [&str; 8] = [
    "packets",
    "bytes",
    "softnet",
    "connections_requested",
    "connections_accepted",
    "connections_failed",
    "retransmits",
    "resets_sent",
];

#[test]
fn mixed_traffic_is_no_contradiction() {
    require!("iperf3", "hping3", "ethtool", "curl");
    let _among = among_others();
    for features in [&["tso", "on"][..], &["tso", "off", "gso", "off", "gro", "off"]] {
        let stage = Stage::new();
        stage.host.ip_batch(&format!("address add {ADDRESS_6}/64 dev {DEVICE} nodad\n"));
        stage.peer.ip_batch(&format!("address add {PEER_ADDRESS_6}/64 dev {PEER_DEVICE} nodad\n"));
        stage.features(features);
        let netmon = stage.netmon();
        // The first check is of what moved since the snapshot before it.
        let checked = || {
            let scrape = netmon.scrape();
            let compared = |name| {
                scrape.matching("netmon_audit_difference_ratio", &[("signal", name)]).count()
            };
            COMPARED.iter().all(|name| compared(name) == 1)
        };
        until_true("everything was compared once", checked);
        for direction in ["ingress", "egress"] {
            stream(&stage, direction);
        }
        // Refused, over both IP versions, from either side.
        for _ in 0..20 {
            stage
                .host
                .command("curl")
                .args(["-s", "-m", "1", "http://10.0.0.2:81/"])
                .output()
                .unwrap();
            let url = format!("http://[{ADDRESS_6}]:81/");
            stage.peer.command("curl").args(["-s", "-g", "-m", "1", &url]).output().unwrap();
        }
        stage.peer.run(["hping3", "-q", "-c", "2000", "-i", "u100", "-S", "-p", "82", ADDRESS]);
        // Fifteen snapshots and more: another check of all of that.
        for _ in 0..10 {
            netmon.fresh();
        }
        let scrape = netmon.scrape();
        for name in COMPARED {
            let labels = [("signal", name)];
            assert_eq!(scrape.sum("netmon_audit_unexplained_total", &labels), 0, "{name}");
        }
        for signal in ["packets", "connections", "retransmits", "resets_sent"] {
            let labels = [("signal", signal)];
            assert_eq!(scrape.sum("netmon_signal_trustworthy", &labels), 1, "{signal}");
        }
        netmon.stop();
    }
}

#[test]
fn packets_that_pass_by_the_hooks_are_a_contradiction() {
    require!("python3");
    let _among = among_others();
    let stage = Stage::new();
    let netmon = stage.netmon();
    let trusted = |expected: u64| {
        let scrape = netmon.scrape();
        let packets = scrape.sum("netmon_signal_trustworthy", &[("signal", "packets")]);
        let detector = scrape.sum("netmon_detector_trusted", &[("detector", "syn_flood")]);
        if (packets, detector) == (expected, expected) {
            Ok(())
        } else {
            Err(format!("signal {packets}, detector {detector}: {}", netmon.log()))
        }
    };
    until_ok("packets are trusted", || trusted(1));
    let mut bypass = stage.host.command("python3");
    bypass.args(["-c", include_str!("bypass.py"), DEVICE]).stdout(Stdio::null());
    let bypass = Running::spawn(&mut bypass);
    until_ok("packets are not trusted", || trusted(0));
    let unexplained =
        netmon.scrape().sum("netmon_audit_unexplained_total", &[("signal", "packets")]);
    assert!(unexplained > 3 * 64, "{unexplained}");
    drop(bypass);
    until_ok("packets are trusted again", || trusted(1));
    let log = netmon.log();
    assert_eq!(log.matches("count differently").count(), 1, "{log}");
    assert_eq!(log.matches("count the same again").count(), 1, "{log}");
}

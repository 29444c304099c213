//! Scans by the tools of those who scan: who is named, and how bad it is.

use std::{
    net::{TcpListener, TcpStream},
    process::Stdio,
};

use crate::{
    daemon::Netmon,
    deadline::until_ok,
    netns::{NetNs, Running, veth},
    requirement::require,
    stage::{ADDRESS, DEVICE, PEER_ADDRESS, PEER_DEVICE, Stage, among_others},
};

const NMAP: [&str; 4] = ["nmap", "-n", "-Pn", "-T4"];

const ADDRESS_6: &str = "2001:db8:1::1";
const PEER_ADDRESS_6: &str = "2001:db8:1::2";
const PEER_NETWORK_6: &str = "2001:db8:1::/64";

/// A stage that speaks IPv6, too.
fn stage() -> Stage {
    let stage = Stage::new();
    for (namespace, address, device) in
        [(&stage.host, ADDRESS_6, DEVICE), (&stage.peer, PEER_ADDRESS_6, PEER_DEVICE)]
    {
        namespace.ip_batch(&format!("address add {address}/64 dev {device} nodad\n"));
    }
    stage
}

#[test]
fn scanners_are_named() {
    require!("nmap", "masscan");
    let _among = among_others();
    // The scan, what follows it, whom it comes from, whom it is for, how bad it is.
    let cases: [(&str, &[&str], &str, &str); 8] = [
        ("connections", &["-sT", "-p", "1-100", ADDRESS], PEER_ADDRESS, "critical"),
        ("half open", &["-sS", "-p", "1-100", ADDRESS], PEER_ADDRESS, "critical"),
        ("few ports", &["-sS", "-p", "1-12", ADDRESS], PEER_ADDRESS, "warning"),
        ("FIN", &["-sF", "-p", "1-100", ADDRESS], PEER_ADDRESS, "critical"),
        ("NULL", &["-sN", "-p", "1-100", ADDRESS], PEER_ADDRESS, "critical"),
        ("XMAS", &["-sX", "-p", "1-100", ADDRESS], PEER_ADDRESS, "critical"),
        ("in fragments", &["-sS", "-f", "-p", "1-100", ADDRESS], PEER_ADDRESS, "critical"),
        ("IPv6", &["-6", "-sS", "-p", "1-100", ADDRESS_6], PEER_NETWORK_6, "critical"),
    ];
    for (name, scan, subject, severity) in cases {
        let stage = stage();
        let _open = stage.host.enter(|| TcpListener::bind((ADDRESS, 80)).unwrap());
        let netmon = stage.netmon();
        stage.peer.run(NMAP.iter().chain(scan).copied());
        let row = netmon.raised("port_scan", severity);
        assert_eq!(row["subject"], subject, "{name}: {row}");
        assert_eq!(row["peer"], scan[scan.len() - 1], "{name}: {row}");
        netmon.stop();
    }
    let stage = stage();
    let netmon = stage.netmon();
    let link = String::from_utf8(stage.host.run(["ip", "-br", "link", "show", DEVICE])).unwrap();
    let mac = link.split_whitespace().nth(2).unwrap();
    let mut command = stage.peer.command("masscan");
    command.args(["--rate", "1000", "-e", PEER_DEVICE, "--source-ip", PEER_ADDRESS]);
    command.args(["--router-mac", mac, "-p1-100", ADDRESS]);
    // It waits for answers however long; it ends with the test.
    let masscan = Running::spawn(command.stdin(Stdio::null()).stderr(Stdio::null()));
    let row = netmon.raised("port_scan", "critical");
    assert_eq!([&row["subject"], &row["peer"]], [PEER_ADDRESS, ADDRESS], "masscan: {row}");
    drop(masscan);
    netmon.stop();
}

/// A port a second, and as nmap waits when it is told to be polite (0.4 s).
#[test]
fn slow_scanners_are_named() {
    require!("nmap");
    let _among = among_others();
    let one_a_second = ["-T4", "--scan-delay", "1s", "--max-retries", "0"];
    for (kind, timing) in [("-sS", &one_a_second[..]), ("-sT", &one_a_second), ("-sS", &["-T2"])] {
        let stage = stage();
        let netmon = Netmon::start(&stage.host, &[]);
        let scan = ["nmap", "-n", "-Pn", kind, "-p", "1-12", ADDRESS];
        stage.peer.run(scan.iter().chain(timing).copied());
        let row = netmon.raised("port_scan", "warning");
        assert_eq!([&row["subject"], &row["peer"]], [PEER_ADDRESS, ADDRESS], "{timing:?}: {row}");
        netmon.stop();
    }
}

#[test]
fn a_scan_by_this_host_is_seen_where_it_leaves() {
    require!("nmap");
    let _among = among_others();
    let stage = Stage::new();
    // A network of forty hosts, of which none has a service.
    let add = |host| format!("address add 10.0.0.{host}/24 dev {PEER_DEVICE}\n");
    let all: Vec<String> = (3..=40).map(add).collect();
    stage.peer.ip_batch(&all.concat());
    let netmon = stage.netmon();
    stage.host.run(["nmap", "-n", "-Pn", "-sS", "-T4", "-p", "445", "10.0.0.2-40"]);
    let row = netmon.raised("outbound_scan", "warning");
    assert_eq!(row["subject"], ADDRESS, "{row}");
    stage.host.run(["nmap", "-n", "-Pn", "-sS", "-T4", "-p", "1-100", PEER_ADDRESS]);
    let row = netmon.raised("port_scan", "critical");
    assert_eq!([&row["subject"], &row["peer"]], [ADDRESS, PEER_ADDRESS], "{row}");
    netmon.stop();
}

#[test]
fn clients_that_are_answered_are_not_scanners() {
    let _among = among_others();
    let stage = Stage::new();
    let listeners: Vec<TcpListener> = stage
        .host
        .enter(|| (5000..5100).map(|port| TcpListener::bind((ADDRESS, port)).unwrap()).collect());
    let netmon = stage.netmon();
    stage.peer.enter(|| {
        for listener in &listeners {
            drop(TcpStream::connect(listener.local_addr().unwrap()).unwrap());
        }
    });
    none_is_raised(&netmon);
    netmon.stop();
}

/// Asserts that nobody is taken for a scanner once what was asked for so far has been looked
/// at. Connections that nobody accepts end with resets, which others notice.
fn none_is_raised(netmon: &Netmon<'_>) {
    for _ in 0..3 {
        netmon.fresh();
    }
    let flags = netmon.red_flags();
    let raised = flags["red_flags"].as_array().unwrap().iter();
    let scans = raised.filter(|row| row["detector"].as_str().unwrap().ends_with("_scan"));
    assert_eq!(scans.count(), 0, "{flags}");
}

/// Behind a router: what is asked for by one port and answered by another address.
#[test]
fn forwarded_connections_are_not_scans() {
    require!("nft");
    let _among = among_others();
    let stage = Stage::new();
    let inside = NetNs::new();
    veth(&stage.host, "in0", &inside, "in1");
    stage.host.ip_batch("address add 10.1.0.1/24 dev in0\n");
    inside.ip_batch("address add 10.1.0.2/24 dev in1\nroute add default via 10.1.0.1\n");
    stage.host.sysctl("net/ipv4/ip_forward", "1");
    let nat = "table ip nat {
        chain pre { type nat hook prerouting priority -100; ip daddr 10.0.0.1 tcp dport 6000-6099 dnat to 10.1.0.2; }
        chain post { type nat hook postrouting priority 100; oifname net0 masquerade; }
    }";
    stage.host.run(["nft", nat]);
    let inner: Vec<TcpListener> = inside.enter(|| {
        (6000..6100).map(|port| TcpListener::bind(("10.1.0.2", port)).unwrap()).collect()
    });
    let outer: Vec<TcpListener> = stage.peer.enter(|| {
        (7000..7100).map(|port| TcpListener::bind((PEER_ADDRESS, port)).unwrap()).collect()
    });
    let netmon = stage.netmon();
    stage.peer.enter(|| {
        for port in 6000..6100 {
            drop(TcpStream::connect((ADDRESS, port)).unwrap());
        }
    });
    inside.enter(|| {
        for port in 7000..7100 {
            drop(TcpStream::connect((PEER_ADDRESS, port)).unwrap());
        }
    });
    drop((inner, outer));
    none_is_raised(&netmon);
    netmon.stop();
}

/// A scan by UDP: the kernel hides most answers, and counts nevertheless.
#[test]
fn datagrams_to_many_ports_are_named() {
    require!("nmap");
    let _among = among_others();
    let stage = stage();
    let netmon = stage.netmon();
    let scan =
        ["nmap", "-n", "-Pn", "-sU", "-p", "1000-1080", "--min-rate", "100", "--max-retries", "0"];
    for (more, subject, peer) in
        [(&[ADDRESS][..], PEER_ADDRESS, ADDRESS), (&["-6", ADDRESS_6], PEER_NETWORK_6, ADDRESS_6)]
    {
        stage.peer.run(scan.iter().chain(more).copied());
        let named = |row: &serde_json::Value| row["subject"] == subject && row["peer"] == peer;
        until_ok("the scan is raised", || {
            let flags = netmon.red_flags();
            let mut rows = flags["red_flags"].as_array().unwrap().iter();
            rows.any(|row| {
                row["detector"] == "udp_scan" && row["severity"] == "critical" && named(row)
            })
            .then_some(())
            .ok_or(flags)
        });
    }
    netmon.stop();
}

//! Scans by nmap: which flags came and went, as tcpdump saw them.

use crate::{
    capture::{Capture, Capturing},
    requirement::require,
    stage::{ADDRESS, DEVICE, PEER_ADDRESS, Stage, among_others},
};

/// Every value of the label `flag` as a filter on the sixth byte of TCP's flags
/// (FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32), from the definitions in the
/// documentation and not from the code.
const FLAGS: [(&str, &str); 8] = [
    ("syn", "tcp[13] & 0x12 = 0x02"),
    ("synack", "tcp[13] & 0x12 = 0x12"),
    ("fin", "tcp[13] & 0x01 != 0"),
    ("rst", "tcp[13] & 0x04 != 0"),
    ("null", "tcp[13] & 0x3f = 0"),
    ("xmas", "tcp[13] & 0x3f = 0x29"),
    ("syn_fin", "tcp[13] & 0x03 = 0x03"),
    (
        "other_invalid",
        "(tcp[13] & 0x06 = 0x06) or (tcp[13] & 0x16 = 0 and not (tcp[13] & 0x3f = 0 or tcp[13] & 0x3f = 0x29))",
    ),
];

#[test]
fn flags_of_scans_are_what_a_capture_shows() {
    require!("nmap", "tcpdump");
    let _among = among_others();
    let stage = Stage::new();
    // One open port among the closed ones.
    let _listener = stage.host.enter(|| std::net::TcpListener::bind((ADDRESS, 80)).unwrap());
    let netmon = stage.netmon();
    // The scan, how many probes it sends at least, and the flag that they have.
    for (scan, flag) in [("-sS", "syn"), ("-sN", "null"), ("-sX", "xmas"), ("-sF", "fin")] {
        let before = stage.settled(&netmon);
        let capturing = Capturing::start(&stage.host, DEVICE);
        stage.peer.run(["nmap", "-n", "-Pn", scan, "-p", "1-200", "-T4", ADDRESS]);
        let after = stage.settled(&netmon);
        let capture = capturing.stop();

        after.same_packets(&before, DEVICE);
        let mut probes = 0;
        for (name, filter) in FLAGS {
            for (direction, source) in [("ingress", PEER_ADDRESS), ("egress", ADDRESS)] {
                let seen = count(&capture, source, filter);
                let labels = [("vantage", "boundary"), ("direction", direction), ("flag", name)];
                let counted = after.moved(&before, "netmon_tcp_flags_total", &labels);
                assert_eq!(counted, seen, "{scan}: {direction} {name}");
                probes += if (name, direction) == (flag, "ingress") { seen } else { 0 };
            }
        }
        assert!(probes >= 200, "{scan}: {probes} probes");
    }
    let row = netmon.raised("stealth_scan", "critical");
    assert_eq!([&row["subject"], &row["peer"]], [PEER_ADDRESS, ADDRESS], "{row}");
    netmon.stop();
}

/// Requests in pieces of eight bytes, the first of which shows ports but no flags.
#[test]
fn requests_that_hide_their_flags_in_fragments_are_raised() {
    require!("nmap", "tcpdump");
    let _among = among_others();
    let stage = Stage::new();
    let netmon = stage.netmon();
    let before = stage.settled(&netmon);
    let capturing = Capturing::start(&stage.host, DEVICE);
    stage.peer.run(["nmap", "-n", "-Pn", "-sS", "-f", "-p", "1-50", "-T4", ADDRESS]);
    let after = stage.settled(&netmon);
    let capture = capturing.stop();
    after.same_packets(&before, DEVICE);
    let seen = count(&capture, PEER_ADDRESS, "ip[6:2] & 0x3fff != 0");
    assert!(seen >= 100, "{seen} fragments");
    let labels = [("vantage", "boundary"), ("direction", "ingress")];
    assert_eq!(after.moved(&before, "netmon_fragments_total", &labels), seen);
    let row = netmon.raised("fragment_flood", "warning");
    assert_eq!(row["vantage"], "boundary");
    netmon.stop();
}

fn count(capture: &Capture, source: &str, filter: &str) -> u64 {
    capture.count(&format!("tcp and src host {source} and ({filter})"))
}

//! The reports as people and scripts see them, and the exit status.

use std::process::Command;

use netmon::{
    cli::{exit::Exit, replay::Format},
    detect::Severity,
};
use serde_json::{Value, json};

use crate::{
    Answer,
    file::{RST_ACK, Record, SYN, at, ethernet, simple, tcp, tcp6},
    stored,
};

/// Connection requests, one in a millisecond.
fn requests(number: u64) -> Vec<Record> {
    (0..number).map(|n| at(n, ethernet(&tcp(SYN)))).collect()
}

#[test]
fn networks_of_the_configuration_have_their_scope() {
    let mut records = requests(3);
    records.push(at(3, ethernet(&tcp6(SYN))));
    let path = stored(&simple(&records));
    for (scopes, ipv4, ipv6) in [
        ("", "public", "public"),
        ("container = [\"192.0.2.0/24\", \"2020::/16\"]", "container", "container"),
        ("container = [\"198.51.100.0/24\"]\nprivate = [\"2000::/3\"]", "public", "private"),
    ] {
        let config = stored(format!("[scopes]\n{scopes}").as_bytes());
        let output = Command::new(env!("CARGO_BIN_EXE_netmon"))
            .args(["replay", "--format", "json", "--config"])
            .args([&config, &path])
            .output()
            .unwrap();
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let counters = &report["captures"][0]["counters"];
        for (family, packets, scope) in [("ipv4", 3, ipv4), ("ipv6", 1, ipv6)] {
            let name = format!("host_packets_{scope}_{family}_tcp");
            assert_eq!(counters[&name], json!(packets), "{name} with {scopes:?}");
        }
    }
}

#[test]
fn json_has_the_promised_keys() {
    let mut records = requests(200);
    records.push(at(1500, ethernet(&[0x45, 0])));
    let path = stored(&simple(&records));
    let answer = Answer::to(std::slice::from_ref(&path), Format::Json, None);
    let mut capture = answer.captures().remove(0);
    let counters = capture["counters"].take();
    for (name, count) in [
        ("packets", 201),
        ("bytes", 200 * 54 + 16),
        ("ipv4_packets", 201),
        ("ipv6_packets", 0),
        ("ipv4_fragments", 0),
        ("ipv6_fragments", 0),
        ("vlan_packets", 0),
        ("tcp_packets", 200),
        ("udp_packets", 0),
        ("icmp_packets", 0),
        ("tcp_syn", 200),
        ("tcp_synack", 0),
        ("tcp_fin", 0),
        ("tcp_rst", 0),
        ("tcp_null", 0),
        ("tcp_xmas", 0),
        ("tcp_fin_only", 0),
        ("dns_udp_packets", 0),
        ("dns_udp_queries", 0),
        ("dns_udp_responses", 0),
        ("dns_udp_over_512", 0),
        ("dns_udp_over_1232", 0),
        ("mdns_packets", 0),
        // Rows of the counter table follow by themselves.
        ("tcp_flags_syn", 200),
        ("host_packets_public_ipv4_tcp", 200),
        ("packet_size_bytes_le_64", 201),
    ] {
        assert_eq!(counters[name], json!(count), "{name}");
    }
    assert_eq!(capture["rejects"]["truncated"], 1);
    let rejects = capture["rejects"].take();
    assert!(rejects.as_object().unwrap().values().all(Value::is_u64));
    let expected = json!({
        "file": path.to_str().unwrap(),
        "packets": 201,
        "bytes": 200 * 54 + 16,
        "duration_seconds": 1.5,
        "unreadable_bytes": 0,
        "counters": null,
        "rejects": null,
        "red_flags": [{
            "id": 1,
            "detector": "connect_failures",
            "severity": "warning",
            "subject": "boundary",
            "peer": null,
            "service_port": null,
            "silenced": false,
            "first_seen_seconds": 0.0,
            "last_seen_seconds": 53.3,
            "statistic": 200.0,
            "threshold": 20.0,
            "window_seconds": 300.0,
            "evidence": {"requests": 200, "answers": 0},
            "detail": "200 SYN in 60 s, 0 SYN-ACK in answer",
            "confirm": "timeout 10 tcpdump -ni any -c 200 'tcp[13] & 0x06 != 0 or (ip6[6] = 6 \
                        and ip6[53] & 0x06 != 0)'",
            "runbook": "docs/runbooks/NetmonConnectFailures.md",
        }, {
            "id": 2,
            "detector": "syn_flood",
            "severity": "warning",
            "subject": "boundary",
            "peer": null,
            "service_port": null,
            "silenced": false,
            "first_seen_seconds": 0.0,
            "last_seen_seconds": 2.1,
            "statistic": 200.0,
            "threshold": 100.0,
            "window_seconds": 2.0,
            "evidence": {"requests": 200, "answers": 0},
            "detail": "200 SYN in 1 s, 0 SYN-ACK in answer",
            "confirm": "timeout 10 tcpdump -ni any -c 200 'tcp[13] & 0x12 = 0x02 or (ip6[6] = 6 \
                        and ip6[53] & 0x12 = 0x02)'",
            "runbook": "docs/runbooks/NetmonSynFlood.md",
        }],
        "more_red_flags": 0,
    });
    assert_eq!(capture, expected);
}

#[test]
fn text_begins_with_the_verdict() {
    let mut records = requests(200);
    records.push(at(1500, ethernet(&[0x45, 0])));
    let flood = stored(&[simple(&records), vec![0; 7]].concat());
    let quiet = stored(&simple(&requests(1)));
    let answer = Answer::to(&[flood.clone(), quiet.clone()], Format::Text, None);
    let expected = format!(
        "{}: 201 packets, 10816 bytes in 1.500 s
  warning: connect_failures at boundary from 0.0 s on: 200 SYN in 60 s, 0 SYN-ACK in answer (threshold 20)
  warning: syn_flood at boundary from 0.0 s on: 200 SYN in 1 s, 0 SYN-ACK in answer (threshold 100)
  7 bytes could not be read
    packets                  201
    bytes                    10816
    ipv4_packets             201
    tcp_packets              200
    tcp_syn                  200
    rejected: truncated      1
{}: 1 packets, 54 bytes in 0.000 s
  no red flags
    packets                  1
    bytes                    54
    ipv4_packets             1
    tcp_packets              1
    tcp_syn                  1
",
        flood.display(),
        quiet.display()
    );
    assert_eq!(answer.out, expected);
}

#[test]
fn exit_says_whether_a_flag_was_raised() {
    let quiet = || stored(&simple(&requests(9)));
    let warning = || stored(&simple(&requests(200)));
    let critical = || {
        let resets: Vec<_> = (0..900).map(|n| at(n, ethernet(&tcp(RST_ACK)))).collect();
        stored(&simple(&resets))
    };
    let broken = || stored(b"no capture");
    let (some_warning, some_critical) = (Some(Severity::Warning), Some(Severity::Critical));
    let cases = [
        ("no file", vec![], some_warning, Exit::Success),
        ("quiet", vec![quiet()], some_warning, Exit::Success),
        ("not asked for", vec![critical()], None, Exit::Success),
        ("warning", vec![warning()], some_warning, Exit::Matched),
        ("not bad enough", vec![warning()], some_critical, Exit::Success),
        ("worse", vec![critical()], some_warning, Exit::Matched),
        ("critical", vec![quiet(), critical(), quiet()], some_critical, Exit::Matched),
        ("incomplete", vec![critical(), broken()], some_critical, Exit::Failure),
    ];
    for (name, files, fail_on, exit) in cases {
        assert_eq!(Answer::to(&files, Format::Json, fail_on).exit, exit, "{name}");
    }
}

#[test]
fn the_program_itself_answers() {
    let run = |bytes: &[u8]| {
        let path = stored(bytes);
        let mut command = Command::new(env!("CARGO_BIN_EXE_netmon"));
        command.arg("replay").arg(path).args(["--format", "json"]).output().unwrap()
    };
    let good = run(&simple(&requests(3)));
    let report: Value = serde_json::from_slice(&good.stdout).unwrap();
    assert_eq!((good.status.code(), &report["captures"][0]["packets"]), (Some(0), &json!(3)));
    let bad = run(b"no capture");
    let lines = String::from_utf8(bad.stderr).unwrap().lines().count();
    assert_eq!((bad.status.code(), lines), (Some(1), 1));
}

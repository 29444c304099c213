//! Names that a capture shows, and who asks for them.

use std::process::Command;

use serde_json::Value;

use crate::{
    file::{Record, at, ethernet, simple},
    flags, report_on, stored,
};

/// A query or an answer with one question of type A.
pub(crate) fn message(name: &str, answers: bool) -> Vec<u8> {
    let mut message = vec![0, 7, if answers { 0x81 } else { 1 }, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        message.push(u8::try_from(label.len()).unwrap());
        message.extend(label.as_bytes());
    }
    message.extend([0, 0, 1, 0, 1]);
    message
}

/// A datagram from the client, or to it, between these ports of client and server.
pub(crate) fn datagram(v6: bool, ports: [u16; 2], to_client: bool, message: &[u8]) -> Vec<u8> {
    let len = u16::try_from(message.len() + 8).unwrap();
    let ends = |mut ends: [Vec<u8>; 2]| {
        if to_client {
            ends.reverse();
        }
        ends.concat()
    };
    let mut packet = if v6 {
        let mut packet = vec![0x60, 0, 0, 0];
        packet.extend(len.to_be_bytes());
        packet.extend([17, 64]);
        packet.extend(ends(
            [7, 53].map(|last| [&[0x20, 1, 0xd, 0xb8][..], &[0; 11], &[last]].concat()),
        ));
        packet
    } else {
        let mut packet = vec![0x45, 0];
        packet.extend((len + 20).to_be_bytes());
        packet.extend([0, 1, 0, 0, 64, 17, 0, 0]);
        packet.extend(ends([7, 53].map(|last| vec![192, 0, 2, last])));
        packet
    };
    packet.extend(ends(ports.map(|port| port.to_be_bytes().to_vec())));
    packet.extend(len.to_be_bytes());
    packet.extend([0, 0]);
    packet.extend(message);
    packet
}

/// 60 names of 40 bytes within six seconds: queries, answers, or both.
fn tunnel(v6: bool, ports: [u16; 2], queries: bool, answers: bool) -> Vec<u8> {
    let mut records: Vec<Record> = Vec::new();
    for number in 0..60_u64 {
        let name = format!("{}.t.example.com", format!("{:x}", number + 17).repeat(19));
        for (to_client, is_there) in [(false, queries), (true, answers)] {
            if is_there {
                let packet = datagram(v6, ports, to_client, &message(&name, to_client));
                records.push(at(number * 100, ethernet(&packet)));
            }
        }
    }
    simple(&records)
}

#[test]
fn a_tunnel_is_told_whatever_is_seen_of_it() {
    for (v6, ports, queries, answers) in [
        (false, [40_000, 53], true, true),
        (true, [40_000, 53], true, true),
        (false, [40_000, 53], true, false),
        (false, [40_000, 53], false, true),
        // A server that asks another one, as they did of old.
        (false, [53, 53], true, true),
    ] {
        let report = report_on(&tunnel(v6, ports, queries, answers));
        let expected = [("dns_tunnel".to_owned(), "critical".to_owned())];
        assert_eq!(flags(&report), expected, "{ports:?} {queries} {answers}");
        let flag = &report["red_flags"][0];
        let ends = if v6 { ["2001:db8::7", "2001:db8::35"] } else { ["192.0.2.7", "192.0.2.53"] };
        assert_eq!([&flag["subject"], &flag["peer"]], ends);
        let detail = flag["detail"].as_str().unwrap();
        assert!(detail.starts_with("60 names of 2400 bytes below name-"), "{detail}");
        assert!(detail.ends_with(" in 60 s, 100 % of type A"), "{detail}");
    }
    // The other port is what makes it DNS.
    assert_eq!(flags(&report_on(&tunnel(false, [40_000, 54], true, true))), []);
}

#[test]
fn the_configuration_says_what_is_shown_and_allowed() {
    let path = stored(&tunnel(false, [40_000, 53], true, true));
    for (config, shown) in [
        ("[dns]\nnames = \"hashed\"", Some("name-")),
        ("[dns]\nnames = \"plain\"", Some("example.com ")),
        ("[dns]\nnames = \"off\"", None),
        ("[detectors.dns_tunnel]\nallow = [\"Example.com\"]", None),
        ("[detectors.dns_tunnel]\nallow = [\"t.example.com\"]", None),
        ("[detectors.dns_tunnel]\nallow = []", Some("name-")),
    ] {
        let config_file = stored(config.as_bytes());
        let run = || {
            let output = Command::new(env!("CARGO_BIN_EXE_netmon"))
                .args(["replay", "--format", "json", "--config"])
                .args([&config_file, &path])
                .output()
                .unwrap();
            output.stdout
        };
        let answer = run();
        let report: Value = serde_json::from_slice(&answer).unwrap();
        let detail = report["captures"][0]["red_flags"][0]["detail"].as_str();
        let below = detail.and_then(|detail| detail.split(" below ").nth(1));
        assert_eq!(below.is_some(), shown.is_some(), "{config}");
        assert!(
            below.is_none_or(|it| shown.is_some_and(|shown| it.starts_with(shown))),
            "{config}"
        );
        // Nothing of it is random.
        assert_eq!(run(), answer, "{config}");
    }
}

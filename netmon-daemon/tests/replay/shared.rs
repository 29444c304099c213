//! Captures of real traffic, where they are at hand: in the folder that
//! `NETMON_CAPTURES` names, or in `../shared/captures` beside the checkout.

use std::{
    collections::HashMap,
    env, fs,
    path::{Path, PathBuf},
};

use netmon::{cli::replay::Format, detect};
use serde_json::Value;

use crate::{Answer, flags};

/// Columns of the manifest and the counters that they hold.
const COUNTS: &[(&str, &str)] = &[
    ("packets", "packets"),
    ("bytes", "bytes"),
    ("syn", "tcp_syn"),
    ("synack", "tcp_synack"),
    ("rst", "tcp_rst"),
    ("fin", "tcp_fin"),
    ("tcp_pkts", "tcp_packets"),
    ("xmas", "tcp_xmas"),
    ("null", "tcp_null"),
    ("finonly", "tcp_fin_only"),
    ("udp53", "dns_udp_packets"),
    ("dns_udp_query", "dns_udp_queries"),
    ("dns_udp_resp", "dns_udp_responses"),
    ("udp53_gt512", "dns_udp_over_512"),
    ("udp53_gt1232", "dns_udp_over_1232"),
    ("mdns_pkts", "mdns_packets"),
    ("ip4_pkts", "ipv4_packets"),
    ("ip6_pkts", "ipv6_packets"),
    ("ip4_frag", "ipv4_fragments"),
    ("ip6_frag", "ipv6_fragments"),
    ("vlan_tagged", "vlan_packets"),
    ("icmp", "icmp_packets"),
];

/// Words of the manifest and the detectors that answer them, where the names
/// differ.
const WORDS: &[(&str, &[&str])] = &[
    ("syn_unanswered", &["connect_failures", "syn_flood"]),
    ("synack_reflection", &["reflection"]),
    ("frag_flood", &["fragment_flood"]),
    ("dns_large_responses", &["dns_large_messages", "reflection"]),
    ("dns_oversize_tcp", &["dns_large_messages"]),
    ("dns_query_flood", &["dns_flood"]),
];

/// The longest extension header chain of IPv6 that netmon walks.
const LONGEST_CHAIN: u64 = 8;

fn folder() -> Option<PathBuf> {
    if let Some(folder) = env::var_os("NETMON_CAPTURES") {
        return Some(folder.into());
    }
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/captures");
    beside.is_dir().then_some(beside)
}

#[test]
fn shared_captures_are_counted_and_judged_right() {
    let Some(folder) = folder() else {
        eprintln!("SKIPPED: no captures: set NETMON_CAPTURES to a folder with a manifest.tsv");
        return;
    };
    let manifest = fs::read_to_string(folder.join("manifest.tsv")).unwrap();
    let mut lines = manifest.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    let header = lines.next().unwrap();
    let mut faults = Vec::new();
    let mut rows = 0;
    for line in lines {
        let row: HashMap<&str, &str> = header.iter().copied().zip(line).collect();
        let path = folder.join(row["file"]);
        if !path.exists() {
            continue;
        }
        rows += 1;
        let answer = Answer::to(&[path], Format::Json, None);
        let Some(capture) = answer.captures().into_iter().next() else {
            faults.push(format!("{}: {}", row["id"], answer.err));
            continue;
        };
        let found = wrong_counts(&row, &capture).into_iter().chain(wrong_flags(&row, &capture));
        faults.extend(found.map(|fault| format!("{}: {fault}", row["id"])));
    }
    assert!(rows > 0, "{} names no file that is there", folder.display());
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

fn wrong_counts(row: &HashMap<&str, &str>, capture: &Value) -> Vec<String> {
    let number = |column: &str| row[column].parse::<u64>().ok();
    if !row["allowed_range"].is_empty() || number("ip6_ext_max") > Some(LONGEST_CHAIN) {
        return Vec::new();
    }
    let mut wrong: Vec<String> = COUNTS
        .iter()
        .filter_map(|(column, counter)| Some((counter, number(column)?)))
        .filter(|(counter, expected)| capture["counters"][counter] != *expected)
        .map(|(counter, expected)| {
            format!("{counter} is {}, not {expected}", capture["counters"][counter])
        })
        .collect();
    let duration = capture["duration_seconds"].as_f64().unwrap();
    if row["duration_s"].parse().is_ok_and(|expected: f64| (expected - duration).abs() > 0.001) {
        wrong.push(format!("duration is {duration}, not {}", row["duration_s"]));
    }
    wrong
}

/// What must be raised but is not, as far as a detector for it exists, and what
/// is raised but must not be.
fn wrong_flags(row: &HashMap<&str, &str>, capture: &Value) -> Vec<String> {
    let raised: Vec<String> = flags(capture).into_iter().map(|(detector, _)| detector).collect();
    let must: Vec<&str> = row["must_raise"].split([',', '|']).filter(|w| !w.is_empty()).collect();
    let missed = must.iter().filter(|word| {
        let mut answers = detectors(word).filter(|name| detect::NAMES.contains(name)).peekable();
        answers.peek().is_some() && !answers.any(|name| raised.iter().any(|r| r == name))
    });
    let missed = missed.map(|word| format!("{word} is missed"));
    let may = row["may_raise"].split(',').chain(must.iter().copied());
    let allowed: Vec<&str> = may.flat_map(detectors).collect();
    let is_wrong = |name: &&String| row["class"] != "P" && !allowed.contains(&name.as_str());
    let wrong = raised.iter().filter(is_wrong).map(|name| format!("{name} is raised"));
    missed.chain(wrong).collect()
}

/// The detectors that answer a word of the manifest.
fn detectors(word: &str) -> impl Iterator<Item = &str> {
    let aliases = WORDS.iter().find(|(alias, _)| *alias == word).map(|(_, names)| *names);
    aliases.unwrap_or_default().iter().copied().chain(aliases.is_none().then_some(word))
}

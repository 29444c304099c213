//! Captures of real traffic, where they are at hand: counted and judged as their manifest
//! says.

use netmon::{cli::replay::Format, detect};
use serde_json::Value;

use crate::{
    Answer, flags,
    manifest::{Row, detectors, folder, rows},
};

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

/// The longest extension header chain of IPv6 that netmon walks.
const LONGEST_CHAIN: u64 = 8;

#[test]
fn shared_captures_are_counted_and_judged_right() {
    let Some(folder) = folder() else {
        eprintln!("SKIPPED: no captures: set NETMON_CAPTURES to a folder with a manifest.tsv");
        return;
    };
    let mut faults = Vec::new();
    for row in rows(&folder) {
        let id = &row.columns["id"];
        let answer = Answer::to(std::slice::from_ref(&row.path), Format::Json, None);
        let Some(capture) = answer.captures().into_iter().next() else {
            faults.push(format!("{id}: {}", answer.err));
            continue;
        };
        let found = wrong_counts(&row, &capture).into_iter().chain(wrong_flags(&row, &capture));
        faults.extend(found.map(|fault| format!("{id}: {fault}")));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

fn wrong_counts(row: &Row, capture: &Value) -> Vec<String> {
    let number = |column: &str| row.columns[column].parse::<u64>().ok();
    if !row.columns["allowed_range"].is_empty() || number("ip6_ext_max") > Some(LONGEST_CHAIN) {
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
    if row.columns["duration_s"]
        .parse()
        .is_ok_and(|expected: f64| (expected - duration).abs() > 0.001)
    {
        wrong.push(format!("duration is {duration}, not {}", row.columns["duration_s"]));
    }
    wrong
}

/// What must be raised but is not, as far as a detector for it exists, and what
/// is raised but must not be.
fn wrong_flags(row: &Row, capture: &Value) -> Vec<String> {
    let raised: Vec<String> = flags(capture).into_iter().map(|(detector, _)| detector).collect();
    let must = row.must();
    let missed = must.iter().filter(|word| {
        let mut answers = detectors(word).filter(|name| detect::NAMES.contains(name)).peekable();
        answers.peek().is_some() && !answers.any(|name| raised.iter().any(|r| r == name))
    });
    let missed = missed.map(|word| format!("{word} is missed"));
    let allowed = row.allowed();
    let is_wrong =
        |name: &&String| row.columns["class"] != "P" && !allowed.contains(&name.as_str());
    let wrong = raised.iter().filter(is_wrong);
    missed.chain(wrong.map(|name| format!("{name} is raised"))).collect()
}

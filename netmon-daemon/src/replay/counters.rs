//! The counters of a report: the promised ones by name, then every row of the
//! counter table, so that a new counter appears by itself.

use std::iter::once;

use netmon_common::{
    abi::{
        counters::Counter,
        labels::{Family, IpVersion, Protocol, TcpFlag},
        tally::Tally,
    },
    reject::Reject,
};

/// A counter that scripts rely on: its key and where it comes from.
pub type Promised = (&'static str, fn(&Tally) -> u64);

/// The counters that every report has. Removing one, or changing what it
/// counts, is a breaking change.
pub const PROMISED: &[Promised] = &[
    ("packets", Tally::packets),
    ("bytes", Tally::bytes),
    ("ipv4_packets", |tally| tally.family_packets(Family::Ipv4)),
    ("ipv6_packets", |tally| tally.family_packets(Family::Ipv6)),
    ("ipv4_fragments", |tally| tally.fragments[IpVersion::V4.index()]),
    ("ipv6_fragments", |tally| tally.fragments[IpVersion::V6.index()]),
    ("vlan_packets", |tally| tally.vlan_packets),
    ("tcp_packets", |tally| tally.protocol_packets(Protocol::Tcp)),
    ("udp_packets", |tally| tally.protocol_packets(Protocol::Udp)),
    ("icmp_packets", |tally| tally.protocol_packets(Protocol::Icmp)),
    ("tcp_syn", |tally| tally.flag(TcpFlag::Syn)),
    ("tcp_synack", |tally| tally.flag(TcpFlag::Synack)),
    ("tcp_fin", |tally| tally.flag(TcpFlag::Fin)),
    ("tcp_rst", |tally| tally.flag(TcpFlag::Rst)),
    ("tcp_null", |tally| tally.flag(TcpFlag::Null)),
    ("tcp_xmas", |tally| tally.flag(TcpFlag::Xmas)),
    ("tcp_fin_only", |tally| tally.tcp_fin_only),
    ("dns_udp_packets", |tally| tally.dns_datagrams),
    ("dns_udp_queries", |tally| sum(&tally.dns_queries)),
    ("dns_udp_responses", |tally| sum(&tally.dns_responses)),
    ("dns_udp_over_512", |tally| tally.dns_longer_than(512)),
    ("dns_udp_over_1232", |tally| tally.dns_longer_than(1232)),
    ("mdns_packets", |tally| tally.mdns_packets),
];

/// The promised counters.
pub fn promised(tally: &Tally) -> impl Iterator<Item = (String, u64)> {
    PROMISED.iter().map(|(name, count)| ((*name).to_owned(), count(tally)))
}

/// The promised counters and, where the name is not taken, every row of the
/// counter table: `name`, `name_label_label`, or for a histogram
/// `name_le_bound` (cumulated) and `name_sum`.
pub fn all(tally: &Tally) -> Vec<(String, u64)> {
    let words = tally.words();
    let rows = Tally::COUNTERS.iter().flat_map(|row| {
        let words = words.get(row.offset..row.offset + row.words).unwrap_or_default();
        names(row).into_iter().zip(values(row, words))
    });
    let is_new = |(name, _): &(String, u64)| PROMISED.iter().all(|(known, _)| known != name);
    promised(tally).chain(rows.filter(is_new)).collect()
}

/// Why frames could not be classed.
pub fn rejects(tally: &Tally) -> Vec<(String, u64)> {
    Reject::LABELS.iter().map(|label| (*label).to_owned()).zip(tally.rejected_packets).collect()
}

/// The keys of a row, in the order of its words.
fn names(row: &Counter) -> Vec<String> {
    let bounds = row.bounds.iter().map(|bound| format!("{}_le_{bound}", row.name));
    if !row.bounds.is_empty() {
        let rest = ["le_inf", "sum"].map(|suffix| format!("{}_{suffix}", row.name));
        return bounds.chain(rest).collect();
    }
    row.dimensions.iter().fold(vec![row.name.to_owned()], |names, dimension| {
        let longer = |name: &String| -> Vec<String> {
            dimension.values.iter().map(|value| format!("{name}_{value}")).collect()
        };
        names.iter().flat_map(longer).collect()
    })
}

/// The values of a row, in the order of its words.
fn values(row: &Counter, words: &[u64]) -> Vec<u64> {
    match words.split_last() {
        Some((observed, buckets)) if !row.bounds.is_empty() => {
            let cumulated = buckets.iter().scan(0_u64, |below, bucket| {
                *below = below.wrapping_add(*bucket);
                Some(*below)
            });
            cumulated.chain(once(*observed)).collect()
        }
        _ => words.to_vec(),
    }
}

fn sum(counters: &[u64]) -> u64 {
    counters.iter().fold(0, |sum, counter| sum.wrapping_add(*counter))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use netmon_common::abi::histogram::DNS_SIZE_BOUNDS;

    use super::*;

    #[test]
    fn every_word_of_the_table_appears_once() {
        let tally = Tally::ZERO;
        let all = all(&tally);
        let unique: BTreeMap<_, _> = all.iter().cloned().collect();
        assert_eq!(unique.len(), all.len());
        let shared = Tally::COUNTERS
            .iter()
            .filter(|row| PROMISED.iter().any(|(name, _)| *name == row.name))
            .count();
        assert_eq!(all.len(), PROMISED.len() + Tally::WORDS - shared);
    }

    #[test]
    fn rows_are_flattened_by_their_labels() {
        let mut tally = Tally::ZERO;
        tally.tcp_stealth = 3;
        tally.fragments = [4, 5];
        for bytes in [60, 600, 70_000] {
            tally.dns_message_bytes.observe(&DNS_SIZE_BOUNDS, bytes);
        }
        let all: BTreeMap<_, _> = all(&tally).into_iter().collect();
        for (name, count) in [
            ("tcp_stealth", 3),
            ("fragments_ipv4", 4),
            ("ipv6_fragments", 5),
            ("tcp_flags_syn_fin", 0),
            ("host_packets_link_local_ipv6_udp", 0),
            ("dns_message_bytes_le_64", 1),
            ("dns_message_bytes_le_512", 1),
            ("dns_message_bytes_le_1232", 2),
            ("dns_message_bytes_le_inf", 3),
            ("dns_message_bytes_sum", 70_660),
            ("dns_udp_over_512", 2),
        ] {
            assert_eq!(all.get(name), Some(&count), "{name}");
        }
    }
}

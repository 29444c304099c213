//! A second opinion: what must be counted, said again in another way.
//!
//! Written from interface.md and from the help texts of the counter table,
//! slow and plain: layers are slices, rules are tables, counters have names. It
//! must not call the parser's or the accountant's own functions.

mod layers;

use std::collections::BTreeMap;

use layers::{Facts, Upper};
use netmon_common::{
    abi::tally::Tally,
    account::{Volume, account},
    packet::{Link, Remote, parse},
};

/// Counters by name, `name[label][label]` or `histogram[bucket]`; zeros are
/// left out.
type Counts = BTreeMap<String, u64>;

/// Parses and counts a frame both ways and holds the results against each
/// other. Panics at any difference.
pub(crate) fn check(frame: &[u8], link: Link, remote: Remote, volume: &Volume) {
    let facts = layers::read(frame, link, remote);
    let packet = parse(frame, link, remote);
    let mut tally = Tally::ZERO;
    account(&mut tally, packet, volume);

    assert_eq!(by_name(&tally), expected(&facts, volume), "{link:?} {remote:?} {frame:02x?}");
    assert_eq!(packet.headers(), facts.headers, "headers of {link:?} {frame:02x?}");
    assert_eq!(tally.unexplained(), 0, "{link:?} {frame:02x?}");
    assert_eq!(tally.classed(|_, _| true) + tally.rejected(), volume.segments);
}

/// The counters of a tally by name, read through the counter table.
fn by_name(tally: &Tally) -> Counts {
    let words = tally.words();
    let mut counts = Counts::new();
    for row in Tally::COUNTERS {
        for cell in 0..row.words {
            let value = words[row.offset + cell];
            if value == 0 {
                continue;
            }
            let mut name = String::new();
            let mut rest = cell;
            for dimension in row.dimensions.iter().rev() {
                let count = dimension.values.len();
                name.insert_str(0, &format!("[{}]", dimension.values[rest % count]));
                rest /= count;
            }
            if row.dimensions.is_empty() && row.words > 1 {
                name = format!("[{cell}]");
            }
            counts.insert(format!("{}{name}", row.name), value);
        }
    }
    counts
}

/// The counters that a frame must move.
fn expected(facts: &Facts, volume: &Volume) -> Counts {
    let n = volume.segments;
    let mut counts = Counts::new();
    let mut add = |name: String, times: u64| {
        if times > 0 {
            *counts.entry(name).or_default() += times;
        }
    };

    let wire_sizes = sizes_on_the_wire(volume);
    for (size, times) in wire_sizes {
        let bounds = [64, 128, 256, 512, 1024, 1280, 1500, 4096, 9000, 65_535];
        add(format!("packet_size_bytes[{}]", bucket(&bounds, size)), times);
    }
    add("packet_size_bytes[11]".into(), volume.bytes);
    add("vlan_packets".into(), if facts.tags > 0 { n } else { 0 });
    add(format!("fragments[{}]", facts.family), n * facts.fragments);
    add("tiny_first_fragments".into(), if facts.tiny { n } else { 0 });

    if let Some(reason) = facts.reject {
        add(format!("rejected_packets[{reason}]"), n);
        add(format!("rejected_families[{}]", facts.family), n);
        if facts.protocol != "other" {
            add(format!("unread_transport[{}]", facts.protocol), n);
        }
        return counts;
    }

    let class = match facts.family {
        "other" => "non_ip".to_owned(),
        family => format!("{family}_{}", facts.protocol),
    };
    add(format!("host_packets[{}][{class}]", facts.scope), n);
    add(format!("host_bytes[{}][{class}]", facts.scope), volume.bytes);

    match &facts.upper {
        Upper::Nothing => {}
        Upper::Tcp(flags) => {
            for name in flag_counters(*flags) {
                add(name.to_owned(), n);
            }
        }
        Upper::Icmp(class) => add(format!("icmp_messages[{}][{class}]", facts.family), n),
        Upper::Udp { ports, claimed, message } => {
            add("mdns_packets".into(), if ports.contains(&5353) { n } else { 0 });
            if ports.contains(&53) {
                add("dns_datagrams".into(), n);
                let messages = match n {
                    1 => vec![(*claimed, 1)],
                    _ => wire_sizes
                        .iter()
                        .map(|(size, times)| (size.saturating_sub(facts.headers), *times))
                        .collect(),
                };
                for (size, times) in messages {
                    let bounds = [64, 128, 256, 512, 1232, 4096, 16_384, 65_535];
                    add(format!("dns_message_bytes[{}]", bucket(&bounds, size)), times);
                    add("dns_message_bytes[9]".into(), size * times);
                }
                match (message.get(2), message.get(3)) {
                    (None, _) => {}
                    (Some(..=0x7f), _) => add(format!("dns_queries[{}]", facts.family), n),
                    (Some(_), code) => {
                        let names =
                            ["noerror", "formerr", "servfail", "nxdomain", "notimp", "refused"];
                        let code = code.and_then(|byte| names.get(usize::from(byte % 16)));
                        let code = code.unwrap_or(&"other");
                        add(format!("dns_responses[{}][{code}]", facts.family), n);
                    }
                }
            }
        }
    }
    counts
}

/// Sizes of the packets on the wire and how often each occurs.
fn sizes_on_the_wire(volume: &Volume) -> [(u64, u64); 2] {
    [(volume.segment_bytes, volume.segments - 1), (volume.last_bytes, 1)]
}

/// The first bucket whose bound is not below the value.
fn bucket(bounds: &[u64], value: u64) -> usize {
    bounds.iter().position(|bound| value <= *bound).unwrap_or(bounds.len())
}

/// The counters of a flag byte, by the words of interface.md and of the table.
fn flag_counters(flags: u8) -> Vec<&'static str> {
    let [fin, syn, rst, psh, ack, urg] = [0, 1, 2, 3, 4, 5].map(|bit| flags >> bit & 1 == 1);
    let none = !(fin || syn || rst || psh || ack || urg);
    let xmas = fin && psh && urg && !(syn || rst || ack);
    let fin_only = fin && !(syn || rst || psh || ack || urg);
    let no_stack_sends = syn && rst || !(syn || rst || ack);
    let rules = [
        ("tcp_flags[syn]", syn && !ack),
        ("tcp_flags[synack]", syn && ack),
        ("tcp_flags[fin]", fin),
        ("tcp_flags[rst]", rst),
        ("tcp_flags[null]", none),
        ("tcp_flags[xmas]", xmas),
        ("tcp_flags[syn_fin]", syn && fin),
        ("tcp_flags[other_invalid]", no_stack_sends && !none && !xmas),
        ("tcp_fin_only", fin_only),
        ("tcp_stealth", none || fin_only || xmas || syn && fin || syn && rst),
    ];
    rules.into_iter().filter(|(_, holds)| *holds).map(|(name, _)| name).collect()
}

//! A second opinion: what must be counted, said again in another way.
//!
//! Written from interface.md and from the help texts of the counter table,
//! slow and plain: layers are slices, rules are tables, counters have names. It
//! must not call the parser's or the accountant's own functions.

mod layers;

use std::collections::BTreeMap;

use layers::{Facts, Upper};
use netmon_common::{
    abi::{
        networks::{Address, Networks},
        tally::Tally,
    },
    account::{Volume, account},
    packet::{Link, Packet, Remote, parse, shortcut, within},
    reject::Reject,
    scope::Scope,
};

/// Counters by name and up to two labels, of which a histogram's first is the
/// number of the bucket; zeros are left out.
type Counts = BTreeMap<Name, u64>;
type Name = (&'static str, &'static str, &'static str);

/// Numbers of buckets.
const BUCKETS: [&str; 12] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"];

/// Parses and counts a frame both ways and holds the results against each
/// other. Panics at any difference.
pub(crate) fn check(frame: &[u8], link: Link, remote: Remote, volume: &Volume) {
    let mut facts = layers::read(frame, link, remote);
    let packet = parse(frame, link, remote);
    let mut tally = Tally::ZERO;
    account(&mut tally, packet, volume);

    assert_eq!(by_name(&tally), expected(&facts, volume), "{link:?} {remote:?} {frame:02x?}");
    assert_eq!(packet.headers(), facts.headers, "headers of {link:?} {frame:02x?}");
    assert_eq!(tally.unexplained(), 0, "{link:?} {frame:02x?}");
    assert_eq!(tally.classed(|_, _| true) + tally.rejected(), volume.segments);
    check_words(packet, &facts);
    if link == Link::Ethernet {
        assert!(shortcut(frame, remote).is_none_or(|short| short == packet), "{frame:02x?}");
    }

    let packet = within(packet, frame, link, remote, &networks());
    let mut tally = Tally::ZERO;
    account(&mut tally, packet, volume);
    let is_ipv4 = facts.address.len() == 4;
    let named = NETWORKS.iter().find(|(network, prefix_len, _)| {
        facts.address.starts_with(network) && (*prefix_len > 96) == is_ipv4
    });
    facts.scope = named.map_or(facts.scope, |(.., scope)| scope.label());
    assert_eq!(by_name(&tally), expected(&facts, volume), "{link:?} {remote:?} {frame:02x?}");
}

/// Networks of whole bytes, longer ones first: the bytes that their addresses
/// begin with, how many bits that is for the table, and the scope.
const NETWORKS: [(&[u8], u32, Scope); 6] = [
    (&[192, 168, 0, 1], 128, Scope::Public),
    (&[100, 100], 112, Scope::Container),
    (&[10], 104, Scope::Container),
    (&[0xfd, 1], 16, Scope::Container),
    (&[0xfd], 8, Scope::LinkLocal),
    (&[0x20], 8, Scope::Private),
];

/// The same as a table.
pub(crate) fn networks() -> Networks {
    let mut networks = Networks::NONE;
    for (network, prefix_len, scope) in NETWORKS {
        let mut bytes = [0; 16];
        if prefix_len > 96 {
            bytes[10..12].fill(0xff);
            bytes[12..12 + network.len()].copy_from_slice(network);
        } else {
            bytes[..network.len()].copy_from_slice(network);
        }
        assert_eq!(networks.add(Address::of_ipv6(&bytes), prefix_len, scope), Ok(()));
    }
    networks
}

/// What a packet says of itself in words is what was counted.
fn check_words(packet: Packet, facts: &Facts) {
    assert_eq!(Packet::from_word(packet.to_word()), packet);
    assert_eq!(packet.reject().map(Reject::label), facts.reject, "{packet:?}");
    for reject in Reject::ALL {
        assert_eq!(packet.is_rejected_as(*reject), packet.reject() == Some(*reject), "{packet:?}");
    }
    assert_eq!(packet.family().label(), facts.family, "{packet:?}");
    assert_eq!(packet.protocol().label(), facts.protocol, "{packet:?}");
    assert_eq!(packet.scope().label(), facts.scope, "{packet:?}");
    assert_eq!(packet.class().label(), class(facts), "{packet:?}");
    assert_eq!(packet.with_outer_tags(1).vlan_tags(), facts.tags + 1, "{packet:?}");
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
            let name = match row.dimensions {
                [] if row.words == 1 => (row.name, "", ""),
                [] => (row.name, BUCKETS[cell], ""),
                [only] => (row.name, only.values[cell], ""),
                [first, second] => {
                    let columns = second.values.len();
                    (row.name, first.values[cell / columns], second.values[cell % columns])
                }
                more => unreachable!("{} has {} dimensions", row.name, more.len()),
            };
            counts.insert(name, value);
        }
    }
    counts
}

/// The counters that a frame must move.
fn expected(facts: &Facts, volume: &Volume) -> Counts {
    let n = volume.segments;
    let mut counts = Counts::new();
    let mut add = |name: Name, times: u64| {
        if times > 0 {
            *counts.entry(name).or_default() += times;
        }
    };

    let wire_sizes = sizes_on_the_wire(volume);
    for (size, times) in wire_sizes {
        let bounds = [64, 128, 256, 512, 1024, 1280, 1500, 4096, 9000, 65_535];
        add(("packet_size_bytes", bucket(&bounds, size), ""), times);
    }
    add(("packet_size_bytes", "11", ""), volume.bytes);
    add(("vlan_packets", "", ""), if facts.tags > 0 { n } else { 0 });
    add(("fragments", facts.family, ""), n * facts.fragments);
    add(("tiny_first_fragments", "", ""), if facts.tiny { n } else { 0 });

    if let Some(reason) = facts.reject {
        add(("rejected_packets", reason, ""), n);
        add(("rejected_families", facts.family, ""), n);
        if facts.protocol != "other" {
            add(("unread_transport", facts.protocol, ""), n);
        }
        return counts;
    }

    let class = class(facts);
    add(("host_packets", facts.scope, class), n);
    add(("host_bytes", facts.scope, class), volume.bytes);

    match &facts.upper {
        Upper::Nothing => {}
        Upper::Tcp(flags, window) => {
            let [fin, syn, rst, ack] = [0, 1, 2, 4].map(|bit| flags >> bit & 1 == 1);
            if *window == Some(0) && ack && !(fin || syn || rst) {
                add(("tcp_zero_window", "", ""), n);
            }
            for name in flag_counters(*flags) {
                add(name, n);
            }
        }
        Upper::Icmp(class) => add(("icmp_messages", facts.family, class), n),
        Upper::Udp { ports, claimed, message } => {
            add(("mdns_packets", "", ""), if ports.contains(&5353) { n } else { 0 });
            let llmnr = ports.contains(&5355) && !ports.contains(&53);
            add(("llmnr_packets", "", ""), if llmnr { n } else { 0 });
            let amplifies = |port| [19, 123, 161, 389, 1900, 3702, 11_211].contains(&port);
            let [from, to] = ports.map(|port| amplifies(port) && !ports.contains(&53));
            add(("amplifier_requests", "", ""), if to { n } else { 0 });
            for (size, times) in wire_sizes.into_iter().filter(|_| from) {
                add(("amplifier_answers", "", ""), times);
                add(("amplifier_answer_bytes", "", ""), size * times);
            }
            if ports.contains(&53) {
                add(("dns_datagrams", "", ""), n);
                let messages = match n {
                    1 => vec![(*claimed, 1)],
                    _ => wire_sizes
                        .iter()
                        .map(|(size, times)| (size.saturating_sub(facts.headers), *times))
                        .collect(),
                };
                for (size, times) in messages {
                    let bounds = [64, 128, 256, 512, 1232, 4096, 16_384, 65_535];
                    add(("dns_message_bytes", bucket(&bounds, size), ""), times);
                    add(("dns_message_bytes", "9", ""), size * times);
                }
                match (message.get(2), message.get(3)) {
                    (None, _) => {}
                    (Some(..=0x7f), _) => add(("dns_queries", facts.family, ""), n),
                    (Some(_), code) => {
                        let names =
                            ["noerror", "formerr", "servfail", "nxdomain", "notimp", "refused"];
                        let name = code.and_then(|byte| names.get(usize::from(byte % 16)));
                        let code = name.copied().unwrap_or("other");
                        add(("dns_responses", facts.family, code), n);
                    }
                }
            }
        }
    }
    counts
}

/// The class of a frame that was not rejected.
fn class(facts: &Facts) -> &'static str {
    match (facts.family, facts.protocol) {
        ("ipv4", "tcp") => "ipv4_tcp",
        ("ipv4", "udp") => "ipv4_udp",
        ("ipv4", "icmp") => "ipv4_icmp",
        ("ipv4", _) => "ipv4_other",
        ("ipv6", "tcp") => "ipv6_tcp",
        ("ipv6", "udp") => "ipv6_udp",
        ("ipv6", "icmp") => "ipv6_icmp",
        ("ipv6", _) => "ipv6_other",
        _ => "non_ip",
    }
}

/// Sizes of the packets on the wire and how often each occurs.
fn sizes_on_the_wire(volume: &Volume) -> [(u64, u64); 2] {
    [(volume.segment_bytes, volume.segments - 1), (volume.last_bytes, 1)]
}

/// The first bucket whose bound is not below the value.
fn bucket(bounds: &[u64], value: u64) -> &'static str {
    BUCKETS[bounds.iter().position(|bound| value <= *bound).unwrap_or(bounds.len())]
}

/// The counters of a flag byte, by the words of interface.md and of the table.
fn flag_counters(flags: u8) -> Vec<Name> {
    let [fin, syn, rst, psh, ack, urg] = [0, 1, 2, 3, 4, 5].map(|bit| flags >> bit & 1 == 1);
    let none = !(fin || syn || rst || psh || ack || urg);
    let xmas = fin && psh && urg && !(syn || rst || ack);
    let fin_only = fin && !(syn || rst || psh || ack || urg);
    let no_stack_sends = syn && rst || !(syn || rst || ack);
    let rules = [
        (("tcp_flags", "syn", ""), syn && !ack),
        (("tcp_flags", "synack", ""), syn && ack),
        (("tcp_flags", "fin", ""), fin),
        (("tcp_flags", "rst", ""), rst),
        (("tcp_flags", "null", ""), none),
        (("tcp_flags", "xmas", ""), xmas),
        (("tcp_flags", "syn_fin", ""), syn && fin),
        (("tcp_flags", "other_invalid", ""), no_stack_sends && !none && !xmas),
        (("tcp_fin_only", "", ""), fin_only),
        (("tcp_stealth", "", ""), none || fin_only || xmas || syn && fin || syn && rst),
    ];
    rules.into_iter().filter(|(_, holds)| *holds).map(|(name, _)| name).collect()
}

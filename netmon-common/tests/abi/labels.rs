//! Closed sets of label values: list, names, count and index say the same.

use std::{collections::BTreeSet, fmt::Debug};

use netmon_common::{
    abi::labels::{
        Class, CloseReason, CongestionState, Direction, FailReason, Family, IcmpClass, IpVersion,
        Protocol, Rcode, RetransmitKind, Role, TcpFlag, TcpState,
    },
    packet::{Link, Transport},
    reject::Reject,
    scope::Scope,
};

/// Checks one set, and that its values are these.
macro_rules! check {
    ($set:ident: $($value:literal)+) => {
        check_set($set::ALL, $set::LABELS, $set::COUNT, $set::index, $set::label, &[$($value),+]);
    };
}

fn check_set<T: Copy + Debug>(
    all: &[T],
    labels: &[&str],
    count: usize,
    index: fn(T) -> usize,
    label: fn(T) -> &'static str,
    expected: &[&str],
) {
    assert_eq!(labels, expected);
    assert_eq!((all.len(), labels.len()), (count, count), "{labels:?}");
    for (position, value) in all.iter().enumerate() {
        assert_eq!(index(*value), position, "{value:?}");
        assert_eq!(label(*value), labels[position], "{value:?}");
    }
    let unique: BTreeSet<&str> = labels.iter().copied().collect();
    assert_eq!(unique.len(), count, "a label occurs twice in {labels:?}");
    for label in labels {
        let plain = label.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        assert!(plain && !label.is_empty(), "{label:?} is no plain label value");
    }
}

#[test]
fn values_of_the_metric_labels() {
    // The names of metrics.md, section "Label vocabulary" and the notes.
    check!(Direction: "ingress" "egress");
    check!(Family: "other" "ipv4" "ipv6");
    check!(IpVersion: "ipv4" "ipv6");
    check!(Protocol: "other" "tcp" "udp" "icmp");
    check!(Scope: "public" "loopback" "link_local" "private" "multicast" "container");
    check!(TcpFlag: "syn" "synack" "fin" "rst" "null" "xmas" "syn_fin" "other_invalid");
    check!(IcmpClass: "echo" "unreachable" "frag_needed" "ttl_exceeded" "redirect" "nd" "other");
    check!(Rcode: "noerror" "formerr" "servfail" "nxdomain" "notimp" "refused" "other");
    check!(RetransmitKind: "rto" "fast" "tlp" "syn" "synack");
    check!(Role: "active" "passive");
    check!(CloseReason: "fin" "reset_received" "reset_sent" "timeout" "abort");
    check!(FailReason: "refused" "timeout" "unreachable" "reset" "local");
    check!(CongestionState: "open" "disorder" "cwr" "recovery" "loss");
    check!(TcpState:
        "unknown" "established" "syn_sent" "syn_recv" "fin_wait1" "fin_wait2" "time_wait" "close"
        "close_wait" "last_ack" "listen" "closing" "new_syn_recv");
    check!(Reject:
        "truncated" "tiny_fragment" "ip_version" "ip_header_length" "ext_header_limit" "link_type");
}

#[test]
fn values_that_stay_inside() {
    check!(Class:
        "non_ip" "ipv4_other" "ipv4_tcp" "ipv4_udp" "ipv4_icmp" "ipv6_other" "ipv6_tcp"
        "ipv6_udp" "ipv6_icmp");
    check!(Link: "ethernet" "raw" "cooked_v1" "cooked_v2" "bsd_loopback" "unknown");
    check!(Transport: "none" "udp" "tcp" "dns_short" "dns_query" "dns_response" "icmp" "dns_segment");
}

#[test]
fn a_class_is_named_after_its_family_and_protocol() {
    for class in Class::ALL {
        let name = match class.family() {
            Family::Other => "non_ip".to_owned(),
            family => format!("{}_{}", family.label(), class.protocol().label()),
        };
        assert_eq!(class.label(), name);
    }
    let pairs: BTreeSet<_> =
        Class::ALL.iter().map(|class| (class.family(), class.protocol())).collect();
    assert_eq!(pairs.len(), Class::COUNT, "two classes are the same");
}

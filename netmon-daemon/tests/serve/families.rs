//! The families themselves: names, and what the counters of the kernel become.

use std::collections::BTreeSet;

use netmon::metrics::{families, family::Kind, reference::reference};
use netmon_common::abi::{counters::Export, labels::CongestionState, tally::Tally};

use crate::{exposition::parse, views};

#[test]
fn names_keep_to_the_rules() {
    let mut names = BTreeSet::new();
    let reference = reference();
    for family in families() {
        let name = family.full_name();
        assert!(names.insert(name.clone()), "{name} is there twice");
        assert!(reference.contains(&format!("| `{name}` |")), "{name} is not in the reference");
        assert!(name.starts_with("netmon_") != name.starts_with("process_"), "{name}");
        assert!(!name.contains("__") && !name.contains("netmon_netmon"), "{name}");
        let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        assert!(name.chars().all(word), "{name}");
        assert_eq!(name.ends_with("_total"), family.kind == Kind::Counter, "{name}");
        assert_eq!(name.ends_with("_info"), family.kind == Kind::Info, "{name}");
        for suffix in ["_total", "_info", "_count", "_sum", "_bucket", "_created"] {
            assert!(!family.name.ends_with(suffix), "{name}: {suffix} is added by the encoder");
        }
        // The library writes help texts as they are.
        let plain = !family.help.contains(['\\', '"', '\n']);
        assert!(plain && family.help.ends_with('.'), "{name}: {}", family.help);
        assert!(family.cap >= family.kind.series(), "{name} has no room for a row");
        let labels: Vec<&str> = family.labels().collect();
        let distinct: BTreeSet<&str> = labels.iter().copied().collect();
        assert_eq!(distinct.len(), labels.len(), "{name}");
        assert!(family.overflow.is_none_or(|at| at < labels.len()), "{name}");
        for label in labels {
            assert!(label.chars().all(word), "{name}: {label}");
            let reserved = ["le", "quantile", "job", "instance", "service"];
            assert!(!reserved.contains(&label), "{name}: {label} is reserved");
        }
    }
}

#[test]
fn caps_fit_into_the_limit() {
    let sum: usize = families().iter().map(|family| family.cap).sum();
    assert!(sum <= 8000, "{sum}");
}

#[test]
fn every_exported_counter_appears() {
    let found = parse(&views::scrape_text(&views::rich()));
    for counter in Tally::COUNTERS.iter().filter(|counter| counter.export == Export::Vantage) {
        let name = format!("netmon_{}_total", counter.name);
        assert_eq!(found.count(&name), 6 * counter.words, "{name}: 3 vantages, 2 directions");
    }
    let cell = [
        ("vantage", "internal"),
        ("direction", "egress"),
        ("family", "ipv6"),
        ("class", "redirect"),
    ];
    let offset =
        Tally::COUNTERS.iter().find(|counter| counter.name == "icmp_messages").unwrap().offset;
    let position = u32::try_from(offset).unwrap() + 7 + 4;
    let value = found.value("netmon_icmp_messages_total", &cell);
    assert_eq!(value, Some(4000.0 + f64::from(position)), "the last dimension varies fastest");
}

#[test]
fn a_signal_without_a_source_is_absent() {
    let found = parse(&views::scrape_text(&views::rich()));
    let resets = |direction: &str| {
        let named = |labels: &std::collections::BTreeMap<String, String>| {
            labels.get("direction").is_some_and(|value| value == direction)
        };
        let rows = found.samples.keys().filter(|(name, _)| name == "netmon_tcp_resets_total");
        rows.filter(|(_, labels)| named(labels)).count()
    };
    assert!(resets("ingress") > 0);
    assert_eq!(resets("egress"), 0, "no hook counts them");
    assert_eq!(found.count("netmon_tcp_congestion_transitions_total"), CongestionState::COUNT);

    // Of the others there is what all hosts have, of a service what happened.
    let opened = [("service_port", "tcp/443"), ("role", "active"), ("scope", "public")];
    assert_eq!(found.value("netmon_tcp_connections_opened_total", &opened), Some(5.0));
    let never = [("service_port", "tcp/443"), ("role", "passive"), ("scope", "public")];
    assert_eq!(found.value("netmon_tcp_connections_opened_total", &never), None);
    let common = [("service_port", "other"), ("role", "passive"), ("scope", "public")];
    assert_eq!(found.value("netmon_tcp_connections_opened_total", &common), Some(0.0));
}

#[test]
fn a_vantage_without_devices_is_absent() {
    let found = parse(&views::scrape_text(&views::small()));
    let of = |vantage: &str| {
        let named = |labels: &std::collections::BTreeMap<String, String>| {
            labels.get("vantage").is_some_and(|value| value == vantage)
        };
        found.samples.keys().filter(|(_, labels)| named(labels)).count()
    };
    assert!(of("boundary") > 0);
    assert_eq!((of("internal"), of("loopback")), (0, 0));
}

#[test]
fn sums_agree_across_families() {
    let view = views::rich();
    let found = parse(&views::scrape_text(&view));
    assert_eq!(
        found.value("netmon_audit_unexplained_total", &[("signal", "packet_classes")]),
        Some(0.0)
    );
    let boundary = &view.snapshot.vantages.boundary;
    let classed = boundary.ingress.classed(|_, _| true) + boundary.egress.classed(|_, _| true);
    let shown = found.sum("netmon_host_packets_total");
    assert_eq!(format!("{shown}"), classed.to_string(), "the boundary and nothing else");
    let mut lying = view.clone();
    let mut snapshot = (*lying.snapshot).clone();
    snapshot.vantages.loopback.ingress.packet_size_bytes.buckets[0] += 3;
    lying.snapshot = snapshot.into();
    let told = parse(&views::scrape_text(&lying)).sum("netmon_audit_unexplained_total");
    assert_eq!(told, 3.0);
}

#[test]
fn red_flags_are_shown_with_their_detectors() {
    let found = parse(&views::scrape_text(&views::rich()));
    let critical = [("detector", "syn_flood"), ("severity", "critical")];
    for (name, value) in [
        ("netmon_red_flag_active", 1.0),
        ("netmon_red_flags_total", 1.0),
        ("netmon_detector_threshold", 1000.0),
    ] {
        assert_eq!(found.value(name, &critical), Some(value), "{name}");
    }
    let detector = [("detector", "syn_flood")];
    assert_eq!(found.value("netmon_detector_score", &detector), Some(4.0));
    let last = found.value("netmon_red_flag_last_timestamp_seconds", &detector);
    assert_eq!(last, Some(1_700_000_061.0));
    assert_eq!(found.count("netmon_red_flag_last_timestamp_seconds"), 1, "never is absent");
    assert_eq!(found.count("netmon_red_flag_info"), 2);
    let suppressed = |detector, reason| {
        let labels = [("detector", detector), ("reason", reason)];
        found.value("netmon_red_flags_suppressed_total", &labels)
    };
    for (at, reason) in ["allow_list", "cooldown", "warm_up", "silenced"].iter().enumerate() {
        assert_eq!(suppressed("syn_flood", reason), Some((at + 1) as f64), "{reason}");
        assert_eq!(suppressed("rst_storm", reason), Some(0.0), "{reason}");
    }
    assert_eq!(suppressed("syn_flood", "limit"), Some(5.0));
    assert_eq!(suppressed("rst_storm", "limit"), None, "rows that few hosts ever need");
    let mut named = views::rich();
    named.red_flags[0].subject = Some("192.0.2.7".to_owned());
    named.red_flags[0].peer = Some("192.0.2.53".to_owned());
    named.red_flags[0].service_port = Some("tcp/22".to_owned());
    named.red_flags[0].workload = Some("backup.service".to_owned());
    let text = views::scrape_text(&named);
    let lines: Vec<&str> =
        text.lines().filter(|line| line.starts_with("netmon_red_flag_info{")).collect();
    assert!(lines[0].contains("subject=\"192.0.2.7\",peer=\"192.0.2.53\""), "{}", lines[0]);
    let rest = "service_port=\"tcp/22\",workload=\"backup.service\",id=\"2\"";
    assert!(lines[0].contains(rest), "{}", lines[0]);
    assert!(lines[1].contains("subject=\"boundary\",peer=\"\""), "not known: {}", lines[1]);
    let mut unseen = views::rich();
    unseen.detectors[0].score = f64::NAN;
    let found = parse(&views::scrape_text(&unseen));
    assert_eq!(found.count("netmon_detector_score"), 1, "what was not seen has no score");
}

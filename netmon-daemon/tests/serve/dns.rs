//! DNS: what a scrape says of messages, lookups and names, and what it leaves out.

use std::sync::Arc;

use netmon::{
    metrics::family::Kind,
    names::{Report, report::Wasted},
    signal::Signal,
    snapshot::{Dns, Snapshot, Vantage},
    view::View,
};
use netmon_common::abi::{
    dns::{DnsTally, LookupTimes},
    labels::{Direction, DnsTransport, Resolver},
};

use crate::{
    exposition::{Exposition, parse},
    views,
};

/// A view of a host on which everything that is counted of DNS occurred: every count of
/// messages is another one.
pub(crate) fn busy(snapshot: &mut Snapshot) {
    let mut dns = Dns::empty();
    for (seed, vantage) in (1..).step_by(2).zip(Vantage::ALL) {
        for (direction, seed) in Direction::ALL.iter().zip(seed..) {
            let mut words = [0; DnsTally::WORDS];
            words.iter_mut().zip(seed * 1000..).for_each(|(word, value)| *word = value);
            *dns.of_mut(vantage, *direction) = DnsTally::from_words(&words);
        }
    }
    dns.resolvers = vec![[192, 0, 2, 53].into(), [192, 0, 2, 54].into()];
    dns.timeouts[Resolver::First.index()] = 4;
    dns.timeouts[Resolver::Fifth.index()] = 5;
    dns.lookups.events.truncated[Resolver::Other.index()] = 6;
    let mut took = LookupTimes::ZERO;
    took.nanoseconds.buckets[2] = 3;
    took.nanoseconds.sum = 1_200_000;
    // Of the first resolver over TCP.
    dns.times[DnsTransport::Tcp.index()] = took;
    let events = &mut dns.lookups.events;
    (events.forgotten, events.late) = (7, 9);
    (events.names_skipped, events.names_lost, events.names_split) = (10, 200, 3000);
    snapshot.dns = Arc::new(dns);
    let row = |workload, repeats, expansions| Wasted { workload, repeats, expansions };
    let wasted =
        vec![row(Some(7), 8, 0), row(Some(9), 1, 2), row(Some(0), 4, 0), row(None, 16, 32)];
    let malformed = [0, 0, 0, 0, 11, 12, 0];
    let report = Report { wasted, malformed, unique_subdomains_max: 17, ..Report::default() };
    snapshot.names = Some(Arc::new(report));
    snapshot.workloads = Arc::new([(7, "cron.service".to_owned())].into());
}

fn scrape(change: impl Fn(&mut Snapshot)) -> Exposition {
    let view = views::rich();
    let mut snapshot = (*view.snapshot).clone();
    change(&mut snapshot);
    parse(&views::scrape_text(&View { snapshot: Arc::new(snapshot), ..view }))
}

type Row = (&'static str, &'static [(&'static str, &'static str)], Option<f64>);

#[test]
fn messages_are_counted_by_vantage() {
    let found = scrape(busy);
    // The first vantage was given 1000 and 2000, the last one 5000 and 6000; the place
    // in the tally is added.
    let rows: &[Row] = &[
        (
            "netmon_dns_queries_total",
            &[("vantage", "boundary"), ("transport", "udp"), ("family", "ipv4"), ("qtype", "A")],
            Some(3000.0),
        ),
        (
            "netmon_dns_queries_total",
            &[
                ("vantage", "boundary"),
                ("transport", "tcp"),
                ("family", "ipv6"),
                ("qtype", "other"),
            ],
            Some(3000.0 + 2.0 * 51.0),
        ),
        // What is sent on loopback is received there.
        (
            "netmon_dns_queries_total",
            &[("vantage", "loopback"), ("transport", "udp"), ("family", "ipv4"), ("qtype", "AAAA")],
            Some(5001.0),
        ),
        (
            "netmon_dns_responses_total",
            &[
                ("vantage", "boundary"),
                ("transport", "tcp"),
                ("family", "ipv4"),
                ("rcode", "noerror"),
            ],
            Some(3000.0 + 2.0 * 52.0),
        ),
        (
            "netmon_dns_message_bytes_count",
            &[("vantage", "loopback"), ("transport", "tcp"), ("direction", "egress")],
            // Nine buckets behind 52 queries and 14 responses.
            Some(9.0 * 6066.0 + 36.0),
        ),
        (
            "netmon_dns_malformed_total",
            &[("vantage", "loopback"), ("transport", "tcp"), ("reason", "length")],
            Some(5000.0 + 76.0 + 13.0),
        ),
        // One that is seen twice counts once, and on loopback that is when it is sent.
        ("netmon_dns_unmatched_responses_total", &[("vantage", "loopback")], Some(11_180.0)),
    ];
    for (name, labels, wanted) in rows {
        assert_eq!(found.value(name, labels), *wanted, "{name} {labels:?}");
    }
    let view = views::rich();
    let boundary = &view.snapshot.vantages.boundary;
    let multicast = |protocol| {
        found.value(
            "netmon_dns_multicast_packets_total",
            &[("vantage", "boundary"), ("protocol", protocol)],
        )
    };
    let sum = |of: fn(&netmon_common::abi::tally::Tally) -> u64| {
        Some(of(&boundary.ingress) as f64 + of(&boundary.egress) as f64)
    };
    assert_eq!(multicast("mdns"), sum(|tally| tally.mdns_packets));
    assert_eq!(multicast("llmnr"), sum(|tally| tally.llmnr_packets));
}

#[test]
fn lookups_are_told_by_resolver() {
    let found = scrape(busy);
    let rows: &[Row] = &[
        ("netmon_dns_timeouts_total", &[("resolver", "1")], Some(4.0)),
        ("netmon_dns_timeouts_total", &[("resolver", "2")], Some(0.0)),
        // It has no place any more, but what it did remains.
        ("netmon_dns_timeouts_total", &[("resolver", "5")], Some(5.0)),
        ("netmon_dns_timeouts_total", &[("resolver", "3")], None),
        ("netmon_dns_timeouts_total", &[("resolver", "other")], Some(0.0)),
        ("netmon_dns_truncated_total", &[("resolver", "other")], Some(6.0)),
        ("netmon_dns_lookup_seconds_count", &[("transport", "tcp"), ("resolver", "1")], Some(3.0)),
        ("netmon_dns_lookup_seconds_sum", &[("transport", "tcp"), ("resolver", "1")], Some(0.0012)),
        ("netmon_dns_lookup_seconds_count", &[("transport", "udp"), ("resolver", "1")], Some(0.0)),
        ("netmon_dns_lookup_seconds_count", &[("transport", "udp"), ("resolver", "3")], None),
        ("netmon_events_lost_total", &[("source", "dns_lookups")], Some(7.0)),
        ("netmon_events_lost_total", &[("source", "dns_names")], Some(3210.0)),
        // 1000 to 6000, and the place in the tally six times.
        ("netmon_events_lost_total", &[("source", "dns_streams")], Some(21_000.0 + 6.0 * 92.0)),
    ];
    for (name, labels, wanted) in rows {
        assert_eq!(found.value(name, labels), *wanted, "{name} {labels:?}");
    }
}

#[test]
fn names_are_told_by_workload() {
    let found = scrape(busy);
    let rows: &[Row] = &[
        ("netmon_dns_repeat_queries_total", &[("workload", "cron.service")], Some(8.0)),
        // Nobody knows what the other two are called.
        ("netmon_dns_repeat_queries_total", &[("workload", "")], Some(5.0)),
        ("netmon_dns_repeat_queries_total", &[("workload", "other")], Some(16.0)),
        ("netmon_dns_search_expansion_total", &[("workload", "cron.service")], None),
        ("netmon_dns_search_expansion_total", &[("workload", "other")], Some(32.0)),
        ("netmon_dns_unique_subdomains_max", &[], Some(17.0)),
        ("netmon_dns_malformed_records_total", &[("reason", "pointer")], Some(12.0)),
    ];
    for (name, labels, wanted) in rows {
        assert_eq!(found.value(name, labels), *wanted, "{name} {labels:?}");
    }
    let many = scrape(|snapshot| {
        let row = |id| Wasted { workload: Some(id), repeats: 1, expansions: 0 };
        let wasted = (0..200).map(row).collect();
        snapshot.names = Some(Arc::new(Report { wasted, ..Report::default() }));
        let name = |id: u64| (id, format!("{id}.service"));
        snapshot.workloads = Arc::new((0..200).map(name).collect());
    });
    let name = "netmon_dns_repeat_queries_total";
    assert_eq!((many.count(name), many.sum(name)), (51, 200.0));
    assert_eq!(many.value(name, &[("workload", "49.service")]), Some(1.0));
    assert_eq!(many.value(name, &[("workload", "other")]), Some(150.0));
}

#[test]
fn what_is_not_looked_at_is_absent() {
    let families = netmon::metrics::families();
    let of_dns = |found: &Exposition| -> Vec<String> {
        let names = families.iter().filter(|family| family.name.starts_with("dns_"));
        let shown = names.map(|family| match family.kind {
            Kind::Histogram(_) => format!("{}_count", family.full_name()),
            _ => family.full_name(),
        });
        let shown = shown.filter(|name| found.count(name) > 0);
        shown.map(|name| name.trim_start_matches("netmon_dns_").to_owned()).collect()
    };
    let messages = [
        "queries_total",
        "responses_total",
        "message_bytes_count",
        "malformed_total",
        "unmatched_responses_total",
        "multicast_packets_total",
    ];
    let lookups = ["lookup_seconds_count", "timeouts_total", "truncated_total"];
    let names = [
        "repeat_queries_total",
        "search_expansion_total",
        "unique_subdomains_max",
        "malformed_records_total",
    ];
    let quiet = scrape(|_| ());
    assert_eq!(of_dns(&quiet), [&messages[..], &lookups].concat(), "nobody looks at names");
    let of = |name: &str| quiet.count(&format!("netmon_dns_{name}"));
    assert_eq!((of("timeouts_total"), of("lookup_seconds_count")), (1, 2), "other alone");
    assert_eq!(of("queries_total"), 12, "what every host asks for, over UDP");
    let found = scrape(busy);
    assert_eq!(of_dns(&found), [&messages[..], &lookups, &names].concat());
    let found = scrape(|snapshot| {
        busy(snapshot);
        snapshot.sources.set(Signal::Packets, None);
    });
    assert_eq!(of_dns(&found), [&messages[..], &names].concat());
    assert_eq!(found.value("netmon_events_lost_total", &[("source", "dns_names")]), None);
    let found = scrape(|snapshot| {
        *snapshot = Snapshot::empty(snapshot.at);
        busy(snapshot);
        snapshot.names = None;
    });
    assert_eq!(of_dns(&found), [""; 0], "no device is counted");
}

//! What became of DNS lookups, by the server that is asked, and what was lost of DNS.
//!
//! A server has a row if it has a place of its own or anything to count; all others are
//! `other`, which is always there.

use netmon_common::abi::{
    histogram::LOOKUP_BOUNDS,
    labels::{Direction, DnsTransport, Resolver},
};

use super::{
    Context,
    family::{
        Family,
        Kind::{Counter, Histogram},
        NANOSECONDS_PER_SECOND, seconds,
    },
    model::Model,
};
use crate::{
    signal::Signal,
    snapshot::{Dns, Snapshot, Vantage},
};

static LOOKUP_SECONDS: [f64; LOOKUP_BOUNDS.len()] = seconds(LOOKUP_BOUNDS);
const LOOKUPS: Family = Family::new(
    Histogram(&LOOKUP_SECONDS),
    "dns_lookup_seconds",
    "Time from a DNS query to its response; a query that was sent again counts from the first. A resolver bears the place that it has among those with figures of their own.",
    &["transport", "resolver"],
    342,
);
const TIMEOUTS: Family = Family::new(
    Counter,
    "dns_timeouts",
    "DNS lookups that nobody answered within five seconds.",
    &["resolver"],
    9,
);
const TRUNCATED: Family = Family::new(
    Counter,
    "dns_truncated",
    "DNS responses that were cut to fit into a datagram.",
    &["resolver"],
    9,
);

/// The families of this group.
pub fn families() -> Vec<Family> {
    vec![LOOKUPS, TIMEOUTS, TRUNCATED]
}

/// Adds their rows.
pub fn collect(context: &Context<'_>, model: &mut Model) {
    let Some(view) = context.view.filter(|view| {
        view.snapshot.dns.looked_at && view.snapshot.sources.has(Signal::Packets)
    }) else {
        return;
    };
    let dns = &view.snapshot.dns;
    let shown = || Resolver::ALL.iter().copied().filter(|resolver| is_shown(dns, *resolver));
    let mut rows = model.family(&LOOKUPS);
    for resolver in shown() {
        for transport in DnsTransport::ALL {
            let times = &dns.times(resolver, *transport).nanoseconds;
            let labels = [transport.label(), resolver.label()];
            rows.histogram(&labels, &times.buckets, times.sum as f64 / NANOSECONDS_PER_SECOND);
        }
    }
    for (family, counts) in [(&TIMEOUTS, &dns.timeouts), (&TRUNCATED, &dns.lookups.events.truncated)]
    {
        let mut rows = model.family(family);
        for resolver in shown() {
            rows.integer(&[resolver.label()], count(counts, resolver));
        }
    }
}

/// Whether a server has a row.
fn is_shown(dns: &Dns, resolver: Resolver) -> bool {
    resolver == Resolver::Other
        || resolver.index() < dns.resolvers.len()
        || count(&dns.timeouts, resolver) > 0
        || count(&dns.lookups.events.truncated, resolver) > 0
        || DnsTransport::ALL.iter().any(|it| dns.times(resolver, *it).nanoseconds.total() > 0)
}

fn count(counts: &[u64; Resolver::COUNT], resolver: Resolver) -> u64 {
    counts.get(resolver.index()).copied().unwrap_or(0)
}

/// What was lost of DNS, by the source that [`netmon_events_lost_total`](super::hooks)
/// names; nothing where packets are not counted.
pub(super) fn lost(snapshot: &Snapshot) -> Vec<(&'static str, u64)> {
    if !snapshot.sources.has(Signal::Packets) {
        return Vec::new();
    }
    let dns = &snapshot.dns;
    let events = &dns.lookups.events;
    let names = [
        events.names_skipped,
        events.names_lost,
        events.names_split,
        events.answers_split,
    ];
    let streams = Vantage::ALL.into_iter().flat_map(|vantage| {
        Direction::ALL.iter().map(move |direction| dns.of(vantage, *direction).streams_lost)
    });
    let sum = |sum: u64, more: u64| sum.wrapping_add(more);
    vec![
        ("dns_lookups", events.forgotten),
        ("dns_names", names.into_iter().fold(0, sum)),
        ("dns_streams", streams.fold(0, sum)),
    ]
}

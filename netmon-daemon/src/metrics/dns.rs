//! DNS messages at each vantage: queries, responses, sizes and damage.
//!
//! A row appears once there is something to count. What every host has over UDP is there
//! from the start, so that rates have a beginning.

use netmon_common::{
    abi::{
        dns::DnsTally,
        histogram::DNS_SIZE_BOUNDS,
        labels::{Direction, DnsTransport, IpVersion, QueryType, Rcode},
        tally::Tally,
    },
    dns::Malformed,
};

use super::{
    Context,
    family::{
        Family,
        Kind::{Counter, Histogram},
        bounds,
    },
    model::{Model, Rows},
};
use crate::snapshot::Vantage;

const QUERIES: Family = Family::new(
    Counter,
    "dns_queries",
    "DNS queries by what they ask for, in both directions; on loopback, where all is sent and received, as received.",
    &["vantage", "transport", "family", "qtype"],
    156,
);
const RESPONSES: Family = Family::new(
    Counter,
    "dns_responses",
    "DNS responses by response code in both directions; on loopback, where all is sent and received, as received.",
    &["vantage", "transport", "family", "rcode"],
    84,
);
static SIZE_BOUNDS: [f64; DNS_SIZE_BOUNDS.len()] = bounds(DNS_SIZE_BOUNDS);
const SIZES: Family = Family::new(
    Histogram(&SIZE_BOUNDS),
    "dns_message_bytes",
    "Size of DNS messages, in bytes; over TCP without the length that stands before each.",
    &["vantage", "transport", "direction"],
    132,
);
const MALFORMED: Family = Family::new(
    Counter,
    "dns_malformed",
    "DNS messages whose header or question is damaged, by the first fault, in both directions; on loopback as received.",
    &["vantage", "transport", "reason"],
    42,
);
const UNMATCHED: Family = Family::new(
    Counter,
    "dns_unmatched_responses",
    "DNS responses to a query that was not seen or is not remembered any more.",
    &["vantage"],
    3,
);
const MULTICAST: Family = Family::new(
    Counter,
    "dns_multicast_packets",
    "UDP datagrams of multicast DNS (mdns, port 5353) and of Link-Local Multicast Name Resolution (llmnr, port 5355), in both directions; on loopback as received.",
    &["vantage", "protocol"],
    6,
);

/// The families of this group.
pub fn families() -> Vec<Family> {
    vec![QUERIES, RESPONSES, SIZES, MALFORMED, UNMATCHED, MULTICAST]
}

/// What one vantage saw in one direction.
struct Seen<'a> {
    vantage: Vantage,
    direction: Direction,
    packets: &'a Tally,
    messages: &'a DnsTally,
}

impl Seen<'_> {
    /// Whether it counts where both directions are added up. A message on loopback leaves
    /// and arrives on the same device; counting both would show each one twice.
    fn is_once(&self) -> bool {
        self.vantage != Vantage::Loopback || self.direction == Direction::Ingress
    }
}

/// Adds their rows. Equal labels are added up by the model.
pub fn collect(context: &Context<'_>, model: &mut Model) {
    let Some(view) = context.view else { return };
    let dns = &view.snapshot.dns;
    let seen: Vec<Seen<'_>> = context
        .tallies()
        .map(|(vantage, direction, packets)| {
            let messages = dns.of(vantage, direction);
            Seen { vantage, direction, packets, messages }
        })
        .collect();
    let once = || seen.iter().filter(|seen| seen.is_once());
    // Where no program looks at messages, packets tell of them what they can.
    let looked_at = |_: &&Seen<'_>| dns.looked_at;
    let mut rows = model.family(&QUERIES);
    for seen in once().filter(looked_at) {
        queries(seen, &mut rows);
    }
    let mut rows = model.family(&RESPONSES);
    for seen in once() {
        responses(seen, &mut rows);
    }
    let mut rows = model.family(&SIZES);
    for seen in &seen {
        sizes(seen, &mut rows);
    }
    let mut rows = model.family(&MALFORMED);
    for seen in once().filter(looked_at) {
        malformed(seen, &mut rows);
    }
    let mut rows = model.family(&UNMATCHED);
    // Each counts where it was seen first, which is in one direction also on loopback.
    for Seen { vantage, messages, .. } in seen.iter().filter(looked_at) {
        rows.integer(&[vantage.label()], messages.unmatched);
    }
    let mut rows = model.family(&MULTICAST);
    for Seen { vantage, packets, .. } in once() {
        rows.integer(&[vantage.label(), "mdns"], packets.mdns_packets);
        rows.integer(&[vantage.label(), "llmnr"], packets.llmnr_packets);
    }
}

fn queries(seen: &Seen<'_>, rows: &mut Rows<'_>) {
    let mut counts = seen.messages.queries.iter().copied();
    for transport in DnsTransport::ALL {
        for family in IpVersion::ALL {
            for (qtype, count) in QueryType::ALL.iter().zip(counts.by_ref()) {
                let usual = *transport == DnsTransport::Udp
                    && matches!(qtype, QueryType::A | QueryType::Aaaa);
                if usual || count > 0 {
                    let labels =
                        [seen.vantage.label(), transport.label(), family.label(), qtype.label()];
                    rows.integer(&labels, count);
                }
            }
        }
    }
}

fn responses(seen: &Seen<'_>, rows: &mut Rows<'_>) {
    for (transport, counts) in [
        (DnsTransport::Udp, &seen.packets.dns_responses),
        (DnsTransport::Tcp, &seen.messages.tcp_responses),
    ] {
        for (family, counts) in IpVersion::ALL.iter().zip(counts.chunks(Rcode::COUNT)) {
            for (rcode, count) in Rcode::ALL.iter().zip(counts) {
                if transport == DnsTransport::Udp || *count > 0 {
                    let labels =
                        [seen.vantage.label(), transport.label(), family.label(), rcode.label()];
                    rows.integer(&labels, *count);
                }
            }
        }
    }
}

fn sizes(seen: &Seen<'_>, rows: &mut Rows<'_>) {
    for (transport, sizes) in [
        (DnsTransport::Udp, &seen.packets.dns_message_bytes),
        (DnsTransport::Tcp, &seen.messages.tcp_message_bytes),
    ] {
        if transport == DnsTransport::Udp || sizes.total() > 0 {
            let labels = [seen.vantage.label(), transport.label(), seen.direction.label()];
            rows.histogram(&labels, &sizes.buckets, sizes.sum as f64);
        }
    }
}

fn malformed(seen: &Seen<'_>, rows: &mut Rows<'_>) {
    let transports = DnsTransport::ALL.iter().zip(seen.messages.malformed.chunks(Malformed::COUNT));
    for (transport, counts) in transports {
        for (reason, count) in Malformed::ALL.iter().zip(counts) {
            // Over UDP nothing claims a length.
            let usual = *transport == DnsTransport::Udp && *reason != Malformed::Length;
            if usual || *count > 0 {
                rows.integer(&[seen.vantage.label(), transport.label(), reason.label()], *count);
            }
        }
    }
}

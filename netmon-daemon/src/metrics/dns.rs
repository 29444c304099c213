//! DNS: messages, response codes and sizes.

use netmon_common::abi::{
    histogram::DNS_SIZE_BOUNDS,
    labels::{Direction, IpVersion, Rcode},
    tally::Tally,
};

use super::{
    Context,
    family::{
        Family,
        Kind::{Counter, Histogram},
        bounds,
    },
    model::Model,
};
use crate::snapshot::Vantage;

const UDP: &str = "udp";

const QUERIES: Family = Family::new(
    Counter,
    "dns_queries",
    "DNS queries in both directions; on loopback, where all is sent and received, as received.",
    &["vantage", "transport", "family"],
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
    "Size of DNS messages, in bytes of payload.",
    &["vantage", "transport", "direction"],
    132,
);

/// The families of this group.
pub fn families() -> Vec<Family> {
    vec![QUERIES, RESPONSES, SIZES]
}

/// Adds their rows.
pub fn collect(context: &Context<'_>, model: &mut Model) {
    // A message on loopback leaves and arrives on the same device; counting
    // both would show each one twice. Equal labels are added up by the model.
    let once = || {
        context.tallies().filter(|(vantage, direction, _)| {
            *vantage != Vantage::Loopback || *direction == Direction::Ingress
        })
    };
    let mut rows = model.family(&QUERIES);
    for (vantage, _, tally) in once() {
        for family in IpVersion::ALL {
            let count = tally.dns_queries.get(family.index()).copied().unwrap_or(0);
            rows.integer(&[vantage.label(), UDP, family.label()], count);
        }
    }
    let mut rows = model.family(&RESPONSES);
    for (vantage, _, tally) in once() {
        for family in IpVersion::ALL {
            for rcode in Rcode::ALL {
                let labels = [vantage.label(), UDP, family.label(), rcode.label()];
                rows.integer(&labels, responses(tally, *family, *rcode));
            }
        }
    }
    let mut rows = model.family(&SIZES);
    for (vantage, direction, tally) in context.tallies() {
        let sizes = &tally.dns_message_bytes;
        let labels = [vantage.label(), UDP, direction.label()];
        rows.histogram(&labels, &sizes.buckets, sizes.sum as f64);
    }
}

fn responses(tally: &Tally, family: IpVersion, rcode: Rcode) -> u64 {
    tally.dns_responses.get(family.index() * Rcode::COUNT + rcode.index()).copied().unwrap_or(0)
}

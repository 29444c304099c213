//! What the names in DNS messages say, where somebody looks at them.
//!
//! No name is a label: workloads are, and of them only so many.

use netmon_common::dns::Malformed;

use super::{
    Context,
    budget::OTHER,
    family::{
        Family,
        Kind::{Counter, Gauge},
    },
    model::Model,
};
use crate::{names::report::Wasted, snapshot::Snapshot};

const REPEATS: Family = Family::new(
    Counter,
    "dns_repeat_queries",
    "DNS queries for a name and type of which the same client had an answer that still held, by workload.",
    &["workload"],
    51,
)
.open(0);
const EXPANSIONS: Family = Family::new(
    Counter,
    "dns_search_expansion",
    "DNS queries that were tries of a search list and ended nowhere, by workload.",
    &["workload"],
    51,
)
.open(0);
const SUBDOMAINS: Family = Family::new(
    Gauge,
    "dns_unique_subdomains_max",
    "The largest number of new names below one domain that one client asked for within a minute, short ones counted half: how close dns_tunnel is.",
    &[],
    1,
);
const MALFORMED: Family = Family::new(
    Counter,
    "dns_malformed_records",
    "DNS messages whose damage lies behind the question, in a record, of those whose names are looked at: at least so many.",
    &["reason"],
    7,
);
const _: () = assert!(Malformed::COUNT == 7);

/// The families of this group.
pub fn families() -> Vec<Family> {
    vec![REPEATS, EXPANSIONS, SUBDOMAINS, MALFORMED]
}

/// Adds their rows.
pub fn collect(context: &Context<'_>, model: &mut Model) {
    let Some(view) = context.view else { return };
    let snapshot = &*view.snapshot;
    let Some(report) = &snapshot.names else { return };
    for (family, of) in [
        (&REPEATS, (|it| it.repeats) as fn(&Wasted) -> u64),
        (&EXPANSIONS, |it| it.expansions),
    ] {
        let mut rows = model.family(family);
        for wasted in report.wasted.iter().filter(|it| of(it) > 0) {
            rows.integer(&[workload(snapshot, wasted.workload)], of(wasted));
        }
        rows.integer(&[OTHER], 0);
    }
    model.family(&SUBDOMAINS).integer(&[], u64::from(report.unique_subdomains_max));
    let mut rows = model.family(&MALFORMED);
    for (reason, count) in Malformed::ALL.iter().zip(report.malformed) {
        rows.integer(&[reason.label()], count);
    }
}

/// What a control group is called: nothing where nobody knows.
fn workload(snapshot: &Snapshot, group: Option<u64>) -> &str {
    match group {
        Some(group) => snapshot.workloads.get(&group).map_or("", String::as_str),
        None => OTHER,
    }
}

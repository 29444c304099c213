//! Habits of workloads that cost them time: who has them now, and what they cost.
//!
//! No address is a label: a workload whose name nobody knows is `other`.

use std::{cmp::Reverse, collections::BTreeMap};

use super::{
    Context,
    budget::OTHER,
    family::{
        Family,
        Kind::{Counter, Gauge},
    },
    model::Model,
};
use crate::{flows::report::Wasted, signal::Signal, snapshot::Snapshot};

const ACTIVE: Family = Family::new(
    Gauge,
    "antipattern_active",
    "Whether the red flag of the detector that is named like the pattern is raised, by workload; those without a name are other.",
    &["pattern", "workload"],
    96,
)
.open(1);
const WASTE: Family = Family::new(
    Counter,
    "antipattern_waste_seconds",
    "Time that workloads lost by a pattern. Of connection_churn: handshakes (from the request to its answer) of connections that lived for less than a second, to the services that the detector watches. Of chatty_application: round trips, one for each turn of small messages (less than 128 bytes on average, 100 turns a second and more over one connection), and no more than the time that the connection had.",
    &["pattern", "workload"],
    96,
)
.open(1);

/// The detectors whose flags are about a habit.
const PATTERNS: [&str; 2] = [CHATTY, CHURN];
const CHATTY: &str = "chatty_application";
const CHURN: &str = "connection_churn";

/// The families of this group.
pub fn families() -> Vec<Family> {
    vec![ACTIVE, WASTE]
}

/// Adds their rows.
pub fn collect(context: &Context<'_>, model: &mut Model) {
    let Some(view) = context.view else { return };
    let snapshot = &*view.snapshot;
    let Some(flows) = snapshot.flows.as_ref().filter(|_| snapshot.sources.has(Signal::Connections))
    else {
        return;
    };
    let mut rows = model.family(&ACTIVE);
    for pattern in PATTERNS {
        if !view.detectors.iter().any(|status| status.detector == pattern) {
            continue;
        }
        let mut active = BTreeMap::from([(OTHER, 0)]);
        let flags = view.red_flags.iter().filter(|flag| flag.active && flag.detector == pattern);
        for flag in flags {
            active.insert(known(snapshot, flag.subject()), 1);
        }
        for (workload, value) in active {
            rows.integer(&[pattern, workload], value);
        }
    }
    let mut rows = model.family(&WASTE);
    if snapshot.sources.has(Signal::OpenConnections) {
        for (workload, nanoseconds) in by_name(snapshot, &flows.wasted_on_turns) {
            rows.float(&[CHATTY, workload], nanoseconds as f64 / 1e9);
        }
    }
    for (workload, nanoseconds) in by_name(snapshot, &flows.wasted) {
        rows.float(&[CHURN, workload], nanoseconds as f64 / 1e9);
    }
}

/// What was wasted by workload, those without a name first, then who wasted most: what does
/// not fit is merged from the end.
fn by_name<'a>(snapshot: &'a Snapshot, wasted: &[Wasted]) -> Vec<(&'a str, u64)> {
    let mut sums = BTreeMap::from([(OTHER, 0_u64)]);
    for waste in wasted {
        let name = waste.workload.and_then(|group| snapshot.workloads.get(&group));
        let sum = sums.entry(name.map_or(OTHER, String::as_str)).or_default();
        *sum = sum.saturating_add(waste.nanoseconds);
    }
    let mut most: Vec<(&str, u64)> = sums.into_iter().collect();
    most.sort_by_key(|(name, sum)| (*name != OTHER, Reverse(*sum)));
    most
}

/// The name of a workload, where it is one.
fn known<'a>(snapshot: &'a Snapshot, subject: &str) -> &'a str {
    let found = snapshot.workloads.values().find(|name| *name == subject);
    found.map_or(OTHER, String::as_str)
}

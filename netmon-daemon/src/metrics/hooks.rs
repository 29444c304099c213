//! The kernel side of netmon: hooks, their cost, what they lose, and maps.

use super::{
    Context, connections, dns_lookups,
    family::{
        Family,
        Kind::{Counter, Gauge},
    },
    model::Model,
};
use crate::view::MapUse;

const BY_PROGRAM: &[&str] = &["program"];
const BY_MAP: &[&str] = &["map"];

const SOURCE: Family = Family::new(
    Gauge,
    "feature_source",
    "How a hook that is in use gets its events; the value is always 1.",
    &["feature", "source"],
    32,
)
.open(0);
const ATTACHED: Family = Family::new(
    Gauge,
    "program_attached",
    "Whether an eBPF program is attached.",
    BY_PROGRAM,
    32,
)
.open(0);
const RUN_SECONDS: Family = Family::new(
    Counter,
    "program_run_seconds",
    "Time spent in an eBPF program, where kernel.bpf_stats_enabled is on.",
    BY_PROGRAM,
    32,
)
.open(0);
const RUNS: Family = Family::new(
    Counter,
    "program_runs",
    "Runs of an eBPF program, where kernel.bpf_stats_enabled is on.",
    BY_PROGRAM,
    32,
)
.open(0);
const LOST: Family = Family::new(
    Counter,
    "events_lost",
    "Events that a program of netmon's did not see, because it would have interrupted itself or another program; nothing else says what they were. Of DNS: lookups that were forgotten before they could be answered (dns_lookups), messages whose names nobody looked at (dns_names), and TCP segments after which messages could not be told apart any more (dns_streams). Of connections and failed attempts: those that are counted, but of which detectors that look at each know nothing (connections). Of who asks for connections: those whose place others got before anything was known of them, as in a flood of made-up addresses (attempts).",
    &["source"],
    32,
)
.open(0);
const ENTRIES: Family =
    Family::new(Gauge, "map_entries", "Entries of a kernel map in use.", BY_MAP, 24).open(0);
const CAPACITY: Family =
    Family::new(Gauge, "map_capacity", "Entries that fit into a kernel map.", BY_MAP, 24).open(0);
const FAILURES: Family = Family::new(
    Counter,
    "map_update_failures",
    "Updates of a kernel map that failed; what they lost counts as other.",
    BY_MAP,
    24,
)
.open(0);

/// The families of this group.
pub fn families() -> Vec<Family> {
    vec![SOURCE, ATTACHED, RUN_SECONDS, RUNS, LOST, ENTRIES, CAPACITY, FAILURES]
}

/// Adds their rows.
pub fn collect(context: &Context<'_>, model: &mut Model) {
    let Some(view) = context.view else { return };
    let mut rows = model.family(&SOURCE);
    for hook in &view.hooks {
        if let Some(mechanism) = hook.mechanism {
            rows.integer(&[hook.program, mechanism], 1);
        }
    }
    let mut rows = model.family(&ATTACHED);
    for hook in &view.hooks {
        rows.integer(&[hook.program], u64::from(hook.mechanism.is_some()));
    }
    let runs = || view.hooks.iter().filter_map(|hook| Some((hook.program, hook.run?)));
    let mut rows = model.family(&RUN_SECONDS);
    for (program, run) in runs() {
        rows.float(&[program], run.time.as_secs_f64());
    }
    let mut rows = model.family(&RUNS);
    for (program, run) in runs() {
        rows.integer(&[program], run.count);
    }
    let mut rows = model.family(&LOST);
    for (program, missed) in view.hooks.iter().filter_map(|hook| Some((hook.program, hook.missed?)))
    {
        rows.integer(&[program], missed);
    }
    let records = connections::lost(&view.snapshot).map(|lost| ("connections", lost));
    let attempts = view.snapshot.attempts.as_ref().map(|it| ("attempts", it.lost));
    let more = records.into_iter().chain(attempts);
    for (source, count) in dns_lookups::lost(&view.snapshot).into_iter().chain(more) {
        rows.integer(&[source], count);
    }
    for (family, of) in [
        (&ENTRIES, (|map| map.entries) as fn(&MapUse) -> u64),
        (&CAPACITY, |map| map.capacity),
        (&FAILURES, |map| map.update_failures),
    ] {
        let mut rows = model.family(family);
        for map in &view.maps {
            rows.integer(&[map.map], of(map));
        }
    }
}

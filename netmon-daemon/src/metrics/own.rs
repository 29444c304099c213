//! netmon about itself: build, kernel, pulse, scrapes, configuration, audit.

use std::time::{SystemTime, UNIX_EPOCH};

use netmon_common::abi::labels::Direction;

use super::{
    Context,
    family::{
        Family,
        Kind::{Counter, Gauge, Histogram, Info},
    },
    model::Model,
};
use crate::{
    snapshot::Vantage,
    view::{STAGE_BOUNDS, View},
};

/// Upper bounds of `netmon_scrape_duration_seconds`; a scrape has 10 seconds.
pub const SCRAPE_BOUNDS: [f64; 8] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1.0];

const BUILD: Family = Family::new(
    Info,
    "build",
    "Version, revision and compiler of netmon.",
    &["version", "revision", "rustc"],
    1,
);
const KERNEL: Family = Family::new(
    Info,
    "kernel",
    "The running kernel: its release, whether it describes its types (BTF), and its lockdown mode.",
    &["release", "btf", "lockdown"],
    1,
);
const AUDIT: Family = Family::new(
    Counter,
    "audit_unexplained",
    "Packets, bytes or events by which netmon's counts differ from the kernel's own, in checks where that was too much to be explained. packet_classes is netmon against itself: packets in no class and without a reject reason, or in too many; anything but 0 is a fault of netmon.",
    &["signal"],
    16,
);
const DIFFERENCE: Family = Family::new(
    Gauge,
    "audit_difference_ratio",
    "What the last check could not explain of the difference between netmon's counts and the kernel's own, as a part of the kernel's figure.",
    &["signal"],
    16,
);
const TRUSTWORTHY: Family = Family::new(
    Gauge,
    "signal_trustworthy",
    "Whether a signal can be relied on: it has a program as its source, had it for as long as detectors look back, and is not contradicted by the audit.",
    &["signal"],
    24,
);
const POLL: Family = Family::new(
    Histogram(&STAGE_BOUNDS),
    "poll_duration_seconds",
    "Time that a poll took, by stage.",
    &["stage"],
    66,
);
const LAG: Family =
    Family::new(Gauge, "poll_lag_seconds", "By how much the last poll was late.", &[], 1);
const MISSED: Family =
    Family::new(Counter, "poll_missed", "Polls that came too late to be done.", &[], 1);
const SCRAPE: Family = Family::new(
    Histogram(&SCRAPE_BOUNDS),
    "scrape_duration_seconds",
    "Time that a scrape took, without its transmission.",
    &[],
    11,
);
const RELOAD_OK: Family = Family::new(
    Gauge,
    "config_reload_success",
    "Whether the last reload of the configuration was accepted.",
    &[],
    1,
);
const RELOAD_TIME: Family = Family::new(
    Gauge,
    "config_reload_timestamp_seconds",
    "When the configuration in force was loaded, in seconds since 1970.",
    &[],
    1,
);
const STATE_OK: Family = Family::new(
    Gauge,
    "state_persistent",
    "Whether what netmon learns is kept on disk: 0 where a state directory is configured that cannot be used; absent where none is.",
    &[],
    1,
);
const STATE_TIME: Family = Family::new(
    Gauge,
    "state_saved_timestamp_seconds",
    "When what netmon learned was last written to disk, before the start at first, in seconds since 1970.",
    &[],
    1,
);

/// The families of this group.
pub fn families() -> Vec<Family> {
    vec![BUILD, KERNEL, AUDIT, DIFFERENCE, TRUSTWORTHY, POLL, LAG, MISSED, SCRAPE, RELOAD_OK, RELOAD_TIME, STATE_OK, STATE_TIME]
}

/// Adds their rows.
pub fn collect(context: &Context<'_>, model: &mut Model) {
    let build = &context.facts.build;
    model.family(&BUILD).info(&[build.version, build.revision, build.rustc]);
    let kernel = &context.facts.kernel;
    let btf = if kernel.btf { "true" } else { "false" };
    model.family(&KERNEL).info(&[&kernel.release, btf, &kernel.lockdown]);
    let scrapes = context.scrapes;
    model.family(&SCRAPE).histogram(&[], &scrapes.buckets, scrapes.sum);

    let Some(view) = context.view else { return };
    let mut rows = model.family(&AUDIT);
    rows.integer(&["packet_classes"], unexplained(view));
    let checked = || view.audit.iter().filter_map(|it| Some((it, it.difference?)));
    for (finding, _) in checked() {
        rows.integer(&[finding.name], finding.unexplained);
    }
    let mut rows = model.family(&DIFFERENCE);
    for (finding, difference) in checked() {
        rows.float(&[finding.name], difference);
    }
    let mut rows = model.family(&TRUSTWORTHY);
    for (signal, trusted) in &view.trusted {
        rows.integer(&[signal.label()], u64::from(*trusted));
    }
    let pulse = &view.pulse;
    let mut rows = model.family(&POLL);
    rows.histogram(&["read"], &pulse.read.buckets, pulse.read.sum);
    rows.histogram(&["judge"], &pulse.judge.buckets, pulse.judge.sum);
    model.family(&LAG).float(&[], pulse.lag.as_secs_f64());
    model.family(&MISSED).integer(&[], pulse.missed_ticks);
    model.family(&RELOAD_OK).integer(&[], u64::from(pulse.reload_ok));
    model.family(&RELOAD_TIME).float(&[], unix(pulse.config_loaded));
    if let Some(state) = pulse.state {
        model.family(&STATE_OK).integer(&[], u64::from(state.persistent));
        if let Some(saved) = state.saved {
            model.family(&STATE_TIME).float(&[], unix(saved));
        }
    }
}

/// Packets by which classes and rejects differ from all packets.
pub(super) fn unexplained(view: &View) -> u64 {
    Vantage::ALL
        .into_iter()
        .flat_map(|vantage| {
            Direction::ALL.iter().map(move |of| view.snapshot.vantages.of(vantage).of(*of))
        })
        .fold(0, |sum, tally| sum.wrapping_add(tally.unexplained()))
}

fn unix(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

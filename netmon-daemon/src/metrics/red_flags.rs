//! Red flags and the detectors behind them.

use std::time::{Duration, UNIX_EPOCH};

use super::{
    Context,
    family::{
        Family,
        Kind::{Counter, Gauge, Info},
    },
    model::Model,
};
use crate::{
    detect::Severity,
    redflag::{MAX_LISTED, SuppressReason},
    view::View,
};

const BY_SEVERITY: &[&str] = &["detector", "severity"];
const BY_DETECTOR: &[&str] = &["detector"];

const ACTIVE: Family = Family::new(
    Gauge,
    "red_flag_active",
    "Whether a red flag is raised and not silenced.",
    BY_SEVERITY,
    60,
);
const RAISED: Family =
    Family::new(Counter, "red_flags", "How often a red flag was raised.", BY_SEVERITY, 60);
const SCORE: Family = Family::new(
    Gauge,
    "detector_score",
    "What a detector measures over its warning threshold: from 1 on it fires.",
    BY_DETECTOR,
    30,
);
const THRESHOLD: Family = Family::new(
    Gauge,
    "detector_threshold",
    "From where on a detector fires, in its own unit.",
    BY_SEVERITY,
    60,
);
const TRUSTED: Family = Family::new(
    Gauge,
    "detector_trusted",
    "Whether a detector can see what it judges, from the best source that it knows. At 0 it is blind, or less sharp than it could be: its silence means little.",
    BY_DETECTOR,
    30,
);
const SUPPRESSED: Family = Family::new(
    Counter,
    "red_flags_suppressed",
    "What called for a red flag and was not announced: exempt (allow_list), back within ten minutes (cooldown), before it is known what is normal (warm_up), or silenced. The row limit comes with the first subject that found no place beside eight others.",
    &["detector", "reason"],
    120,
);
const LAST: Family = Family::new(
    Gauge,
    "red_flag_last_timestamp_seconds",
    "When a red flag was last raised, in seconds since 1970.",
    BY_DETECTOR,
    30,
);
const LISTED: Family = Family::new(
    Info,
    "red_flag",
    "Red flags that are raised or ended within the last 15 minutes.",
    &["detector", "severity", "subject", "peer", "service_port", "workload", "id"],
    MAX_LISTED,
);

/// The families of this group.
pub fn families() -> Vec<Family> {
    vec![ACTIVE, RAISED, SCORE, THRESHOLD, TRUSTED, SUPPRESSED, LAST, LISTED]
}

/// Adds their rows.
pub fn collect(context: &Context<'_>, model: &mut Model) {
    let Some(view) = context.view else { return };
    let severities = || view.detectors.iter().flat_map(|status| {
        Severity::ALL.into_iter().enumerate().map(move |(at, severity)| {
            (status, [status.detector, severity.label()], at)
        })
    });
    let mut rows = model.family(&ACTIVE);
    for (status, labels, at) in severities() {
        rows.integer(&labels, u64::from(status.active.get(at) == Some(&true)));
    }
    let mut rows = model.family(&RAISED);
    for (status, labels, at) in severities() {
        rows.integer(&labels, status.raised.get(at).copied().unwrap_or(0));
    }
    let mut rows = model.family(&SCORE);
    // A detector that saw nothing has no score.
    for status in view.detectors.iter().filter(|status| !status.score.is_nan()) {
        rows.float(&[status.detector], status.score);
    }
    let mut rows = model.family(&THRESHOLD);
    for (status, labels, at) in severities() {
        if let Some(threshold) = status.thresholds.get(at) {
            rows.float(&labels, *threshold);
        }
    }
    let mut rows = model.family(&TRUSTED);
    for status in &view.detectors {
        rows.integer(&[status.detector], u64::from(status.trusted));
    }
    let mut rows = model.family(&SUPPRESSED);
    for status in &view.detectors {
        for (reason, count) in SuppressReason::ALL.into_iter().zip(status.suppressed) {
            // Few hosts ever have it, and the others are spared the rows.
            if reason != SuppressReason::Limit || count > 0 {
                rows.integer(&[status.detector, reason.label()], count);
            }
        }
    }
    let mut rows = model.family(&LAST);
    for status in &view.detectors {
        if let Some(raised) = status.last_raised {
            rows.float(&[status.detector], unix(view, raised));
        }
    }
    let mut rows = model.family(&LISTED);
    for flag in view.red_flags.iter().take(MAX_LISTED) {
        let id = flag.id.to_string();
        let severity = flag.severity.label();
        let [peer, service, workload] = [&flag.peer, &flag.service_port, &flag.workload]
            .map(|name| name.as_deref().unwrap_or(""));
        rows.info(&[flag.detector, severity, flag.subject(), peer, service, workload, &id]);
    }
}

/// A time since start as seconds since 1970.
fn unix(view: &View, since_start: Duration) -> f64 {
    let started = view.pulse.started.duration_since(UNIX_EPOCH).unwrap_or_default();
    (started + since_start).as_secs_f64()
}

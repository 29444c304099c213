//! The report on a replay, as `--format json` writes it.
//!
//! Its shape is an interface: keys may be added, never renamed or removed.

use std::{collections::BTreeMap, time::Duration};

use serde::{Serialize, Serializer};

use super::{Outcome, counters};
use crate::{detect::Severity, redflag::RedFlag, runbook};

/// The version of the shape.
const VERSION: u32 = 1;

/// The report on all files.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The version of this shape.
    pub version: u32,
    /// One entry per file of which at least the header could be read, in the
    /// order of the command line.
    pub captures: Vec<CaptureReport>,
}

/// The report on one file.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CaptureReport {
    /// The file as it was named.
    pub file: String,
    /// Packets that were read.
    pub packets: u64,
    /// Their length on the wire, in bytes from the link layer up.
    pub bytes: u64,
    /// From the lowest to the highest timestamp.
    pub duration_seconds: f64,
    /// Bytes of the file, after decompression, that made no sense.
    pub unreadable_bytes: u64,
    /// Every counter.
    #[serde(serialize_with = "as_map")]
    pub counters: Vec<(String, u64)>,
    /// Packets that belong to no class, by reason.
    #[serde(serialize_with = "as_map")]
    pub rejects: Vec<(String, u64)>,
    /// What was raised, in the order of time.
    pub red_flags: Vec<FlagReport>,
    /// How many more flags were raised than there is room for.
    pub more_red_flags: u64,
}

/// One red flag.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FlagReport {
    /// Its number within the capture, from 1.
    pub id: u64,
    /// The detector that raised it.
    pub detector: &'static str,
    /// How bad it was at its worst.
    pub severity: Severity,
    /// Whom it is about: the site, where the detector knows no more.
    pub subject: String,
    /// The other side, where the detector knows it.
    pub peer: Option<String>,
    /// The service, such as `tcp/443`, where the detector knows it.
    pub service_port: Option<String>,
    /// Whether the configuration wants it to be shown only.
    pub silenced: bool,
    /// When what it speaks of began, from the first packet on.
    pub first_seen_seconds: f64,
    /// When it was last at or above its threshold.
    pub last_seen_seconds: f64,
    /// The highest statistic.
    pub statistic: f64,
    /// The threshold of its severity.
    pub threshold: f64,
    /// How much of the past the statistic covers.
    pub window_seconds: f64,
    /// The counts that speak for it, by name.
    pub evidence: BTreeMap<&'static str, u64>,
    /// The evidence in words.
    pub detail: String,
    /// A line for a shell by which a person sees the same, while it goes on.
    pub confirm: String,
    /// Where its runbook is, from the top of the project.
    pub runbook: String,
}

impl Report {
    /// A report on no file yet.
    pub const fn new() -> Self {
        Self { version: VERSION, captures: Vec::new() }
    }

    /// Whether a flag of at least this severity was raised and not silenced.
    pub fn has_raised(&self, severity: Severity) -> bool {
        let mut flags = self.captures.iter().flat_map(|capture| &capture.red_flags);
        flags.any(|flag| flag.severity >= severity && !flag.silenced)
    }
}

impl Default for Report {
    fn default() -> Self {
        Self::new()
    }
}

impl CaptureReport {
    /// The report on `file`, which lasted for `duration`.
    pub fn new(file: String, duration: Duration, unreadable_bytes: u64, outcome: Outcome) -> Self {
        let tally = &outcome.total.vantages.boundary.ingress;
        Self {
            file,
            packets: tally.packets(),
            bytes: tally.bytes(),
            duration_seconds: duration.as_secs_f64(),
            unreadable_bytes,
            counters: counters::all(tally),
            rejects: counters::rejects(tally),
            red_flags: outcome.red_flags.into_iter().map(FlagReport::from).collect(),
            more_red_flags: outcome.more_red_flags,
        }
    }
}

impl From<RedFlag> for FlagReport {
    fn from(flag: RedFlag) -> Self {
        Self {
            id: flag.id,
            detector: flag.detector,
            severity: flag.severity,
            subject: flag.subject().to_owned(),
            peer: flag.peer,
            service_port: flag.service_port,
            silenced: flag.silenced,
            first_seen_seconds: flag.first_seen.as_secs_f64(),
            last_seen_seconds: flag.last_seen.as_secs_f64(),
            statistic: flag.statistic,
            threshold: flag.threshold,
            window_seconds: flag.window.as_secs_f64(),
            evidence: flag.evidence.into_iter().collect(),
            detail: flag.detail,
            confirm: flag.confirm,
            runbook: runbook::path(flag.detector),
        }
    }
}

fn as_map<S: Serializer>(entries: &[(String, u64)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(entries.iter().map(|(name, count)| (name, count)))
}

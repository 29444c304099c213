//! From verdicts to red flags: hysteresis, cooldown, transitions.
//!
//! Pure: a flag is raised at a score of 1, cleared when the score stayed below
//! 0.7 for two windows, and one that comes back within ten minutes is shown but
//! not announced again. Time is an argument.

mod board;
mod episode;
#[cfg(test)]
mod trial;

use std::time::Duration;

pub use board::Board;

use crate::{detect::Severity, site::Site};

/// A score below which a raised flag begins to clear.
pub const CLEAR_BELOW: f64 = 0.7;

/// For how many windows the score must stay below [`CLEAR_BELOW`].
pub const CLEAR_WINDOWS: u32 = 2;

/// For how long a flag that comes back is not announced again.
pub const COOLDOWN: Duration = Duration::from_secs(600);

/// How long ended flags are listed.
pub const KEEP_ENDED: Duration = Duration::from_secs(900);

/// How many flags are listed at most.
pub const MAX_LISTED: usize = 32;

/// A red flag that is raised, or was.
#[derive(Clone, Debug, PartialEq)]
pub struct RedFlag {
    /// Number of the flag since start, from 1.
    pub id: u64,
    /// The detector that raised it.
    pub detector: &'static str,
    /// How bad it is at its worst.
    pub severity: Severity,
    /// What it is about.
    pub site: Site,
    /// Whom it is about, where that is more than the site, at its worst.
    pub subject: Option<String>,
    /// The other side, where it is known, at its worst.
    pub peer: Option<String>,
    /// Whether it is raised now.
    pub active: bool,
    /// When what it speaks of began, at the resolution of the window.
    pub first_seen: Duration,
    /// When it was raised.
    pub raised_at: Duration,
    /// When it was last at or above its threshold.
    pub last_seen: Duration,
    /// The statistic at its worst.
    pub statistic: f64,
    /// The threshold of its severity.
    pub threshold: f64,
    /// The evidence in words, at its worst.
    pub detail: String,
}

impl RedFlag {
    /// Whom it is about: the site where nothing more is known.
    pub fn subject(&self) -> &str {
        self.subject.as_deref().unwrap_or_else(|| self.site.label())
    }
}

/// What just happened to a flag; each is one journal line.
#[derive(Clone, Debug, PartialEq)]
pub enum Transition {
    /// It was raised, or became critical.
    Raised(RedFlag),
    /// It ended.
    Cleared(RedFlag),
    /// It came back within the cooldown: shown, not announced.
    Suppressed(RedFlag),
}

/// One detector's state across all sites, for metrics.
#[derive(Clone, Debug, PartialEq)]
pub struct Status {
    /// The detector.
    pub detector: &'static str,
    /// Its highest warning score over the sites: 1.0 fires. NaN while it is
    /// blind everywhere: what is not measured is not 0.
    pub score: f64,
    /// The thresholds for warning and critical.
    pub thresholds: [f64; 2],
    /// Whether it judges by the best of its inputs, and at every site; else it is
    /// blind, or nearly so.
    pub trusted: bool,
    /// Whether a flag is raised, by severity (warning, critical).
    pub active: [bool; 2],
    /// How often a flag was raised, by severity (warning, critical).
    pub raised: [u64; 2],
    /// Flags that came back within the cooldown.
    pub cooldown_suppressed: u64,
    /// When a flag was last raised.
    pub last_raised: Option<Duration>,
}

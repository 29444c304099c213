//! From verdicts to red flags: hysteresis, cooldown, transitions.
//!
//! Pure: a flag is raised at a score of 1, cleared when the score stayed below
//! 0.7 for two windows, and one that comes back within ten minutes is shown but
//! not announced again; all of that for each subject by itself. What is exempt raises
//! nothing, what is silenced is shown only. Time is an argument, and the wall clock
//! decides nothing but when an exemption or a silence ends.

mod board;
mod crowd;
mod episode;
mod held;
mod matching;
mod post;
#[cfg(test)]
mod steps;
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

/// Of how many subjects one detector raises flags at one site at the same time.
pub const MAX_SUBJECTS: usize = 8;

/// Why what calls for a red flag is not announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SuppressReason {
    /// It is exempt: nothing was raised.
    AllowList,
    /// It came back too soon: raised again, and not announced.
    Cooldown,
    /// What is normal is not known yet: nothing was raised.
    WarmUp,
    /// It is silenced: raised, and not announced.
    Silenced,
    /// [`MAX_SUBJECTS`] others are raised: nothing was raised.
    Limit,
}

impl SuppressReason {
    /// How many there are.
    pub const COUNT: usize = Self::ALL.len();

    /// Every reason.
    pub const ALL: [Self; 5] =
        [Self::AllowList, Self::Cooldown, Self::WarmUp, Self::Silenced, Self::Limit];

    /// Label value.
    pub const fn label(self) -> &'static str {
        match self {
            Self::AllowList => "allow_list",
            Self::Cooldown => "cooldown",
            Self::WarmUp => "warm_up",
            Self::Silenced => "silenced",
            Self::Limit => "limit",
        }
    }
}

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
    /// The service that it is about, such as `tcp/443`, where it is about one.
    pub service_port: Option<String>,
    /// The workload among subject and peer.
    pub workload: Option<String>,
    /// Whether it is raised now.
    pub active: bool,
    /// Whether it is only shown, as the configuration wants it.
    pub silenced: bool,
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
    /// How much of the past the statistic covers.
    pub window: Duration,
    /// The counts that speak for it, at its worst.
    pub evidence: Vec<(&'static str, u64)>,
    /// The evidence in words, at its worst.
    pub detail: String,
    /// A line for a shell by which a person sees the same.
    pub confirm: String,
}

impl RedFlag {
    /// A flag that says nothing, to be filled in.
    pub const EMPTY: Self = Self {
        id: 0,
        detector: "",
        severity: Severity::Warning,
        site: Site::Host,
        subject: None,
        peer: None,
        service_port: None,
        workload: None,
        active: false,
        silenced: false,
        first_seen: Duration::ZERO,
        raised_at: Duration::ZERO,
        last_seen: Duration::ZERO,
        statistic: 0.0,
        threshold: 0.0,
        window: Duration::ZERO,
        evidence: Vec::new(),
        detail: String::new(),
        confirm: String::new(),
    };

    /// Whom it is about: the site where nothing more is known.
    pub fn subject(&self) -> &str {
        self.subject.as_deref().unwrap_or_else(|| self.site.label())
    }

    /// The counts that speak for it in one line, such as `ports=25 failed=30`.
    pub fn evidence_in_words(&self) -> String {
        let words = self.evidence.iter().map(|(name, count)| format!("{name}={count}"));
        words.collect::<Vec<_>>().join(" ")
    }
}

/// What just happened to a flag; each is one journal line.
#[derive(Clone, Debug, PartialEq)]
pub enum Transition {
    /// It was raised, or became critical.
    Raised(RedFlag),
    /// It ended.
    Cleared(RedFlag),
    /// It came back within the cooldown or is silenced: shown, not announced.
    Suppressed(RedFlag, SuppressReason),
}

impl Transition {
    /// The flag that it is about.
    pub const fn flag(&self) -> &RedFlag {
        let (Self::Raised(flag) | Self::Cleared(flag) | Self::Suppressed(flag, _)) = self;
        flag
    }

    /// The same without the transition.
    #[must_use]
    pub fn into_flag(self) -> RedFlag {
        let (Self::Raised(flag) | Self::Cleared(flag) | Self::Suppressed(flag, _)) = self;
        flag
    }
}

/// One detector's state across all sites, for metrics.
#[derive(Clone, Debug, PartialEq)]
pub struct Status {
    /// The detector.
    pub detector: &'static str,
    /// Its highest warning score over sites and subjects: 1.0 fires. What is exempt has
    /// none. NaN while it is blind everywhere: what is not measured is not 0.
    pub score: f64,
    /// The thresholds for warning and critical.
    pub thresholds: [f64; 2],
    /// Whether it judges by the best of its inputs, and at every site; else it is
    /// blind, or nearly so.
    pub trusted: bool,
    /// Whether a flag is raised and not silenced, by severity (warning, critical).
    pub active: [bool; 2],
    /// How often a flag was raised, by severity (warning, critical).
    pub raised: [u64; 2],
    /// What was not announced, in the order of [`SuppressReason::ALL`].
    pub suppressed: [u64; SuppressReason::COUNT],
    /// When a flag was last raised.
    pub last_raised: Option<Duration>,
}

//! Detectors: pure judgements over rates, one file each.

#[cfg(test)]
mod trial;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    config::section::{Place, Section},
    rates::VantageRates,
};

/// How bad a red flag is.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    clap::ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Look at it today.
    Warning,
    /// Look at it now.
    Critical,
}

impl Severity {
    /// Every severity, mildest first.
    pub const ALL: [Self; 2] = [Self::Warning, Self::Critical];

    /// Label value.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// What a detector's input is made of. Where it is missing or contradicted, the
/// detector is blind, which is not the same as quiet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Packets, counted at every device of a vantage.
    Packets,
}

/// What a detector says of one vantage at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// The figure that is judged, in the unit of the thresholds.
    pub statistic: f64,
    /// Statistic over warning threshold, other conditions included: a warning
    /// is due from 1.0 on.
    pub warning: f64,
    /// The same for critical.
    pub critical: f64,
    /// The evidence in words, for people. Numbers only, nothing that a packet
    /// could have written.
    pub detail: String,
}

/// What the file of a detector says: its configuration knows how to judge.
pub trait Watch: Send + 'static {
    /// What it must be able to see.
    const SIGNAL: Signal = Signal::Packets;

    /// How much of the past the statistic covers; also the pace at which a
    /// raised flag is cleared.
    const SPAN: Duration;

    /// The statistics from which a warning and a critical flag are due.
    fn thresholds(&self) -> [f64; 2];

    /// Judges one vantage.
    fn judge(&self, rates: &VantageRates<'_>) -> Verdict;
}

/// A detector at work: what a [`Watch`] says, under its name.
pub trait Detector: Send {
    /// Its name in configuration, metrics, JSON, rules and runbooks.
    fn name(&self) -> &'static str;

    /// See [`Watch::SIGNAL`].
    fn signal(&self) -> Signal;

    /// See [`Watch::SPAN`].
    fn span(&self) -> Duration;

    /// The statistic from which a severity is due.
    fn threshold(&self, severity: Severity) -> f64;

    /// Judges one vantage.
    fn judge(&self, rates: &VantageRates<'_>) -> Verdict;
}

/// A watch and the name that the table gave it.
struct Named<W> {
    name: &'static str,
    watch: W,
}

impl<W: Watch> Detector for Named<W> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn signal(&self) -> Signal {
        W::SIGNAL
    }

    fn span(&self) -> Duration {
        W::SPAN
    }

    fn threshold(&self, severity: Severity) -> f64 {
        let [warning, critical] = self.watch.thresholds();
        match severity {
            Severity::Warning => warning,
            Severity::Critical => critical,
        }
    }

    fn judge(&self, rates: &VantageRates<'_>) -> Verdict {
        self.watch.judge(rates)
    }
}

/// A watch at work.
pub fn named<W: Watch>(name: &'static str, watch: W) -> Box<dyn Detector> {
    Box::new(Named { name, watch })
}

/// Declares the detectors: one word here is all that a new file needs.
macro_rules! detectors {
    ($($name:ident),+ $(,)?) => {
        $(pub mod $name;)+

        /// One section per detector, `[detectors.<name>]`.
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct Config {
            $(#[doc = concat!("Configuration of `", stringify!($name), "`.")] pub $name: $name::Config,)+
        }

        /// The names of all detectors, enabled or not.
        pub const NAMES: &[&str] = &[$(stringify!($name)),+];

        /// The section of every detector, in the order of [`NAMES`].
        pub const SECTIONS: &[Place] = &[$(Place {
            path: concat!("detectors.", stringify!($name)),
            doc: <$name::Config as Section>::DOC,
            keys: <$name::Config as Section>::KEYS,
        }),+];

        /// The detectors that `config` enables.
        pub fn enabled(config: &Config) -> Vec<Box<dyn Detector>> {
            let mut detectors: Vec<Box<dyn Detector>> = Vec::new();
            $(if config.$name.enabled {
                detectors.push(named(stringify!($name), config.$name.clone()));
            })+
            detectors
        }
    };
}

detectors! {
    rst_storm,
    stealth_scan,
    syn_flood,
}

/// `part / whole`, and 0 where there is no whole.
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

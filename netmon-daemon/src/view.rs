//! The state of the daemon after a tick: all that readers ever see.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use crate::{
    audit::Finding,
    redflag::{RedFlag, Status},
    signal::Signal,
    snapshot::Snapshot,
    store,
};

/// The state of the daemon after a tick. Published whole on a watch channel:
/// a reader sees one consistent moment and never waits for the kernel.
#[derive(Clone, Debug)]
pub struct View {
    /// What was counted.
    pub snapshot: Arc<Snapshot>,
    /// How fast each device of the snapshot moves, in the same order.
    pub device_rates: Vec<DeviceRate>,
    /// What the audit found, by comparison.
    pub audit: Vec<Finding>,
    /// Whether each signal can be relied on, packets at every vantage.
    pub trusted: Vec<(Signal, bool)>,
    /// Raised and recently ended red flags, newest first.
    pub red_flags: Vec<RedFlag>,
    /// Every enabled detector.
    pub detectors: Vec<Status>,
    /// The hooks, in the order of the hook table; none in a replay.
    pub hooks: Vec<HookHealth>,
    /// The kernel maps whose use can run out.
    pub maps: Vec<MapUse>,
    /// The daemon's own pulse.
    pub pulse: Pulse,
}

/// Bytes per second of a device within the last tick.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct DeviceRate {
    /// Received.
    pub ingress: f64,
    /// Sent.
    pub egress: f64,
}

/// One kernel hook and how it fares.
#[derive(Clone, Debug, PartialEq)]
pub struct HookHealth {
    /// Name of the eBPF program.
    pub program: &'static str,
    /// What it measures, in words.
    pub measures: &'static str,
    /// The signals that it feeds.
    pub feeds: &'static [Signal],
    /// How it is attached (`tcx`, `clsact`, `tp_btf`, `raw_tp`, `kprobe`); none
    /// when it is not.
    pub mechanism: Option<&'static str>,
    /// Why no better mechanism is in use, or none at all; one entry per rung
    /// that failed, best rung first.
    pub refused: Vec<Refusal>,
    /// Instructions that the verifier walked through.
    pub verified_instructions: Option<u32>,
    /// Runs and time spent, where the kernel has `kernel.bpf_stats_enabled` on.
    pub run: Option<Run>,
    /// Events for which it was not run, because it would have interrupted itself or
    /// another program; none where the kernel does not count them.
    pub missed: Option<u64>,
}

/// Where a signal comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignalHealth {
    /// The signal.
    pub signal: Signal,
    /// Its source; none where it is not measured.
    pub source: Option<&'static str>,
    /// Why no better source is in use, or none at all, best first.
    pub better: Vec<Refusal>,
}

impl SignalHealth {
    /// Which rung of the ladder its source is, the best being 1; none where it is not
    /// measured.
    pub fn rung(&self) -> Option<usize> {
        self.source.map(|_| self.better.len() + 1)
    }
}

/// A mechanism that could not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The mechanism.
    pub mechanism: &'static str,
    /// What the kernel said.
    pub why: String,
    /// What would mend it.
    pub fix: String,
}

/// How often a program ran and how long that took in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Runs since it was loaded.
    pub count: u64,
    /// Time spent in it since it was loaded.
    pub time: Duration,
}

/// How full a kernel map is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MapUse {
    /// Name of the map.
    pub map: &'static str,
    /// Entries in use.
    pub entries: u64,
    /// Entries that fit.
    pub capacity: u64,
    /// Updates that failed, each of them a loss that is shown elsewhere as
    /// `other`.
    pub update_failures: u64,
}

/// Upper bounds of `netmon_poll_duration_seconds`, in seconds.
pub const STAGE_BOUNDS: [f64; 10] =
    [0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1.0];

/// How long one stage of the tick took, as a histogram.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StageTimes {
    /// Ticks per bucket of [`STAGE_BOUNDS`], not cumulated, the last one
    /// without a bound.
    pub buckets: [u64; STAGE_BOUNDS.len() + 1],
    /// Seconds in all.
    pub sum: f64,
}

/// The daemon's own pulse.
#[derive(Clone, Debug, PartialEq)]
pub struct Pulse {
    /// When the daemon started, by the wall clock.
    pub started: SystemTime,
    /// Ticks done.
    pub ticks: u64,
    /// Ticks that came too late to be done.
    pub missed_ticks: u64,
    /// By how much the last tick was late.
    pub lag: Duration,
    /// Time spent reading the kernel.
    pub read: StageTimes,
    /// Time spent judging and publishing.
    pub judge: StageTimes,
    /// Whether the last reload of the configuration was accepted; true before
    /// the first one.
    pub reload_ok: bool,
    /// When the configuration in force was loaded, by the wall clock.
    pub config_loaded: SystemTime,
    /// How the memory on disk fares; none where nobody wants any.
    pub state: Option<store::Health>,
}

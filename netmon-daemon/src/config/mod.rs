//! Configuration: typed once, at load.

pub mod section;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::detect;
use section::section;

/// The port netmon serves on: the only place where it stands.
pub const DEFAULT_PORT: u16 = 10_199;

section! {
    /// Which devices are watched.
    pub struct Interfaces {
        /// Names to watch, as shell patterns (`*`, `?`). A name without a wildcard always has metrics of its own.
        include: Vec<String> = vec!["*".to_owned()];
        /// Names to leave alone, as shell patterns; they win over `include`.
        exclude: Vec<String> = Vec::new();
    }
}

section! {
    /// The kernel side.
    pub struct Kernel {
        /// How often the kernel's counters are read, from "100ms" to "60s".
        tick: Interval = Interval(Duration::from_secs(1));
        /// How packets are hooked: "auto" tries tcx and falls back on clsact, "tcx" and "clsact" force one.
        tc: TcMechanism = TcMechanism::Auto;
    }
}

section! {
    /// The HTTP server.
    pub struct Web {
        /// Addresses to serve on. Red flags name addresses of peers, so think before you open this to a network.
        listen: Vec<String> = vec![format!("127.0.0.1:{DEFAULT_PORT}")];
        /// Whether `POST /-/reload` reloads the configuration.
        enable_lifecycle: bool = false;
        /// Connections served at the same time; more are answered with 503.
        max_connections: usize = 64;
    }
}

section! {
    /// Bounds of what Prometheus is given.
    pub struct Metrics {
        /// Series in all; beyond it, rows go to `other` and `netmon_series_overflow_total` counts them.
        max_series: usize = 8000;
    }
}

section! {
    /// The log, on standard error.
    pub struct Log {
        /// Least severe level that is written: "error", "warn", "info", "debug" or "trace".
        level: LogLevel = LogLevel::Info;
        /// "auto" is "journald" under systemd and else "text"; or "text", "json", "journald".
        format: LogFormat = LogFormat::Auto;
    }
}

/// A duration with its unit, such as `"1s"` or `"250ms"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval(pub Duration);

/// How packets are hooked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TcMechanism {
    /// The best that works.
    Auto,
    /// TCX links only.
    Tcx,
    /// clsact filters only.
    Clsact,
}

/// Least severe level that is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Journald under systemd, else text.
    Auto,
    /// One line of text.
    Text,
    /// One JSON object a line.
    Json,
    /// The journal's own protocol.
    Journald,
}

/// Everything that can be configured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Which devices are watched.
    pub interfaces: Interfaces,
    /// The kernel side.
    pub kernel: Kernel,
    /// The HTTP server.
    pub web: Web,
    /// Bounds of what Prometheus is given.
    pub metrics: Metrics,
    /// The log.
    pub log: Log,
    /// One section per detector.
    pub detectors: detect::Config,
}

impl Serialize for Interval {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let millis = self.0.as_millis();
        if millis.is_multiple_of(1000) {
            serializer.collect_str(&format_args!("{}s", millis / 1000))
        } else {
            serializer.collect_str(&format_args!("{millis}ms"))
        }
    }
}

impl<'de> Deserialize<'de> for Interval {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl std::str::FromStr for Interval {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, unit) = text.split_at(digits);
        let number: u64 =
            number.parse().map_err(|_| format!("{text:?} is no duration such as \"250ms\""))?;
        let millis = match unit {
            "ms" => Some(number),
            "s" => number.checked_mul(1000),
            "m" => number.checked_mul(60_000),
            "h" => number.checked_mul(3_600_000),
            _ => return Err(format!("{text:?} needs a unit: ms, s, m or h")),
        };
        millis
            .map(|millis| Self(Duration::from_millis(millis)))
            .ok_or_else(|| format!("{text:?} is too long"))
    }
}

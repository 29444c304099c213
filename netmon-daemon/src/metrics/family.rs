//! What a metric family is: its name, its labels and its bounds.

use netmon_common::abi::counters::Dimension;

/// What every family of netmon's own begins with; added in one place only.
const PREFIX: &str = "netmon_";

/// The unit in which the kernel's programs keep times, and the one of metrics.
pub(super) const NANOSECONDS_PER_SECOND: f64 = 1e9;

/// The type of a family.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// A count that only grows. `_total` is added to the name.
    Counter,
    /// A figure that goes up and down.
    Gauge,
    /// Facts in labels; the value is always 1. `_info` is added to the name.
    Info,
    /// A histogram with these upper bounds; the last bucket has none.
    Histogram(&'static [f64]),
}

impl Kind {
    /// Its name in the reference and in OpenMetrics.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Info => "info",
            Self::Histogram(_) => "histogram",
        }
    }

    /// What is added to the name of a family of this type.
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Counter => "_total",
            Self::Info => "_info",
            Self::Gauge | Self::Histogram(_) => "",
        }
    }

    /// How many series one label set makes: a histogram has one per bucket, and
    /// `_sum` and `_count`.
    pub const fn series(self) -> usize {
        match self {
            Self::Histogram(bounds) => bounds.len() + 3,
            _ => 1,
        }
    }
}

/// A metric family.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    prefix: &'static str,
    /// Name without prefix and suffix.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// The HELP text: one line, without quotes and backslashes.
    pub help: &'static str,
    labels: &'static [&'static str],
    dimensions: &'static [Dimension],
    /// Series that it may have.
    pub cap: usize,
    /// Position of the label whose value becomes `other` beyond the cap.
    pub overflow: Option<usize>,
}

impl Family {
    /// A family of netmon's own.
    pub const fn new(
        kind: Kind,
        name: &'static str,
        help: &'static str,
        labels: &'static [&'static str],
        cap: usize,
    ) -> Self {
        Self { prefix: PREFIX, name, kind, help, labels, dimensions: &[], cap, overflow: None }
    }

    /// A family whose name is common to all exporters, without a prefix.
    pub const fn standard(kind: Kind, name: &'static str, help: &'static str) -> Self {
        Self { prefix: "", ..Self::new(kind, name, help, &[], 1) }
    }

    /// The same with the dimensions of a counter table as further labels.
    #[must_use]
    pub const fn dimensions(self, dimensions: &'static [Dimension]) -> Self {
        Self { dimensions, ..self }
    }

    /// The same with an open label: beyond the cap, the value of the label at
    /// `position` becomes `other`.
    #[must_use]
    pub const fn open(self, position: usize) -> Self {
        Self { overflow: Some(position), ..self }
    }

    /// How many labels it has.
    pub const fn width(&self) -> usize {
        self.labels.len() + self.dimensions.len()
    }

    /// Its label names, in order.
    pub fn labels(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.labels.iter().copied().chain(self.dimensions.iter().map(|dimension| dimension.name))
    }

    /// Its name with prefix and without suffix, as OpenMetrics names families.
    pub fn stem(&self) -> String {
        [self.prefix, self.name].concat()
    }

    /// Its name as Prometheus stores it.
    pub fn full_name(&self) -> String {
        [self.prefix, self.name, self.kind.suffix()].concat()
    }
}

/// Bounds of a kernel histogram as the metrics need them.
pub const fn bounds<const N: usize>(kernel: [u64; N]) -> [f64; N] {
    let mut bounds = [0.0; N];
    let mut at = 0;
    while at < N {
        bounds[at] = kernel[at] as f64;
        at += 1;
    }
    bounds
}

/// Bounds in nanoseconds as the metrics need them: in seconds.
pub const fn seconds<const N: usize>(nanoseconds: [u64; N]) -> [f64; N] {
    let mut bounds = bounds(nanoseconds);
    let mut at = 0;
    while at < N {
        bounds[at] /= NANOSECONDS_PER_SECOND;
        at += 1;
    }
    bounds
}

//! The samples of one scrape, before any format.
//!
//! Invariants: within a family no two rows have the same labels, and no label
//! value holds a NUL byte, at which parsers of the text format stop. The memory
//! is kept from scrape to scrape, so that a row costs no allocation.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    ops::Range,
};

use netmon_common::abi::timing::Timing;

use super::family::{Family, Kind, NANOSECONDS_PER_SECOND};

/// Families and their rows, in the order in which they were added.
#[derive(Debug, Default)]
pub struct Model {
    pub(super) blocks: Vec<Block>,
    pub(super) rows: Vec<Row>,
    spans: Vec<Span>,
    text: String,
    buckets: Vec<u64>,
    /// Rows of the last block by the hash of their labels. The hash is keyed
    /// anew in each process, so that names cannot be made to collide.
    index: HashMap<u64, usize>,
    hasher: RandomState,
}

#[derive(Debug)]
pub(super) struct Block {
    pub(super) family: Family,
    pub(super) rows: Range<usize>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    /// First of its spans.
    labels: usize,
    value: Value,
    /// False for a row that was merged into another.
    pub(super) live: bool,
}

/// A label value: a piece of `Model::text`.
#[derive(Clone, Copy, Debug)]
struct Span {
    start: usize,
    end: usize,
}

#[derive(Clone, Copy, Debug)]
enum Value {
    Integer(u64),
    Float(f64),
    /// Its buckets stand from `first` on; so many native ones follow them.
    Histogram {
        first: usize,
        native: usize,
        sum: f64,
    },
}

/// One row as encoders see it.
#[derive(Clone, Copy, Debug)]
pub struct Sample<'a> {
    model: &'a Model,
    family: &'a Family,
    row: Row,
}

/// The value of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reading<'a> {
    /// A whole number.
    Integer(u64),
    /// Any number.
    Float(f64),
    /// A histogram.
    Histogram {
        /// Observations per bucket, not cumulated, the last one without a bound.
        buckets: &'a [u64],
        /// The same observations in native buckets, if those are kept.
        native: &'a [u64],
        /// Sum of what was observed.
        sum: f64,
        /// How many observations there were: by the native buckets where there are
        /// such, because a server refuses a native histogram whose count is not
        /// their sum. A program that counts while it is read can make the two
        /// resolutions differ by one for a tick; neither ever falls.
        count: u64,
    },
}

/// Adds rows to one family.
#[derive(Debug)]
pub struct Rows<'a>(&'a mut Model);

impl Model {
    /// Forgets everything but the memory.
    pub fn clear(&mut self) {
        self.blocks.clear();
        self.rows.clear();
        self.spans.clear();
        self.text.clear();
        self.buckets.clear();
        self.index.clear();
    }

    /// Begins a family. Its rows must all be added before the next one begins.
    pub fn family(&mut self, family: &Family) -> Rows<'_> {
        let next = self.rows.len();
        self.blocks.push(Block { family: *family, rows: next..next });
        self.index.clear();
        Rows(self)
    }

    /// The families that have rows, and their rows.
    pub fn families(
        &self,
    ) -> impl Iterator<Item = (&Family, impl Iterator<Item = Sample<'_>> + Clone)> {
        self.blocks.iter().filter_map(|block| {
            let samples = self
                .rows
                .get(block.rows.clone())?
                .iter()
                .filter(|row| row.live)
                .map(|row| Sample { model: self, family: &block.family, row: *row });
            samples.clone().next().map(|_| (&block.family, samples))
        })
    }

    /// Series per family that has any.
    pub fn series(&self) -> impl Iterator<Item = (&Family, usize)> {
        self.families().map(|(family, rows)| (family, rows.count() * family.kind.series()))
    }

    /// The text of one label value.
    pub(super) fn label(&self, row: usize, position: usize) -> &str {
        self.rows
            .get(row)
            .and_then(|row| self.spans.get(row.labels + position))
            .map_or("", |span| self.text.get(span.start..span.end).unwrap_or(""))
    }

    /// Overwrites one label value.
    pub(super) fn relabel(&mut self, row: usize, position: usize, value: &str) {
        let span = self.intern(value);
        let target = self.rows.get(row).map(|row| row.labels + position);
        if let Some(slot) = target.and_then(|target| self.spans.get_mut(target)) {
            *slot = span;
        }
    }

    /// Merges one row of a family into another: counts and histograms add up,
    /// of gauges the higher one stays, since most of them warn when high.
    pub(super) fn merge(&mut self, kind: Kind, from: usize, into: usize) {
        let (Some(source), Some(target)) =
            (self.rows.get(from).map(|row| row.value), self.rows.get(into).map(|row| row.value))
        else {
            return;
        };
        let value = match (source, target) {
            (
                Value::Histogram { first: source, native, sum },
                Value::Histogram { first: target, native: beside, sum: so_far },
            ) => {
                let Kind::Histogram(bounds) = kind else { return };
                let native = native.min(beside);
                for bucket in 0..=bounds.len() + native {
                    let more = self.buckets.get(source + bucket).copied().unwrap_or(0);
                    if let Some(count) = self.buckets.get_mut(target + bucket) {
                        *count = count.wrapping_add(more);
                    }
                }
                Value::Histogram { first: target, native, sum: sum + so_far }
            }
            (Value::Integer(a), Value::Integer(b)) => match kind {
                Kind::Counter => Value::Integer(a.wrapping_add(b)),
                _ => Value::Integer(a.max(b)),
            },
            (a, b) => match kind {
                Kind::Counter => Value::Float(a.float() + b.float()),
                _ => Value::Float(a.float().max(b.float())),
            },
        };
        if let Some(row) = self.rows.get_mut(into) {
            row.value = value;
        }
        if let Some(row) = self.rows.get_mut(from) {
            row.live = false;
        }
    }

    fn intern(&mut self, value: &str) -> Span {
        let start = self.text.len();
        if value.contains('\0') {
            self.text.extend(value.chars().map(|c| if c == '\0' { '\u{fffd}' } else { c }));
        } else {
            self.text.push_str(value);
        }
        Span { start, end: self.text.len() }
    }
}

impl Value {
    fn float(self) -> f64 {
        match self {
            Self::Integer(value) => value as f64,
            Self::Float(value) => value,
            Self::Histogram { sum, .. } => sum,
        }
    }
}

impl Rows<'_> {
    /// Adds a count, or a gauge that is a whole number.
    pub fn integer(&mut self, labels: &[&str], value: u64) {
        self.add(labels, Value::Integer(value));
    }

    /// Adds a figure that need not be whole.
    pub fn float(&mut self, labels: &[&str], value: f64) {
        self.add(labels, Value::Float(value));
    }

    /// Adds facts.
    pub fn info(&mut self, labels: &[&str]) {
        self.add(labels, Value::Integer(1));
    }

    /// Adds a histogram: observations per bucket, not cumulated, one bucket
    /// more than the family has bounds.
    pub fn histogram(&mut self, labels: &[&str], buckets: &[u64], sum: f64) {
        self.add_histogram(labels, buckets, &[], sum);
    }

    /// Adds a histogram of times, whose family has its bounds in seconds.
    pub fn timing<const N: usize>(&mut self, labels: &[&str], timing: &Timing<N>) {
        let Timing { classic, native } = timing;
        let sum = classic.sum as f64 / NANOSECONDS_PER_SECOND;
        self.add_histogram(labels, &classic.buckets, native, sum);
    }

    fn add_histogram(&mut self, labels: &[&str], buckets: &[u64], native: &[u64], sum: f64) {
        let first = self.0.buckets.len();
        let wanted = match self.0.blocks.last().map(|block| block.family.kind) {
            Some(Kind::Histogram(bounds)) => bounds.len() + 1,
            _ => 0,
        };
        debug_assert_eq!(buckets.len(), wanted, "buckets of a histogram");
        self.0.buckets.extend(buckets.iter().copied().chain(std::iter::repeat(0)).take(wanted));
        self.0.buckets.extend(native);
        self.add(labels, Value::Histogram { first, native: native.len(), sum });
    }

    fn add(&mut self, labels: &[&str], value: Value) {
        let model = &mut *self.0;
        let Some((width, kind)) =
            model.blocks.last().map(|block| (block.family.width(), block.family.kind))
        else {
            return;
        };
        debug_assert_eq!(labels.len(), width, "labels of a row");
        let row = model.rows.len();
        let first = model.spans.len();
        for position in 0..width {
            let span = model.intern(labels.get(position).copied().unwrap_or(""));
            model.spans.push(span);
        }
        model.rows.push(Row { labels: first, value, live: true });
        if let Some(block) = model.blocks.last_mut() {
            block.rows.end = row + 1;
        }
        let hash = model.hasher.hash_one(labels);
        match model.index.get(&hash).copied() {
            // A collision of the hash alone costs one look and no more: the row
            // stands, unindexed.
            Some(known) if (0..width).all(|at| model.label(known, at) == model.label(row, at)) => {
                model.merge(kind, row, known);
            }
            Some(_) => {}
            None => {
                model.index.insert(hash, row);
            }
        }
    }
}

impl<'a> Sample<'a> {
    /// Label names and values, in order.
    pub fn labels(&self) -> impl Iterator<Item = (&'static str, &'a str)> + use<'a> {
        let model = self.model;
        let spans =
            model.spans.get(self.row.labels..self.row.labels + self.family.width()).unwrap_or(&[]);
        self.family
            .labels()
            .zip(spans)
            .map(|(name, span)| (name, model.text.get(span.start..span.end).unwrap_or("")))
    }

    /// Its value.
    pub fn reading(&self) -> Reading<'a> {
        match self.row.value {
            Value::Integer(value) => Reading::Integer(value),
            Value::Float(value) => Reading::Float(value),
            Value::Histogram { first, native, sum } => {
                let behind = first + self.family.kind.series() - 2;
                let of = |at: Range<usize>| self.model.buckets.get(at).unwrap_or_default();
                let (buckets, native) = (of(first..behind), of(behind..behind + native));
                let counted = if native.is_empty() { buckets } else { native };
                let count = counted.iter().fold(0_u64, |sum, more| sum.wrapping_add(*more));
                Reading::Histogram { buckets, native, sum, count }
            }
        }
    }
}

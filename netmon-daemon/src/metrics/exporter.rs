//! From the last view to the bytes of a scrape.
//!
//! The exporter owns the memory that scrapes share: buffers, the labels of
//! devices, and what is counted about scrapes themselves.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{
    Context, Scrapes, budget::Overflow, client, client::EncodeError, devices::Ledger, facts::Facts,
    families, model::Model, own::SCRAPE_BOUNDS, process::Process, series, text,
};
use crate::view::View;

/// The most series that a scrape may have, whatever the configuration says.
pub const MAX_SERIES: usize = 8000;

/// How a scrape is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Prometheus text 0.0.4.
    Text,
    /// OpenMetrics text 1.0.0.
    OpenMetrics,
    /// Prometheus protobuf, length-delimited.
    Protobuf,
}

/// Makes scrapes.
#[derive(Debug)]
pub struct Exporter {
    facts: Facts,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    model: Arc<Model>,
    devices: Ledger,
    /// Time of the snapshot that `devices` saw last.
    seen: Option<Duration>,
    process: Process,
    scrapes: Scrapes,
    overflows: BTreeMap<String, u64>,
}

impl Exporter {
    /// An exporter that has seen nothing yet.
    pub fn new(facts: Facts) -> Self {
        let overflows = families()
            .iter()
            .filter(|family| family.overflow.is_some())
            .map(|family| (family.full_name(), 0))
            .collect();
        Self { facts, state: Mutex::new(State { overflows, ..State::default() }) }
    }

    /// Takes note of a view. Must be called for every view that is published,
    /// so that the counts of a device that vanishes are kept.
    pub fn observe(&self, view: &View) {
        let process = Process::read(Path::new("/proc"), self.facts.boot_time);
        self.observe_process(view, process);
    }

    /// The same with a process that was read elsewhere.
    pub fn observe_process(&self, view: &View, process: Process) {
        let mut state = self.state();
        state.see(view);
        state.process = process;
    }

    /// Writes all metrics of `view` in at most `max_series` series.
    ///
    /// # Errors
    ///
    /// When the library behind OpenMetrics and protobuf refuses.
    pub fn scrape(
        &self,
        view: Option<&View>,
        format: Format,
        max_series: usize,
    ) -> Result<Vec<u8>, EncodeError> {
        let mut state = self.state();
        // Whoever held the model last may have panicked while it did.
        let mut model = Arc::try_unwrap(std::mem::take(&mut state.model)).unwrap_or_default();
        model.clear();
        if let Some(view) = view {
            state.see(view);
        }
        let context = Context {
            view,
            devices: &state.devices,
            facts: &self.facts,
            process: &state.process,
            scrapes: &state.scrapes,
        };
        super::collect(&context, &mut model);
        state.bound(&mut model, max_series.min(MAX_SERIES));
        let model = Arc::new(model);
        let bytes = encode(&model, format);
        state.model = model;
        bytes
    }

    /// Counts a scrape that took `time`.
    pub fn took(&self, time: Duration) {
        let seconds = time.as_secs_f64();
        let scrapes = &mut self.state().scrapes;
        let bucket = SCRAPE_BOUNDS.iter().take_while(|bound| seconds > **bound).count();
        if let Some(count) = scrapes.buckets.get_mut(bucket) {
            *count += 1;
        }
        scrapes.sum += seconds;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes note of the devices of a view, once.
    fn see(&mut self, view: &View) {
        if self.seen.replace(view.snapshot.at) != Some(view.snapshot.at) {
            self.devices.observe(&view.snapshot);
        }
    }

    /// Enforces the bounds and adds what is said about them.
    fn bound(&mut self, model: &mut Model, limit: usize) {
        let reserve = series::reserve(model, &self.overflows);
        for Overflow { family, rows } in model.bound(limit.saturating_sub(reserve)) {
            *self.overflows.entry(family.full_name()).or_default() += rows;
        }
        series::collect(model, limit, &self.overflows);
        model.bound(limit);
    }
}

/// Writes a model.
///
/// # Errors
///
/// When the library behind OpenMetrics and protobuf refuses.
pub fn encode(model: &Arc<Model>, format: Format) -> Result<Vec<u8>, EncodeError> {
    match format {
        Format::Text => {
            let mut out = Vec::new();
            text::encode(model, &mut out);
            Ok(out)
        }
        Format::OpenMetrics => client::openmetrics(model).map(String::into_bytes),
        Format::Protobuf => client::protobuf(model),
    }
}

//! Keeps a call site from flooding the log.
//!
//! A line that repeats with every packet or tick would bury the one that
//! matters. What is held back is counted, and the next line says how many.

use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tracing::{
    Event, Level, Subscriber, callsite,
    field::{Field, Value, Visit, display},
    span,
};
use tracing_subscriber::{Layer, layer::Context};

use super::Clock;

/// Lines of one cause that are written in one [`PERIOD`].
const LINES: u32 = 10;

/// How long a count lasts.
const PERIOD: Duration = Duration::from_secs(60);

/// Causes that are told apart. Beyond, all causes of a call site count as one:
/// causes may come from outside, call sites cannot.
const CAUSES: usize = 256;

/// Causes that differ only beyond this many characters are one.
const LONGEST: usize = 64;

/// Lets a layer have at most [`LINES`] events a [`PERIOD`] of each call site
/// and, where an event has a field `cause`, of each cause. Levels below
/// info were asked for and are not limited.
pub(super) struct Limited<L> {
    inner: L,
    clock: Clock,
    quotas: Mutex<HashMap<(callsite::Identifier, String), Quota>>,
}

/// What one cause has used.
#[derive(Clone, Copy, Debug)]
struct Quota {
    since: Duration,
    lines: u32,
    held_back: u64,
}

impl Quota {
    /// Whether a line may be written, and how many were not before it.
    fn admit(&mut self, now: Duration) -> Option<u64> {
        if now.saturating_sub(self.since) >= PERIOD {
            let held_back = self.held_back;
            *self = Self { since: now, lines: 1, held_back: 0 };
            Some(held_back)
        } else if self.lines < LINES {
            self.lines += 1;
            Some(0)
        } else {
            self.held_back += 1;
            None
        }
    }
}

impl<L> Limited<L> {
    /// Limits `inner`.
    pub(super) fn new(inner: L, clock: Clock) -> Self {
        Self { inner, clock, quotas: Mutex::default() }
    }

    fn admit(&self, event: &Event<'_>) -> Option<u64> {
        if *event.metadata().level() > Level::INFO {
            return Some(0);
        }
        let mut cause = Cause(String::new());
        event.record(&mut cause);
        let now = (self.clock)();
        let mut quotas = self.quotas.lock().unwrap_or_else(PoisonError::into_inner);
        let mut key = (event.metadata().callsite(), cause.0);
        if quotas.len() >= CAUSES && !quotas.contains_key(&key) {
            key.1.clear();
        }
        quotas.entry(key).or_insert(Quota { since: now, lines: 0, held_back: 0 }).admit(now)
    }
}

/// The value of the field `cause`.
struct Cause(String);

impl Visit for Cause {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "cause" {
            self.0 = format!("{value:?}").chars().take(LONGEST).collect();
        }
    }
}

impl<S: Subscriber, L: Layer<S>> Layer<S> for Limited<L> {
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let Some(held_back) = self.admit(event) else { return };
        let fields = event.metadata().fields();
        if let Some(message) = fields.field("message").filter(|_| held_back > 0) {
            let text = display(format!("{held_back} lines like the next one were held back"));
            let values = [(&message, Some(&text as &dyn Value))];
            let note = fields.value_set(&values);
            self.inner.on_event(&Event::new(event.metadata(), &note), context.clone());
        }
        self.inner.on_event(event, context);
    }

    fn on_layer(&mut self, subscriber: &mut S) {
        self.inner.on_layer(subscriber);
    }

    fn on_new_span(&self, span: &span::Attributes<'_>, id: &span::Id, context: Context<'_, S>) {
        self.inner.on_new_span(span, id, context);
    }

    fn on_record(&self, span: &span::Id, values: &span::Record<'_>, context: Context<'_, S>) {
        self.inner.on_record(span, values, context);
    }
}

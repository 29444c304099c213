//! The log: where it goes, how it looks, and that it stays small.
//!
//! One event is one line, whatever bytes a name from outside holds, and no call
//! site can flood it: a field `cause` tells apart what one call site says of
//! different things (a detector, a device), each with a quota of its own. Must not be started twice, and never by a library user.

mod journal;
mod json;
mod limited;
mod text;

use std::{
    fs::File,
    io::{self, IsTerminal as _},
    os::{fd::AsFd as _, unix::fs::MetadataExt as _},
    path::Path,
    time::{Duration, Instant},
};

use tracing::{Subscriber, level_filters::LevelFilter, subscriber};
use tracing_subscriber::{
    Layer, Registry,
    fmt::{self, MakeWriter},
    layer::SubscriberExt as _,
    reload,
};

use self::{journal::Journal, json::Json, limited::Limited, text::Text};
use crate::config::{Log as Settings, LogFormat, LogLevel};

/// What [`Limited`] measures time with: monotonic, since anything.
pub type Clock = Box<dyn Fn() -> Duration + Send + Sync>;

/// Where the journal listens.
const JOURNAL: &str = "/run/systemd/journal/socket";

/// The running log.
#[derive(Debug)]
pub struct Log {
    level: reload::Handle<LevelFilter, Registry>,
}

impl Log {
    /// Writes from now on what is at least this severe. The format stays what it
    /// was at the start.
    pub fn set_level(&self, level: LogLevel) {
        // Fails only when the log is gone, and then nobody misses the level.
        let _ = self.level.reload(filter(level));
    }
}

/// Starts the log of this process on standard error or in the journal.
///
/// # Errors
///
/// In words, when the journal is demanded and does not listen, or a log was
/// started before.
pub fn start(settings: &Settings, journal_stream: Option<&str>) -> Result<Log, String> {
    let origin = Instant::now();
    let clock: Clock = Box::new(move || origin.elapsed());
    let wants_journal = match settings.format {
        LogFormat::Auto => journal_stream.is_some_and(is_standard_error),
        format => format == LogFormat::Journald,
    };
    let journal = wants_journal.then(|| Journal::connect(Path::new(JOURNAL)));
    let (log, started) = match (journal, settings.format) {
        (Some(Ok(journal)), _) => install(settings.level, journal, clock),
        (Some(Err(error)), LogFormat::Journald) => {
            return Err(format!("log.format is \"journald\", but {JOURNAL}: {error}"));
        }
        (_, LogFormat::Json) => install(settings.level, json(io::stderr), clock),
        _ => install(settings.level, text(io::stderr, io::stderr().is_terminal()), clock),
    };
    started.map(|()| log).map_err(|error| format!("log: {error}"))
}

fn install(
    level: LogLevel,
    layer: impl Layer<Filtered> + Send + Sync,
    clock: Clock,
) -> (Log, Result<(), subscriber::SetGlobalDefaultError>) {
    let (log, subscriber) = limited(level, layer, clock);
    (log, subscriber::set_global_default(subscriber))
}

/// What every layer sits on: the registry behind the level that can be changed.
type Filtered = tracing_subscriber::layer::Layered<reload::Layer<LevelFilter, Registry>, Registry>;

fn limited(
    level: LogLevel,
    layer: impl Layer<Filtered> + Send + Sync,
    clock: Clock,
) -> (Log, impl Subscriber + Send + Sync) {
    let (filter, level) = reload::Layer::new(filter(level));
    (Log { level }, Registry::default().with(filter).with(Limited::new(layer, clock)))
}

fn text<W>(writer: W, ansi: bool) -> impl Layer<Filtered> + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    fmt::layer().event_format(Text).with_ansi(ansi).with_writer(writer).log_internal_errors(false)
}

fn json<W>(writer: W) -> impl Layer<Filtered> + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let layer = fmt::layer().json().with_current_span(false).with_span_list(false);
    layer.with_ansi(false).with_writer(Json(writer)).log_internal_errors(false)
}

const fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}

/// Whether `JOURNAL_STREAM` (device:inode) names our standard error; else it was
/// inherited, and whoever started us reads standard error instead.
fn is_standard_error(journal_stream: &str) -> bool {
    let Some((device, inode)) = journal_stream.split_once(':') else { return false };
    let metadata = io::stderr().as_fd().try_clone_to_owned().map(File::from);
    metadata
        .and_then(|stream| stream.metadata())
        .is_ok_and(|stream| device.parse() == Ok(stream.dev()) && inode.parse() == Ok(stream.ino()))
}

#[cfg(test)]
mod tests;

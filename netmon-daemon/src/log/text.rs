//! An event as one line: `time LEVEL module: message key=value`.

use std::fmt;

use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    fmt::{
        FmtContext, FormatEvent, FormatFields,
        format::Writer,
        time::{FormatTime as _, SystemTime},
    },
    registry::LookupSpan,
};

use crate::printable::Printable;

/// Lines for people.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text;

impl<S, N> FormatEvent<S, N> for Text
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let level = *event.metadata().level();
        SystemTime.format_time(&mut writer)?;
        if writer.has_ansi_escapes() {
            write!(writer, " \x1b[{}m{level:>5}\x1b[0m ", colour(level))?;
        } else {
            write!(writer, " {level:>5} ")?;
        }
        writeln!(writer, "{}: {}", event.metadata().target(), Sentence::of(event))
    }
}

const fn colour(level: Level) -> u8 {
    match level {
        Level::ERROR => 31,
        Level::WARN => 33,
        Level::INFO => 32,
        _ => 2,
    }
}

/// The message and the fields behind it, printable, in one line.
#[derive(Debug, Default)]
pub(super) struct Sentence {
    message: String,
    fields: Vec<(&'static str, String)>,
}

impl Sentence {
    /// What an event says.
    pub(super) fn of(event: &Event<'_>) -> Self {
        let mut sentence = Self::default();
        event.record(&mut sentence);
        sentence
    }

    /// Name and printable value of every field but the message.
    pub(super) fn fields(&self) -> &[(&'static str, String)] {
        &self.fields
    }

    fn record(&mut self, field: &Field, value: &str) {
        let value = Printable(value).to_string();
        if field.name() == "message" {
            self.message = value;
        } else {
            self.fields.push((field.name(), value));
        }
    }
}

impl Visit for Sentence {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record(field, &format!("{value:?}"));
    }
}

impl fmt::Display for Sentence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        for (name, value) in &self.fields {
            // Quotes keep a value from looking like further fields.
            if value.is_empty() || value.contains([' ', '"', '=']) {
                write!(f, " {name}=\"{}\"", value.replace('"', "\\\""))?;
            } else {
                write!(f, " {name}={value}")?;
            }
        }
        Ok(())
    }
}

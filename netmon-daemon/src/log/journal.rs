//! The journal's own protocol: one datagram an event, each field by its name.
//!
//! Unlike `tracing-journald`, the message ends in the fields, so that plain
//! `journalctl` shows which device it speaks of; and a journal that is stuck
//! costs a line, never a wait.

use std::{fmt::Write as _, io, os::unix::net::UnixDatagram, path::Path};

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::{Layer, layer::Context};

use super::text::Sentence;

/// A connection to the journal.
#[derive(Debug)]
pub(super) struct Journal {
    socket: UnixDatagram,
}

impl Journal {
    /// Connects to the journal that listens at `path`.
    pub(super) fn connect(path: &Path) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        socket.connect(path)?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket })
    }
}

impl<S: Subscriber> Layer<S> for Journal {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let sentence = Sentence::of(event);
        let metadata = event.metadata();
        // Values are printable, so none contains the newline that would end it.
        let mut entry = format!(
            "PRIORITY={}\nSYSLOG_IDENTIFIER=netmon\nTARGET={}\nMESSAGE={sentence}\n",
            priority(*metadata.level()),
            metadata.target(),
        );
        for (name, value) in sentence.fields() {
            let name = name.to_ascii_uppercase().replace(|c: char| !c.is_ascii_alphanumeric(), "_");
            // Writing to a string cannot fail.
            let _ = writeln!(entry, "NETMON_{name}={value}");
        }
        // There is nowhere to complain that the journal takes no complaints.
        let _ = self.socket.send(entry.as_bytes());
    }
}

/// The priority of syslog(3).
const fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        _ => 7,
    }
}

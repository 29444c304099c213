//! What the log promises, seen from where it is written to.

use std::{
    io::{self, Write},
    os::unix::net::UnixDatagram,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tracing::{debug, info, subscriber::with_default, warn};

use super::*;

/// A writer whose text can be read.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Sink {
    fn lines(&self) -> Vec<String> {
        let bytes = self.0.lock().map(|bytes| bytes.clone()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect()
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut sink = self.0.lock().map_err(|_| io::Error::other("poisoned"))?;
        sink.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Sink {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

fn stopped() -> Clock {
    Box::new(|| Duration::ZERO)
}

/// Everything that could end a line, move a cursor or look like another field.
const HOSTILE: &str = "eth0\nERROR x\r\x1b[2J\x07\u{85}\u{2028}\u{202e} a=\"b\\";

#[test]
fn one_event_is_one_line_whatever_a_name_holds() {
    let sink = Sink::default();
    let (_log, subscriber) = limited(LogLevel::Info, text(sink.clone(), false), stopped());
    with_default(subscriber, || {
        warn!(device = HOSTILE, "cannot count {HOSTILE}");
        warn!(device = %HOSTILE, other = ?HOSTILE, plain = 7, "again");
    });
    let lines = sink.lines();
    assert_eq!(lines.len(), 2, "{lines:?}");
    for line in &lines {
        assert!(!line.chars().any(char::is_control), "{line:?}");
        assert!(!line.contains(['\u{2028}', '\u{202e}']), "{line:?}");
        assert!(line.contains(r#" device="eth0\nERROR x\r\u{1b}[2J"#), "{line}");
    }
    assert!(
        lines[0].contains("  WARN netmon::log::tests: cannot count eth0\\nERROR x"),
        "{lines:?}"
    );
    assert!(lines[1].ends_with(" plain=7"), "{lines:?}");
}

#[test]
fn json_lines_are_json_and_one_line_each() {
    let sink = Sink::default();
    let (_log, subscriber) = limited(LogLevel::Info, json(sink.clone()), stopped());
    with_default(subscriber, || warn!(device = HOSTILE, "hostile"));
    let lines = sink.lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    let line: serde_json::Value = serde_json::from_str(&lines[0]).unwrap_or_default();
    assert_eq!(line["fields"]["device"], HOSTILE);
    assert_eq!(line["level"], "WARN");
}

#[test]
fn the_journal_gets_one_datagram_whose_message_ends_in_the_fields() -> io::Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("journal");
    let receiver = UnixDatagram::bind(&path)?;
    let (_log, subscriber) = limited(LogLevel::Info, Journal::connect(&path)?, stopped());
    with_default(subscriber, || warn!(device = HOSTILE, "cannot count"));
    let mut buffer = [0; 4096];
    let length = receiver.recv(&mut buffer)?;
    let entry = String::from_utf8_lossy(&buffer[..length]).into_owned();
    let names: Vec<&str> =
        entry.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name).collect();
    let expected = ["PRIORITY", "SYSLOG_IDENTIFIER", "TARGET", "MESSAGE", "NETMON_DEVICE"];
    assert_eq!(names, expected, "{entry}");
    assert!(entry.starts_with("PRIORITY=4\n"), "{entry}");
    assert!(entry.contains("\nMESSAGE=cannot count device=\"eth0\\nERROR x"), "{entry}");
    Ok(())
}

#[test]
fn a_journal_that_is_stuck_costs_lines_and_no_time() -> io::Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("journal");
    let _nobody_reads = UnixDatagram::bind(&path)?;
    let (_log, subscriber) = limited(LogLevel::Debug, Journal::connect(&path)?, stopped());
    // Longer than any queue; a blocking socket would never come to the end.
    with_default(subscriber, || (0..10_000).for_each(|n| debug!(n, "more")));
    Ok(())
}

#[test]
fn ten_lines_a_minute_and_cause_and_then_a_count() {
    let sink = Sink::default();
    let now = Arc::new(AtomicU64::new(0));
    let clock = Arc::clone(&now);
    let clock: Clock = Box::new(move || Duration::from_secs(clock.load(Ordering::Relaxed)));
    let (_log, subscriber) = limited(LogLevel::Info, text(sink.clone(), false), clock);
    let say = |cause: &str| info!(cause, "peer is slow");
    with_default(subscriber, || {
        for second in [0, 59, 60, 61, 300] {
            now.store(second, Ordering::Relaxed);
            (0..25).for_each(|_| say("one"));
            if second == 59 {
                (0..25).for_each(|_| say("another"));
                info!("another place");
            }
        }
    });
    let counted = |words: &str| sink.lines().iter().filter(|line| line.contains(words)).count();
    // The first, second and third minute; 40, then 40 lines too many.
    assert_eq!(counted("cause=one"), 30, "{:?}", sink.lines());
    assert_eq!(counted("cause=another"), 10);
    assert_eq!(counted("another place"), 1);
    assert_eq!(counted(": 40 lines like the next one were held back"), 2);
    assert_eq!(sink.lines().len(), 43);
}

#[test]
fn causes_from_outside_cannot_grow_the_memory_or_the_log() {
    let sink = Sink::default();
    let (_log, subscriber) = limited(LogLevel::Info, text(sink.clone(), false), stopped());
    with_default(subscriber, || {
        (0..10_000).for_each(|cause| info!(cause, "refused"));
    });
    // Each known cause once, and all that came too late together.
    assert_eq!(sink.lines().len(), 256 + 10);
}

#[test]
fn the_level_can_be_changed_and_what_was_asked_for_is_not_limited() {
    let sink = Sink::default();
    let (log, subscriber) = limited(LogLevel::Info, text(sink.clone(), false), stopped());
    with_default(subscriber, || {
        debug!("before");
        log.set_level(LogLevel::Debug);
        (0..100).for_each(|_| debug!("after"));
        log.set_level(LogLevel::Error);
        warn!("never");
    });
    let lines = sink.lines();
    assert_eq!(lines.iter().filter(|line| line.ends_with(": after")).count(), 100);
    assert_eq!(lines.len(), 100, "{lines:?}");
}

#[test]
fn only_our_own_standard_error_is_the_journal() {
    use std::os::fd::AsFd as _;
    let stream = io::stderr().as_fd().try_clone_to_owned().map(File::from);
    let own = stream.and_then(|stream| stream.metadata());
    let own = own.map_or_else(|_| String::new(), |own| format!("{}:{}", own.dev(), own.ino()));
    for (stream, expected) in
        [(own.as_str(), true), ("0:0", false), ("", false), ("1", false), ("a:b", false)]
    {
        assert_eq!(is_standard_error(stream), expected, "{stream}");
    }
}

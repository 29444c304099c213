//! `netmon replay`, from files to reports and exit statuses. All captures are
//! made here; the folder of shared captures is used where it is present.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

#[path = "../support/captures.rs"]
mod captures;
mod connections;
mod damage;
mod dns;
mod file;
mod formats;
mod handshakes;
mod names;
mod neighbours;
mod report;
mod shared;
mod storm;
mod time;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};

use netmon::{
    cli::{
        exit::Exit,
        replay::{self, Format},
    },
    config::Config,
    detect::Severity,
};
use serde_json::Value;

/// What `netmon replay` answered.
struct Answer {
    exit: Exit,
    out: String,
    err: String,
}

impl Answer {
    fn to(files: &[PathBuf], format: Format, fail_on: Option<Severity>) -> Self {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let config = Config::default();
        let exit = replay::replay(files, &config, format, fail_on, &mut out, &mut err).unwrap();
        Self { exit, out: String::from_utf8(out).unwrap(), err: String::from_utf8(err).unwrap() }
    }

    /// The reports on the captures.
    fn captures(&self) -> Vec<Value> {
        let mut report: Value = serde_json::from_str(&self.out).unwrap();
        assert_eq!(report["version"], 1);
        serde_json::from_value(report["captures"].take()).unwrap()
    }
}

/// The report on one capture of which nothing is damaged.
fn report_on(bytes: &[u8]) -> Value {
    let answer = Answer::to(&[stored(bytes)], Format::Json, None);
    assert_eq!((answer.exit, answer.err.as_str()), (Exit::Success, ""));
    let [capture] = <[Value; 1]>::try_from(answer.captures()).unwrap();
    assert_eq!(capture["unreadable_bytes"], 0);
    capture
}

/// Writes a file that no other test writes.
fn stored(bytes: &[u8]) -> PathBuf {
    static FILES: AtomicUsize = AtomicUsize::new(0);
    let number = FILES.fetch_add(1, Ordering::Relaxed);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(std::process::id().to_string());
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join(format!("{number}.capture"));
    fs::write(&path, bytes).unwrap();
    path
}

/// The detectors of the raised flags and their severities.
fn flags(capture: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let flags = capture["red_flags"].as_array().unwrap();
    flags.iter().map(|flag| (text(&flag["detector"]), text(&flag["severity"]))).collect()
}

//! What netmon learns, on disk: found again by the next one, whatever became of it.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use tempfile::TempDir;

use crate::{
    daemon::Daemon,
    deadline,
    netns::{NetNs, require_kernel},
};

const PERSISTENT: &str = "netmon_state_persistent";
const SAVED: &str = "netmon_state_saved_timestamp_seconds";

fn configuration(directory: &Path) -> String {
    format!("[state]\ndirectory = \"{}\"\n", directory.display())
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

/// Lines of the log that speak of what was learned.
fn said(daemon: &Daemon<'_>) -> Vec<String> {
    let log = daemon.log();
    let lines = log.lines().filter(|line| line.contains("learn") || line.contains("was kept"));
    lines.map(str::to_owned).collect()
}

/// When a file was written, to the nanosecond: what is in it may be the same.
fn written_at(file: &Path) -> (i64, i64) {
    let metadata = fs::metadata(file).unwrap();
    (metadata.mtime(), metadata.mtime_nsec())
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

#[test]
fn it_is_written_at_the_end_and_read_at_the_start() {
    require_kernel!();
    let namespace = NetNs::new();
    let directory = TempDir::new().unwrap();
    let daemon = Daemon::start(&namespace, &configuration(directory.path()));
    assert_eq!(daemon.value(PERSISTENT), Some(1.0));
    assert_eq!(daemon.value(SAVED), None);
    let before = now().floor();
    daemon.stop();
    assert_eq!(names(directory.path()), ["baselines", "lock"]);
    // systemd's directory wins.
    let other = TempDir::new().unwrap();
    let mut daemon = Daemon::spawn(&namespace, &configuration(other.path()), |command| {
        command.env("STATE_DIRECTORY", directory.path());
    });
    daemon.await_ready();
    assert_eq!(said(&daemon), [""; 0]);
    let saved = daemon.value(SAVED).unwrap();
    assert!((before..=now()).contains(&saved), "{saved}");
    daemon.stop();
    assert_eq!(names(other.path()), [""; 0]);
    let daemon = Daemon::start(&namespace, "");
    assert_eq!((daemon.value(PERSISTENT), daemon.value(SAVED)), (None, None));
    daemon.stop();
}

#[test]
fn a_kill_leaves_the_file_of_before_or_after() {
    require_kernel!();
    let namespace = NetNs::new();
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("baselines");
    Daemon::start(&namespace, &configuration(directory.path())).stop();
    let mut written = 0;
    for round in 0..12_u32 {
        let before = written_at(&file);
        let mut daemon = Daemon::start(&namespace, &configuration(directory.path()));
        assert_eq!(said(&daemon), [""; 0], "round {round}");
        daemon.signal("TERM");
        // At once, while it writes, and once it has written.
        let writes = || names(directory.path()).contains(&"baselines.new".to_owned());
        let has_written = || written_at(&file) != before;
        match round % 3 {
            0 => {}
            1 => deadline::until_true("it writes, or has written", || writes() || has_written()),
            _ => deadline::until_true("it has written", has_written),
        }
        daemon.signal("KILL");
        daemon.await_end();
        written += u32::from(written_at(&file) != before);
    }
    assert!(written >= 4, "{written} kills came after the file was written");
    let daemon = Daemon::start(&namespace, &configuration(directory.path()));
    assert_eq!(said(&daemon), [""; 0]);
    daemon.stop();
    assert_eq!(names(directory.path()), ["baselines", "lock"]);
}

#[test]
fn damage_is_set_aside_with_one_line() {
    require_kernel!();
    let namespace = NetNs::new();
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("baselines");
    Daemon::start(&namespace, &configuration(directory.path())).stop();
    let good = fs::read(&file).unwrap();
    let older = [&good[..8], &[0], &good[9..]].concat();
    let cases: [(&[u8], &str); 4] = [
        (&good[..good.len() / 2], "baselines.damaged"),
        (b"", "baselines.damaged"),
        (&older, "baselines.old"),
        (b"GIF89a and so on", "baselines.damaged"),
    ];
    for (bytes, name) in cases {
        fs::write(&file, bytes).unwrap();
        let daemon = Daemon::start(&namespace, &configuration(directory.path()));
        let said = said(&daemon);
        assert!(said.len() == 1 && said[0].contains(name), "{said:?}");
        assert_eq!(daemon.value(PERSISTENT), Some(1.0));
        assert_eq!(fs::read(directory.path().join(name)).unwrap(), bytes);
        daemon.stop();
    }
    let expected = ["baselines", "baselines.damaged", "baselines.old", "lock"];
    assert_eq!(names(directory.path()), expected);
}

#[test]
fn without_a_directory_of_its_own_it_is_in_memory_alone() {
    require_kernel!();
    let [one, other] = [NetNs::new(), NetNs::new()];
    let directory = TempDir::new().unwrap();
    let first = Daemon::start(&one, &configuration(directory.path()));
    let missing = directory.path().join("missing");
    for (path, why) in [(directory.path(), "another netmon's"), (&missing, "No such file")] {
        let second = Daemon::start(&other, &configuration(path));
        let said = said(&second);
        assert!(said.len() == 1 && said[0].contains(why), "{said:?}");
        assert_eq!((second.value(PERSISTENT), second.value(SAVED)), (Some(0.0), None));
        // It may get one while it runs.
        let own = TempDir::new().unwrap();
        fs::write(second.file(), configuration(own.path())).unwrap();
        second.signal("HUP");
        second.await_value(PERSISTENT, |value| value == 1.0);
        second.stop();
        assert_eq!(names(own.path()), ["baselines", "lock"]);
    }
    assert_eq!(first.value(PERSISTENT), Some(1.0));
    first.stop();
}

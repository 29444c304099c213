//! The unit, as systemd itself reads it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test may fail, and says what it skips"
)]

use std::{env, fs, io::ErrorKind, path::Path, process::Command};

/// The highest exposure that the unit may have, in tenths (`systemd-analyze
/// security` gives 1.8 on systemd 252). A unit without any protection has 9.6.
const EXPOSURE: &str = "18";

/// Runs systemd-analyze over the unit with `binary` in place of the installed
/// one; `None` where there is no systemd and none is required.
fn analyze(binary: &str, arguments: &[&str]) -> Option<(bool, String)> {
    let unit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../systemd/netmon.service");
    let unit = fs::read_to_string(unit).unwrap().replace("/usr/bin/netmon", binary);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("netmon.service");
    fs::write(&file, unit).unwrap();
    match Command::new("systemd-analyze").args(arguments).arg(&file).output() {
        Ok(output) => {
            let text = [output.stdout, output.stderr].concat();
            Some((output.status.success(), String::from_utf8_lossy(&text).into_owned()))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let required = env::var_os("NETMON_REQUIRE_KERNEL").is_some_and(|value| value == "1");
            assert!(!required, "no systemd-analyze: install the package systemd");
            eprintln!("SKIPPED: no systemd-analyze: install the package systemd");
            None
        }
        Err(error) => panic!("systemd-analyze: {error}"),
    }
}

#[test]
fn systemd_finds_nothing_wrong_with_the_unit() {
    let binary = env!("CARGO_BIN_EXE_netmon");
    let Some((good, said)) = analyze(binary, &["verify", "--man=no"]) else { return };
    assert!(good && !said.contains("netmon.service"), "{said}");
    // It does look: a binary that is not there is found.
    let (_, said) = analyze("/nowhere/netmon", &["verify", "--man=no"]).unwrap();
    assert!(said.contains("netmon.service"), "{said}");
}

#[test]
fn the_unit_exposes_little() {
    let threshold = format!("--threshold={EXPOSURE}");
    let arguments = ["security", "--offline=true", &threshold];
    let Some((good, said)) = analyze("/usr/bin/netmon", &arguments) else { return };
    assert!(good, "{said}");
}

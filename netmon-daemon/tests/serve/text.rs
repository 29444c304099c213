//! The text format: a golden page, and what the official linter says.

use std::{
    fs,
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use crate::views;

/// Compares with a committed file; `UPDATE_EXPECT=1` rewrites it.
pub(crate) fn expect_file(path: &str, actual: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, actual).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        expected == actual,
        "{} is out of date; run the tests with UPDATE_EXPECT=1 and look at the difference",
        path.display()
    );
}

#[test]
fn a_small_view_reads_as_committed() {
    expect_file("tests/serve/small.txt", &views::scrape_text(&views::small()));
}

#[test]
fn the_reference_is_committed() {
    expect_file("../docs/metrics.md", &netmon::metrics::reference::reference());
}

#[test]
fn promtool_finds_nothing() {
    for (name, view) in [("small", views::small()), ("rich", views::rich())] {
        let text = views::scrape_text(&view);
        let child = Command::new("promtool")
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let Ok(mut child) = child else {
            assert!(
                std::env::var_os("NETMON_REQUIRE_KERNEL").is_none_or(|value| value != "1"),
                "promtool is missing: install the package prometheus"
            );
            eprintln!("SKIPPED: promtool is missing (package prometheus)");
            return;
        };
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success() && said.trim().is_empty(), "{name}: {said}");
    }
}

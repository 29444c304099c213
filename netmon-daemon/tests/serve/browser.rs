//! The status page in a real browser: what it shows, and a screenshot of it.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use netmon::{detect::Severity, view::View};
use tokio::time::timeout;

use crate::{
    client::{get, serve, settings},
    views,
};

/// A browser that never comes back is a failure.
const PATIENCE: Duration = Duration::from_secs(120);

/// Runs the browser on a page and returns what it wrote to standard output.
async fn browse(url: &str, arguments: &[String]) -> Option<String> {
    let profile = tempfile::tempdir().unwrap();
    let mut command = Command::new("chromium");
    command
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args(["--hide-scrollbars", "--virtual-time-budget=1000"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(arguments)
        .arg(url)
        .stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output());
    let Ok(output) = timeout(PATIENCE, output).await.expect("chromium ends").unwrap() else {
        assert!(
            std::env::var_os("NETMON_REQUIRE_KERNEL").is_none_or(|value| value != "1"),
            "chromium is missing: install the package chromium"
        );
        eprintln!("SKIPPED: chromium is missing (package chromium)");
        return None;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

/// Where screenshots go: below the target directory.
fn screenshot(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("status-page");
    std::fs::create_dir_all(&folder).unwrap();
    folder.join(format!("{name}.png"))
}

/// A host on which nothing is wrong.
fn healthy() -> View {
    let mut view = views::rich();
    let mut snapshot = (*view.snapshot).clone();
    snapshot.devices.retain(|device| device.counting.is_ok());
    view.snapshot = snapshot.into();
    view.red_flags.clear();
    view.detectors = vec![views::quiet("rst_storm"), views::quiet("syn_flood")];
    view.hooks.retain(|hook| hook.mechanism.is_some());
    view
}

/// A host with an incident, and names that try to break out of the page.
fn incident() -> View {
    let mut view = views::rich();
    let mut snapshot = (*view.snapshot).clone();
    snapshot.devices.push(views::device("\"><script>x\u{202e}", 11));
    view.snapshot = snapshot.into();
    view.red_flags.insert(0, views::flag(3, Severity::Warning, true));
    view.red_flags[0].detector = "stealth_scan";
    view.red_flags[0].detail = "17 segments with flags that only scanners send, in 60 s".into();
    view
}

#[tokio::test]
async fn the_page_shows_the_verdict_first() {
    for (name, view, words) in [
        ("healthy", healthy(), ["Healthy", "None raised", "syn_flood", "1.25 MB/s"]),
        (
            "incident",
            incident(),
            ["2 red flags, 1 critical", "3 % answered", "not attached", "To mend it:"],
        ),
    ] {
        let served = serve(Some(view), settings()).await;
        let url = format!("http://{}/", served.addr);
        let Some(dom) = browse(&url, &["--dump-dom".to_owned()]).await else { return };
        let mut rest = dom.as_str();
        let first = rest.find("<h1").expect("a verdict");
        for landmark in ["<header", "<main", "<section", "<footer", "<th scope=\"col\""] {
            assert!(rest.contains(landmark), "{name}: {landmark}");
        }
        rest = &rest[first..];
        for word in words {
            assert!(rest.contains(word), "{name}: {word} is not shown");
        }
        assert!(rest.find(words[0]) < rest.find("<h2"), "{name}: the verdict comes first");
        assert!(!dom.contains("<script"), "{name}: no script");
        assert!(!dom.contains('\u{202e}'), "{name}: no direction overrides");
        let served_page = get(served.addr, "/").await;
        assert!(served_page.body.len() <= 30_000, "{name}: {} bytes", served_page.body.len());
        assert!(!served_page.text().contains("http://"), "{name}: nothing from elsewhere");
        for (look, width, dark) in
            [("wide", 1100, false), ("dark", 1100, true), ("phone", 390, false)]
        {
            let path = screenshot(&format!("{name}-{look}"));
            let mut arguments = vec![
                format!("--screenshot={}", path.display()),
                format!("--window-size={width},1500"),
            ];
            if dark {
                arguments.push("--blink-settings=preferredColorScheme=0".to_owned());
            }
            // A browser that is there once is there again.
            browse(&url, &arguments).await.unwrap();
            assert!(std::fs::metadata(&path).unwrap().len() > 10_000, "{}", path.display());
        }
    }
}

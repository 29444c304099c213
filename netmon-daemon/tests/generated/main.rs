//! Files that are generated from tables in the code: the committed ones equal
//! what the code says now. `UPDATE_EXPECT=1` rewrites them.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test may fail, and says what it skips"
)]

mod promtool;

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
};

use netmon::{config::Config, generate, metrics::reference};

type Generate = fn() -> String;

/// Every committed file and what it must hold. What `netmon print` prints is
/// the same by the test of the command line.
const FILES: &[(&str, Generate)] = &[
    ("deploy/grafana/netmon.json", generate::dashboard),
    ("deploy/netmon.toml", generate::config),
    ("deploy/prometheus/netmon.rules.yml", generate::rules),
    ("deploy/prometheus/netmon.rules.test.yml", generate::rule_tests),
    ("docs/detectors.md", generate::detectors),
    ("docs/drops.md", generate::drops),
    ("docs/metrics.md", reference::reference),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn committed_files_are_up_to_date() {
    let update = env::var_os("UPDATE_EXPECT").is_some();
    let mut stale = Vec::new();
    for (path, generated) in FILES {
        let (file, generated) = (root().join(path), generated());
        if fs::read_to_string(&file).is_ok_and(|committed| committed == generated) {
            continue;
        }
        if update {
            fs::write(&file, generated).unwrap();
        } else {
            stale.push(*path);
        }
    }
    assert!(stale.is_empty(), "stale: {stale:?}; set UPDATE_EXPECT=1 and run this test again");
}

#[test]
fn every_alert_has_a_runbook_and_every_runbook_an_alert() {
    let alerts: BTreeSet<String> =
        generate::alerts().into_iter().map(|alert| format!("{}.md", alert.name)).collect();
    let folder = fs::read_dir(root().join("docs/runbooks")).unwrap();
    let runbooks: BTreeSet<String> =
        folder.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(alerts, runbooks);
    assert_eq!(alerts.len(), generate::alerts().len(), "two alerts have one name");
}

#[test]
fn every_runbook_says_what_it_means_and_what_to_do() {
    for file in fs::read_dir(root().join("docs/runbooks")).unwrap() {
        let file = file.unwrap().path();
        let name = file.file_stem().unwrap().to_str().unwrap();
        let page = fs::read_to_string(&file).unwrap();
        let headings: Vec<&str> = page.lines().filter(|line| line.starts_with('#')).collect();
        let title = format!("# {name}");
        let expected = [&title, "## Meaning", "## Impact", "## Diagnosis", "## Mitigation"];
        assert_eq!(headings, expected, "{name}");
        let diagnosis = page.split("## Diagnosis").nth(1).unwrap();
        assert!(diagnosis.contains('`'), "{name}: the diagnosis names no command");
    }
}

#[test]
fn the_shipped_configuration_is_the_default() {
    let shipped: Config = toml::from_str(&generate::config()).unwrap();
    assert_eq!(shipped, Config::default());
    // Not vacuously: without its lines, nothing of it would be left.
    let values = generate::config().lines().filter(|line| line.contains(" = ")).count();
    let keys: usize = netmon::config::sections().map(|place| place.keys.len()).sum();
    assert_eq!(values, keys);
}

#[test]
fn every_number_has_limits_and_every_default_is_within() {
    let defaults = Config::default();
    for place in netmon::config::sections() {
        for key in place.keys {
            let value = defaults.value(place.path, key.name).unwrap();
            let path = format!("{}.{}", place.path, key.name);
            assert_eq!((key.check)(&value), Ok(()), "{path}");
            let number = value.is_float() || value.is_integer();
            assert!(!number || (key.limits)().is_some(), "{path} has no limits");
        }
    }
}

/// The names of metrics in some text, histograms by the name of the family.
fn metrics_in(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let names = words.filter(|word| word.starts_with("netmon_"));
    names
        .map(|name| {
            let part = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
            part.unwrap_or(name)
        })
        .collect()
}

#[test]
fn alerts_dashboard_and_runbooks_speak_of_metrics_that_exist() {
    let reference = reference::reference();
    let known = metrics_in(&reference);
    let mut texts = vec![generate::rules(), generate::rule_tests(), generate::dashboard()];
    for file in fs::read_dir(root().join("docs/runbooks")).unwrap() {
        texts.push(fs::read_to_string(file.unwrap().path()).unwrap());
    }
    for text in texts {
        let unknown: Vec<_> = metrics_in(&text).difference(&known).copied().collect();
        assert!(unknown.is_empty(), "{unknown:?} in:\n{text}");
        assert!(known.len() > 20, "the reference is empty");
    }
}

#[test]
fn the_dashboard_keeps_the_rules_of_good_dashboards() {
    let board: serde_json::Value = serde_json::from_str(&generate::dashboard()).unwrap();
    let mut ids = BTreeSet::new();
    for panel in board["panels"].as_array().unwrap() {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{panel}");
        if panel["type"] == "row" {
            continue;
        }
        for text in ["title", "description"] {
            assert!(panel[text].as_str().is_some_and(|text| !text.is_empty()), "{panel}");
        }
        assert!(panel["fieldConfig"]["defaults"]["unit"].is_string(), "{panel}");
        assert_eq!(panel["datasource"]["uid"], "${datasource}");
        for target in panel["targets"].as_array().unwrap() {
            let query = target["expr"].as_str().unwrap();
            assert!(query.contains("job=~\"$job\",instance=~\"$instance\""), "{query}");
            assert!(!query.contains("rate(") || query.contains("[$__rate_interval]"), "{query}");
            assert!(query.contains("rate(") || !query.contains("_total"), "{query}");
        }
    }
}

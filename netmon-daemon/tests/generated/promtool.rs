//! What promtool says of the rules and of every expression.

use std::{env, fs, io::ErrorKind, path::Path, process::Command};

use netmon::generate;

/// Runs promtool; `None` where there is none and none is required.
fn promtool(folder: &Path, arguments: &[&str]) -> Option<String> {
    match Command::new("promtool").current_dir(folder).args(arguments).output() {
        Ok(output) => {
            let text = [output.stdout, output.stderr].concat();
            let text = String::from_utf8_lossy(&text).into_owned();
            assert!(output.status.success(), "promtool {arguments:?}: {text}");
            Some(text)
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let required = env::var_os("NETMON_REQUIRE_KERNEL").is_some_and(|value| value == "1");
            assert!(!required, "no promtool: install the package prometheus");
            eprintln!("SKIPPED: no promtool: install the package prometheus");
            None
        }
        Err(error) => panic!("promtool: {error}"),
    }
}

#[test]
fn the_rules_are_clean_and_every_alert_fires_and_resolves() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("netmon.rules.yml"), generate::rules()).unwrap();
    fs::write(folder.path().join("netmon.rules.test.yml"), generate::rule_tests()).unwrap();
    let check = ["check", "rules", "--lint=all", "--lint-fatal", "netmon.rules.yml"];
    let Some(said) = promtool(folder.path(), &check) else { return };
    let rules = generate::alerts().len();
    assert!(said.contains(&format!("SUCCESS: {rules} rules found")), "{said}");
    promtool(folder.path(), &["test", "rules", "netmon.rules.test.yml"]);
}

#[test]
fn the_tests_of_the_rules_can_fail() {
    let folder = tempfile::tempdir().unwrap();
    // Rules under which every alert is quiet: each test must notice.
    let quiet = generate::rules().replace("expr: '", "expr: 'vector(0) > 1 and on () ");
    fs::write(folder.path().join("netmon.rules.yml"), quiet).unwrap();
    fs::write(folder.path().join("netmon.rules.test.yml"), generate::rule_tests()).unwrap();
    if promtool(folder.path(), &["check", "rules", "netmon.rules.yml"]).is_none() {
        return;
    }
    let tested = Command::new("promtool")
        .current_dir(folder.path())
        .args(["test", "rules", "netmon.rules.test.yml"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&[tested.stdout, tested.stderr].concat()).into_owned();
    assert!(!tested.status.success());
    for alert in generate::alerts() {
        assert!(said.contains(&alert.name), "{} does not test anything:\n{said}", alert.name);
    }
}

#[test]
fn every_expression_of_the_dashboard_is_valid() {
    let board: serde_json::Value = serde_json::from_str(&generate::dashboard()).unwrap();
    let mut rules = String::from("groups:\n  - name: dashboard\n    rules:\n");
    for (number, panel) in board["panels"].as_array().unwrap().iter().enumerate() {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let query = target["expr"].as_str().unwrap().replace("$__rate_interval", "5m");
            let record = format!("      - record: panel{number}\n        expr: '{query}'\n");
            rules.push_str(&record);
        }
    }
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("dashboard.yml"), rules).unwrap();
    promtool(folder.path(), &["check", "rules", "--lint=none", "dashboard.yml"]);
}

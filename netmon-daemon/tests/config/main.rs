//! Configuration from outside: what comes out of the layers, and one clear line
//! with status 78 for everything that can be wrong with them.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test may fail, and says what it skips"
)]

mod files;
mod refused;

use std::{ffi::OsString, fs, path::Path};

use netmon::config::{Config, ConfigError, Loaded, Overrides};

/// Loads a file with this text.
fn load(
    text: &str,
    environment: &[(&str, &str)],
    overrides: &Overrides,
) -> Result<Loaded, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("netmon.toml");
    fs::write(&path, text).unwrap();
    load_file(&path, environment, overrides)
}

fn load_file(
    path: &Path,
    environment: &[(&str, &str)],
    overrides: &Overrides,
) -> Result<Loaded, ConfigError> {
    let environment = environment.iter().map(|(name, value)| (name.into(), value.into()));
    Config::load(Some(path), environment.collect::<Vec<(OsString, OsString)>>(), overrides)
}

#[test]
fn later_layers_win_and_say_so() {
    let file = "[web]\nlisten = [\"127.0.0.1:1\"]\nmax_connections = 7\n\
                [detectors.syn_flood]\nwarning = 200\n";
    let environment = [
        ("NETMON_WEB__LISTEN", "127.0.0.1:2, [::1]:2"),
        ("NETMON_DETECTORS__RST_STORM__CRITICAL", "600.5"),
        ("NETMON_INTERFACES__INCLUDE", "eth*"),
        ("NETMON_LOG__LEVEL", "debug"),
        ("NETMON_KERNEL__TICK", "250ms"),
        ("NETMON_DETECTORS__STEALTH_SCAN__ENABLED", "false"),
        // Not ours, or not configuration.
        ("HOME", "/"),
        ("NETMONITOR_WEB__LISTEN", "x"),
        ("NETMON_REQUIRE_KERNEL", "1"),
        ("NETMON_CAPTURES", "/captures"),
        ("NETMON_REVISION", "abc"),
        ("NETMON_RUSTC", "1.95"),
    ];
    let overrides =
        Overrides { listen: vec!["127.0.0.1:3".parse().unwrap()], interfaces: Vec::new() };
    let loaded = load(file, &environment, &overrides).unwrap();

    let mut expected = Config::default();
    expected.web.listen = overrides.listen;
    expected.web.max_connections = 7;
    expected.detectors.syn_flood.warning = 200.0;
    expected.detectors.rst_storm.critical = 600.5;
    expected.detectors.stealth_scan.enabled = false;
    expected.interfaces.include = vec!["eth*".parse().unwrap()];
    expected.log.level = netmon::config::LogLevel::Debug;
    expected.kernel.tick = netmon::config::Interval::from_millis(250);
    assert_eq!(loaded.config, expected);

    for (key, origin) in [
        ("web.listen", "--listen"),
        ("interfaces.include", "environment variable NETMON_INTERFACES__INCLUDE"),
        ("log.format", "default"),
    ] {
        assert_eq!(loaded.origin(key).to_string(), origin);
    }
    let origin = loaded.origin("detectors.syn_flood.warning").to_string();
    assert!(origin.ends_with("netmon.toml:5:1"), "{origin}");
}

#[test]
fn what_editors_do_to_a_file_changes_nothing() {
    let plain = "[web]\nmax_connections = 7\n";
    let expected = load(plain, &[], &Overrides::default()).unwrap().config;
    for text in [
        format!("\u{feff}{plain}"),
        plain.replace('\n', "\r\n"),
        plain.trim_end().to_owned(),
        "web.max_connections = 7".to_owned(),
        "web = { max_connections = 7 }".to_owned(),
        format!("{plain}\n\n# a comment\n"),
    ] {
        let loaded = load(&text, &[], &Overrides::default());
        assert_eq!(loaded.map(|loaded| loaded.config), Ok(expected.clone()), "{text:?}");
    }
}

#[test]
fn a_list_can_be_emptied_by_a_later_layer() {
    let file = "[interfaces]\nexclude = [\"veth*\"]\n";
    let loaded = load(file, &[("NETMON_INTERFACES__EXCLUDE", "")], &Overrides::default());
    assert_eq!(loaded.unwrap().config.interfaces.exclude, []);
}

#[test]
fn every_key_can_be_set_by_its_variable() {
    for place in netmon::config::sections() {
        for key in place.keys {
            let name = format!("NETMON_{}__{}", place.path.replace('.', "__"), key.name);
            let name = name.to_ascii_uppercase();
            let value = Config::default().value(place.path, key.name).unwrap();
            let text = match &value {
                toml::Value::String(text) => text.clone(),
                toml::Value::Array(list) => {
                    let entry = |entry: &toml::Value| match entry.as_str() {
                        Some(text) => text.to_owned(),
                        None => entry.to_string(),
                    };
                    list.iter().map(entry).collect::<Vec<_>>().join(",")
                }
                other => other.to_string(),
            };
            let loaded = load("", &[(&name, &text)], &Overrides::default()).unwrap();
            assert_eq!(loaded.config, Config::default(), "{name}={text}");
            let path = format!("{}.{}", place.path, key.name);
            assert_eq!(loaded.origin(&path).to_string(), format!("environment variable {name}"));
        }
    }
}

//! The command line of the real binary: exit statuses, one line on standard
//! error, and an output that may be closed or full.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::{
    fs::File,
    process::{Command, Output},
};

use netmon::{config::Config, generate, metrics::reference};

fn netmon(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_netmon"));
    command.env_clear().args(arguments);
    command
}

fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = netmon(arguments).output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

#[test]
fn wrong_usage_is_one_line_and_status_64() {
    for (arguments, said) in [
        (
            &[][..],
            "'netmon' requires a subcommand but one was not provided; [subcommands: run, check, \
             doctor, replay, print, help]",
        ),
        (&["rnu"], "unrecognized subcommand 'rnu'"),
        (&["--lisen"], "unexpected argument '--lisen' found"),
        (
            &["run", "--lisen", "x"],
            "unexpected argument '--lisen' found; a similar argument exists: '--listen'",
        ),
        (
            &["run", "--listen", ":80"],
            "invalid value ':80' for '--listen <ADDR:PORT>': \":80\" has no address: write \
             \"127.0.0.1:80\" for this host only, or \"[::]:80\" for everyone",
        ),
        (
            &["run", "--interface", "eth[0]"],
            "invalid value 'eth[0]' for '--interface <GLOB>': \"eth[0]\" is no pattern: only * and \
             ? are wildcards",
        ),
        (&["replay"], "the following required arguments were not provided: <FILE>..."),
        (
            &["replay", "--fail-on", "info", "x"],
            "invalid value 'info' for '--fail-on <SEVERITY>'; [possible values: warning, critical]",
        ),
        (
            &["print", "dashbord"],
            "invalid value 'dashbord' for '<WHAT>'; [possible values: config, metrics, \
             detectors, rules, dashboard]; a similar value exists: 'dashboard'",
        ),
        (&["print", "a\nb\u{1b}[2J"], "invalid value 'a"),
    ] {
        let (status, stdout, stderr) = run(arguments);
        assert_eq!(status, Some(64), "{arguments:?}: {stderr}");
        assert_eq!(stdout, "", "{arguments:?}");
        let line = stderr.strip_suffix('\n').unwrap();
        assert!(!line.contains(char::is_control), "{line:?}");
        assert!(line.ends_with("; see netmon --help"), "{line}");
        assert!(line.starts_with(&format!("netmon: {said}")), "{line}");
    }
}

#[test]
fn help_and_version_are_no_errors() {
    for arguments in [&["--help"][..], &["-h"], &["help", "run"], &["run", "--help"]] {
        let (status, stdout, stderr) = run(arguments);
        assert_eq!((status, stderr.as_str()), (Some(0), ""), "{arguments:?}");
        assert!(stdout.contains("Usage: netmon"), "{stdout}");
    }
    assert!(run(&["--help"]).1.contains("Examples:"));
    let version = format!("netmon {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(run(&["--version"]), (Some(0), version, String::new()));
}

#[test]
fn what_is_printed_is_what_is_generated() {
    for (what, text) in [
        ("config", generate::config()),
        ("metrics", reference::reference()),
        ("detectors", generate::detectors()),
        ("rules", generate::rules()),
        ("dashboard", generate::dashboard()),
    ] {
        assert_eq!(run(&["print", what]), (Some(0), text, String::new()), "{what}");
    }
}

#[test]
fn check_prints_a_configuration_that_means_the_same() {
    let output = netmon(&["check"])
        .env("NETMON_DETECTORS__SYN_FLOOD__WARNING", "500")
        .env("NETMON_INTERFACES__EXCLUDE", "veth*,docker0")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    let mut expected = Config::default();
    expected.detectors.syn_flood.warning = 500.0;
    expected.interfaces.exclude = vec!["veth*".parse().unwrap(), "docker0".parse().unwrap()];
    assert_eq!(toml::from_str::<Config>(&text).as_ref(), Ok(&expected), "{text}");
    let line = "warning = 500.0  # environment variable NETMON_DETECTORS__SYN_FLOOD__WARNING";
    assert!(text.lines().any(|found| found == line), "{text}");
    assert_eq!(text.matches(" # environment variable").count(), 2, "{text}");
}

#[test]
fn check_tells_what_is_over() {
    let output = netmon(&["check"])
        .env("NETMON_DETECTORS__DNS_TUNNEL__EXEMPT", "192.0.2.7 until 2020-01-31, tcp/53")
        .env("NETMON_RED_FLAGS__SILENCES", "rst_storm until 2020-01-31T18:00:00Z")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    for line in [
        "# This is over and does nothing: detectors.dns_tunnel.exempt: \"192.0.2.7 until \
         2020-01-31\"",
        "# This is over and does nothing: red_flags.silences: \"rst_storm until \
         2020-01-31T18:00:00Z\"",
        "exempt = [\"192.0.2.7 until 2020-01-31\", \"tcp/53\"]  # environment variable \
         NETMON_DETECTORS__DNS_TUNNEL__EXEMPT",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}: {text}");
    }
    assert_eq!(text.matches("This is over").count(), 2, "{text}");
    assert!(toml::from_str::<Config>(&text).is_ok(), "{text}");
}

#[test]
fn every_command_that_reads_the_configuration_refuses_a_wrong_one() {
    for arguments in [&["run"][..], &["check"], &["check", "--attach"], &["replay", "x.pcap"]] {
        let output = netmon(arguments).env("NETMON_LOG__LEVEL", "loud").output().unwrap();
        assert_eq!(output.status.code(), Some(78), "{arguments:?}");
        assert_eq!(
            String::from_utf8(output.stderr).unwrap(),
            "netmon: environment variable NETMON_LOG__LEVEL: \"log.level\": \"loud\" is none of \
             error, warn, info, debug, trace\n"
        );
    }
}

#[test]
fn a_reader_that_has_enough_is_no_error() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = netmon(&["print", "config"]).stdout(writer).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}

#[test]
fn an_output_that_is_full_is_an_error() {
    for arguments in [&["print", "config"][..], &["--help"], &["check"]] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let output = netmon(arguments).stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert_eq!(
            String::from_utf8(output.stderr).unwrap(),
            "netmon: standard output: No space left on device (os error 28)\n"
        );
    }
}

#[test]
fn a_closed_standard_error_is_survived() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let status = netmon(&["rnu"]).stderr(writer).status().unwrap();
    assert_eq!(status.code(), Some(64));
}

/// A capture of three TCP segments without any flag, a second apart: what
/// `stealth_scan` warns of.
fn scan() -> Vec<u8> {
    let mut frame = [0; 54];
    frame[12..14].copy_from_slice(&[0x08, 0x00]);
    // IPv4 of 40 bytes with protocol TCP, from 192.0.2.1 to 192.0.2.2.
    frame[14..24].copy_from_slice(&[0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6]);
    frame[26..34].copy_from_slice(&[192, 0, 2, 1, 192, 0, 2, 2]);
    // Ports 1000 and 22, a header of 20 bytes, no flags.
    frame[34..38].copy_from_slice(&[0x03, 0xe8, 0, 22]);
    frame[46] = 0x50;
    let words = |words: &[u32]| words.iter().flat_map(|w| w.to_le_bytes()).collect::<Vec<u8>>();
    let mut file = words(&[0xa1b2_c3d4, 0x0004_0002, 0, 0, 65_535, 1]);
    for second in 0..3 {
        file.extend(words(&[second, 0, 54, 54]));
        file.extend(frame);
    }
    file
}

#[test]
fn replay_tells_scripts_what_it_found_by_its_status() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scan.pcap");
    std::fs::write(&path, scan()).unwrap();
    let file = path.to_str().unwrap();
    for (arguments, status) in [
        (&["replay", file][..], 0),
        (&["replay", file, "--fail-on", "warning"], 2),
        (&["replay", file, "--fail-on", "critical"], 0),
        (&["replay", file, "/nowhere.pcap", "--fail-on", "warning"], 1),
    ] {
        let (found, stdout, _) = run(arguments);
        assert_eq!(found, Some(status), "{arguments:?}");
        assert!(stdout.contains("stealth_scan"), "{stdout}");
    }
    let (status, stdout, stderr) = run(&["replay", "--format", "json", file]);
    assert_eq!((status, stderr.as_str()), (Some(0), ""));
    let report: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(report["captures"][0]["red_flags"][0]["detector"], "stealth_scan");

    let quiet = netmon(&["replay", file, "--fail-on", "warning"])
        .env("NETMON_DETECTORS__STEALTH_SCAN__WARNING", "4")
        .output()
        .unwrap();
    assert_eq!(quiet.status.code(), Some(0), "the configuration counts in a replay");

    // The packets are of the first seconds of 1970: silences end in packet time.
    for (silence, status, shown) in [
        ("stealth_scan until 1970-01-01", 0, "warning, silenced: stealth_scan"),
        ("* until 2999-12-31", 0, "warning, silenced: stealth_scan"),
        ("stealth_scan until 1970-01-01T00:00:00Z", 2, "warning: stealth_scan"),
        ("stealth_scan 192.0.2.9 until 2999-12-31", 2, "warning: stealth_scan"),
        ("syn_flood until 2999-12-31", 2, "warning: stealth_scan"),
    ] {
        let output = netmon(&["replay", file, "--fail-on", "warning"])
            .env("NETMON_RED_FLAGS__SILENCES", silence)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(status), "{silence}: {text}");
        assert!(text.contains(shown), "{silence}: {text}");
    }
}

//! The command line of the real binary: exit statuses, one line on standard
//! error, and an output that may be closed or full.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::{
    fs::File,
    io::{Read as _, Write as _},
    net::TcpListener,
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
             doctor, replay, explain, print, help]",
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
        (&["explain"], "the following required arguments were not provided: <FLAG>"),
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
fn every_detector_is_explained_without_a_daemon() {
    // Nobody listens on a port that was just given back.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    for detector in netmon::detect::NAMES {
        let mut command = netmon(&["explain", detector]);
        command.env("NETMON_WEB__LISTEN", &address);
        command.env(format!("NETMON_DETECTORS__{}__ENABLED", detector.to_uppercase()), "false");
        let output = command.output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(0), "{text}");
        assert!(text.starts_with(&format!("{detector}: ")), "{text}");
        let variable = format!("NETMON_DETECTORS__{}__ENABLED", detector.to_uppercase());
        for said in [
            "\nMEANING\n",
            &format!("\nNOW\n  Not known: no netmon answers at {address} ("),
            "\nTO SEE IT BY HAND\n  ",
            "\nCAUSES, AND WHAT TO DO ABOUT THEM\n  - ",
            &format!("  enabled = false  # environment variable {variable}\n"),
            "  exempt = []\n",
            &format!("silences = [\"{detector} until YYYY-MM-DD\"]"),
            "\nRUNBOOK\n  docs/runbooks/Netmon",
        ] {
            assert!(text.contains(said), "{said:?}: {text}");
        }
    }
    let output = netmon(&["explain", "3"]).env("NETMON_WEB__LISTEN", &address).output().unwrap();
    let why = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{why}");
    assert!(why.starts_with(&format!("netmon: no netmon answers at {address} (")), "{why}");
    for (flag, said) in [("syn_flod", "did you mean syn_flood?"), ("-1", ""), ("x\n", "there are ")]
    {
        let (status, _, why) = run(&["explain", flag]);
        assert_eq!(status, Some(64), "{why}");
        assert!(why.contains(said) && why.lines().count() == 1, "{why}");
    }
}

/// What `netmon explain` says to a daemon that serves this document once.
fn explained(flag: &str, document: &str) -> (Option<i32>, String, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{document}");
    let server = std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let mut request = [0; 4096];
        let _ = client.read(&mut request).unwrap();
        client.write_all(answer.as_bytes()).unwrap();
    });
    let output = netmon(&["explain", flag]).env("NETMON_WEB__LISTEN", &address).output().unwrap();
    server.join().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_flag_of_the_daemon_is_explained_by_its_number() {
    let document = r#"{"version": 1, "red_flags": [
        {"id": 7, "detector": "dns_tunnel", "severity": "critical", "subject": "192.0.2.7",
         "peer": "192.0.2.53", "service_port": "udp/53", "active": true, "silenced": false,
         "first_seen": 10.0, "last_seen": 20.0, "statistic": 120.0, "threshold": 100.0,
         "window_seconds": 60.0, "evidence": {"names": 120}, "detail": "120 names \u001b[2J",
         "confirm": "timeout 10 tcpdump -ni any -c 200 'host 192.0.2.7'"},
        {"id": 8, "detector": "syn_flood", "severity": "warning", "subject": "boundary"}],
        "detectors": [{"detector": "dns_tunnel", "score": 2.4, "trusted": true}]}"#;
    let (status, text, why) = explained("7", document);
    assert_eq!((status, why.as_str()), (Some(0), ""), "{text}");
    for said in [
        "dns_tunnel: Lookups whose names carry data",
        "  Red flag 7, critical, raised: 192.0.2.7 with 192.0.2.53, udp/53\n",
        "    120 names \\u{1b}[2J\n",
        "    120 measured within 60 s, critical from 100 on; first seen ",
        "    names 120\n",
        "\nTO SEE IT BY HAND\n  timeout 10 tcpdump -ni any -c 200 'host 192.0.2.7'\n",
        "silences = [\"dns_tunnel 192.0.2.7 until YYYY-MM-DD\"]",
    ] {
        assert!(text.contains(said), "{said:?}: {text}");
    }
    assert!(!text.contains("Red flag 8"), "{text}");
    let (status, text, _) = explained("dns_tunnel", document);
    assert_eq!(status, Some(0));
    assert!(text.contains("  240 % of its warning threshold.\n  Red flag 7,"), "{text}");
    let (status, text, _) = explained("rst_storm", document);
    assert_eq!(status, Some(0));
    assert!(text.contains("switched off.\n  No red flag is raised"), "{text}");
    let (status, _, why) = explained("9", document);
    assert_eq!(status, Some(1));
    assert!(why.starts_with("netmon: there is no red flag 9") && why.contains("7, 8"), "{why}");
    let (status, _, why) = explained("9", "no JSON");
    assert_eq!(status, Some(1));
    assert!(why.contains("what answers is not netmon"), "{why}");
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
    for arguments in [
        &["run"][..],
        &["check"],
        &["check", "--attach"],
        &["replay", "x.pcap"],
        &["explain", "syn_flood"],
    ] {
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

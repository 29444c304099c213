//! Programs that are missing: forbidden at the start, or taken away while the daemon
//! runs. It lives, says so, serves the rest, and attaches again what was taken away.

use std::{collections::BTreeSet, fs, process::Command};

use serde_json::Value;

use crate::{
    daemon::{Daemon, NETMON, run},
    deadline,
    frames::{pair, send},
    netns::{NetNs, require_kernel},
    objects::filters,
};

const FAST: &str = "[kernel]\ntick = \"100ms\"\n";
const CLSACT: &str = "[kernel]\ntick = \"100ms\"\ntc = \"clsact\"\n";
#[cfg(target_arch = "x86_64")]
const CLOSE: &str = include_str!("close.py");

/// The programs that `netmon doctor` knows.
fn programs(namespace: &NetNs) -> Vec<String> {
    let (_, json, _) = run(namespace, ["doctor", "--json"]);
    let report: Value = serde_json::from_str(&json).unwrap();
    let hooks = report["hooks"].as_array().unwrap();
    hooks.iter().map(|hook| hook["program"].as_str().unwrap().to_owned()).collect()
}

fn attached(daemon: &Daemon<'_>, program: &str) -> Option<f64> {
    daemon.value(&format!("netmon_program_attached{{program=\"{program}\"}}"))
}

/// What a scrape has, or has not, without a program.
const WITHOUT: &[(&str, &[&str], &[&str])] = &[
    (
        "tc_ingress",
        &[r#"netmon_interface_packets_total{device="lo",direction="ingress"}"#],
        &[r#"netmon_interface_packets_total{device="lo",direction="egress"}"#],
    ),
    (
        "tc_egress",
        &[r#"netmon_interface_packets_total{device="lo",direction="egress"}"#],
        &[r#"netmon_interface_packets_total{device="lo",direction="ingress"}"#],
    ),
    (
        "connection",
        // Handshakes have a second source.
        &["netmon_tcp_rtt_seconds", "netmon_tcp_connection_bytes"],
        // The kernel's own counters know no service.
        &[r#"netmon_tcp_connections_opened_total{service_port="",role="active",scope=""}"#],
    ),
    ("congestion", &["netmon_tcp_congestion_transitions_total"], &[]),
    ("reset_received", &[r#"netmon_tcp_resets_total{direction="ingress""#], &[]),
    (
        "reset_sent",
        &[r#"netmon_tcp_resets_total{direction="egress",reason="not_specified"}"#],
        &[r#"netmon_tcp_resets_total{direction="egress",reason=""}"#],
    ),
    (
        "retransmit",
        &[r#"kind="rto""#],
        &[r#"netmon_tcp_retransmits_total{service_port="",kind="",scope=""}"#],
    ),
    ("retransmit_synack", &[r#"kind="synack""#], &[r#"kind="rto""#]),
];

#[test]
fn without_any_one_program_the_rest_is_served() {
    require_kernel!();
    let namespace = NetNs::new();
    let programs = programs(&namespace);
    for (forbidden, ..) in WITHOUT {
        assert!(programs.iter().any(|program| program == forbidden), "{forbidden}: {programs:?}");
    }
    for forbidden in &programs {
        let daemon = Daemon::spawn(&namespace, FAST, |command| {
            command.env("NETMON_FORBID", forbidden);
        });
        deadline::until("it serves", || daemon.get("/-/healthy"));
        deadline::until_true("it counts", || {
            let packets = daemon.interface("lo").map(|lo| {
                ["ingress", "egress"].map(|way| lo[way]["packets"].as_u64().unwrap_or(0))
            });
            packets.is_some_and(|packets| packets.iter().any(|packets| *packets > 0))
        });
        for program in &programs {
            let expected = f64::from(u8::from(program != forbidden));
            assert_eq!(attached(&daemon, program), Some(expected), "{program} without {forbidden}");
        }
        let metrics = daemon.metrics();
        let has = |series: &str| {
            let lines = metrics.lines().filter(|line| !line.contains("netmon_series"));
            lines.filter(|line| !line.starts_with('#')).any(|line| line.contains(series))
        };
        for (_, absent, present) in WITHOUT.iter().filter(|(program, ..)| program == forbidden) {
            for series in *absent {
                assert!(!has(series), "{series} without {forbidden}: {metrics}");
            }
            for series in *present {
                assert!(has(series), "no {series} without {forbidden}: {metrics}");
            }
        }
        let trusted = daemon.value(r#"netmon_detector_trusted{detector="syn_flood"}"#);
        // Without the state of sockets, packets stand in.
        let blind = forbidden.starts_with("tc_") || forbidden == "connection";
        assert_eq!(trusted, Some(f64::from(u8::from(!blind))), "without {forbidden}");
        daemon.stop();
    }
}

#[test]
fn an_unknown_program_cannot_be_forbidden() {
    require_kernel!();
    let namespace = NetNs::new();
    let mut command = namespace.command(NETMON);
    let output = command.arg("run").env("NETMON_FORBID", "tc_ingress,none").output().unwrap();
    let line = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(64), "{line}");
    assert!(line.lines().count() == 1 && line.contains("retransmit_synack"), "{line}");
}

/// The descriptors of a daemon's links, with what the kernel says of each.
fn links(daemon: &Daemon<'_>) -> Vec<(String, String)> {
    let folder = format!("/proc/{}/fdinfo", daemon.pid());
    let entries = fs::read_dir(folder).unwrap().flatten();
    let texts = entries.filter_map(|entry| {
        let text = fs::read_to_string(entry.path()).ok()?;
        Some((entry.file_name().into_string().unwrap(), text))
    });
    texts.filter(|(_, text)| text.contains("link_type:")).collect()
}

/// A value of what the kernel says of a descriptor.
fn said<'a>(text: &'a str, key: &str) -> &'a str {
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    lines.filter(|(name, _)| *name == key).map(|(_, value)| value.trim()).next().unwrap()
}

/// Asserts that a program is missed, then attached again, and each told once.
fn assert_mended(daemon: &Daemon<'_>, program: &str) {
    let count = |what: &str| {
        let log = daemon.log();
        let of_it = format!("program={program}");
        log.lines().filter(|line| line.contains(what) && line.ends_with(&of_it)).count()
    };
    deadline::until_true("it is missed", || count("somebody took") == 1);
    deadline::until_true("it is back", || attached(daemon, program) == Some(1.0));
    deadline::until_true("that is told", || count("attached again") >= 1);
    assert_eq!(count("somebody took"), 1, "{}", daemon.log());
}

/// What is not trusted without a tracing program: a signal, and detectors.
#[cfg(target_arch = "x86_64")]
const NEEDS: [(&str, &str, &[&str]); 7] = [
    ("congestion", "congestion", &[]),
    ("connection", "connections", &["connect_failures"]),
    ("drop", "drops", &["packet_drops"]),
    ("reset_received", "resets_received", &[]),
    ("reset_sent", "resets_sent", &[]),
    ("retransmit", "retransmits", &["retransmissions"]),
    ("retransmit_synack", "synack_retransmits", &[]),
];

#[test]
#[cfg(target_arch = "x86_64")]
fn a_tracing_program_whose_descriptor_is_closed_is_missed_and_attached_again() {
    require_kernel!();
    let namespace = NetNs::new();
    let daemon = Daemon::start(&namespace, FAST);
    let names: Vec<(u32, String)> = aya::programs::loaded_programs()
        .flatten()
        .filter_map(|program| Some((program.id(), program.name_as_str()?.to_owned())))
        .collect();
    let trust = NEEDS.map(|(program, signal, detectors)| {
        let of_signal = format!("netmon_signal_trustworthy{{signal=\"{signal}\"}}");
        let of_detector = |name| format!("netmon_detector_trusted{{detector=\"{name}\"}}");
        let series: Vec<_> =
            [of_signal].into_iter().chain(detectors.iter().map(of_detector)).collect();
        (program, series)
    });
    for series in trust.iter().flat_map(|(_, series)| series) {
        assert_eq!(daemon.value(series), Some(1.0), "{series} while nothing is lost");
    }
    // One hook has two programs.
    let mut closed = BTreeSet::new();
    for (descriptor, text) in links(&daemon) {
        let id: u32 = said(&text, "prog_id").parse().unwrap();
        let Some((_, name)) = names.iter().find(|(known, _)| *known == id) else { continue };
        // The kernel keeps 15 bytes of a name, and the longest match is the program.
        let hooks = programs(&namespace).into_iter().filter(|hook| !hook.starts_with("tc_"));
        let fits = |hook: &String| {
            let whole = format!("{hook}_");
            name.starts_with(whole.get(..15).unwrap_or(&whole))
        };
        let Some(program) = hooks.filter(fits).max_by_key(String::len) else { continue };
        let pid = daemon.pid().to_string();
        let (.., trust) = trust.iter().find(|(of, _)| **of == program).unwrap();
        namespace.run(["python3", "-c", CLOSE, &pid, &descriptor]);
        assert_mended(&daemon, &program);
        for series in trust {
            assert_eq!(daemon.value(series), Some(0.0), "{series} after {program} was lost");
        }
        closed.insert(program);
    }
    assert_eq!(closed.len(), NEEDS.len());
    assert_eq!(daemon.get("/-/ready").unwrap().status, 200);
    daemon.stop();
}

#[test]
fn the_program_of_the_control_groups_is_missed_and_attached_again() {
    require_kernel!();
    let namespace = NetNs::new();
    // Unlike `ip netns exec`, it leaves the control groups where they are.
    let mut command = Command::new("nsenter");
    command.arg(format!("--net={}", namespace.path().display())).arg(NETMON);
    let daemon = Daemon::spawn_by(&namespace, command, FAST, |command| {
        command.env("NETMON_FORBID", "connection");
    });
    deadline::until("it serves", || daemon.get("/-/healthy"));
    deadline::until_true("it is attached", || attached(&daemon, "sock_ops") == Some(1.0));
    let links = links(&daemon);
    let (_, text) = links.iter().find(|(_, text)| said(text, "link_type") == "cgroup").unwrap();
    namespace.run(["bpftool", "link", "detach", "id", said(text, "link_id")]);
    assert_mended(&daemon, "sock_ops");
    daemon.stop();
}

#[test]
fn a_tcx_link_that_is_detached_is_missed_and_attached_again() {
    require_kernel!();
    let (a, b) = pair();
    let daemon = Daemon::start(&a, FAST);
    send(&b, "b0", 100);
    daemon.await_packets("a0", "ingress", 100);
    let index = a.run(["cat", "/sys/class/net/a0/ifindex"]);
    let index = String::from_utf8(index).unwrap();
    let trusted = r#"netmon_detector_trusted{detector="syn_flood"}"#;
    assert_eq!(daemon.value(trusted), Some(1.0));
    for direction in ["ingress", "egress"] {
        let links = links(&daemon);
        let here = |text: &str| {
            said(text, "link_type") == "tcx"
                && said(text, "ifindex") == index.trim()
                && said(text, "attach_type").contains(direction)
        };
        let (_, text) = links.iter().find(|(_, text)| here(text)).unwrap();
        a.run(["bpftool", "link", "detach", "id", said(text, "link_id")]);
        let missed = format!("{direction}: somebody took it away");
        deadline::until_true("it is missed", || daemon.log().contains(&missed));
        assert_eq!(daemon.value(trusted), Some(0.0), "its windows have a hole");
        let counting = || daemon.interface("a0").unwrap()["counting"] == true;
        deadline::until_true("it is counted again", counting);
    }
    assert_eq!(daemon.value(trusted), Some(0.0), "its windows have a hole");
    send(&b, "b0", 100);
    daemon.await_packets("a0", "ingress", 200);
    daemon.stop();
}

#[test]
fn a_filter_that_is_deleted_is_missed_and_attached_again() {
    require_kernel!();
    let (a, b) = pair();
    let daemon = Daemon::start(&a, CLSACT);
    for (round, direction) in (1..).zip(["ingress", "egress"]) {
        a.run(["tc", "filter", "del", "dev", "a0", direction]);
        let missed = format!("{direction}: somebody took it away");
        deadline::until_true("it is missed", || daemon.log().contains(&missed));
        deadline::until_true("it is back", || filters(&a, "a0", direction) == 1);
        deadline::until_true("it counts", || daemon.interface("a0").unwrap()["counting"] == true);
        send(&b, "b0", 100);
        daemon.await_packets("a0", "ingress", 100 * round);
    }
    assert_eq!([filters(&a, "a0", "ingress"), filters(&a, "a0", "egress")], [1, 1]);
    daemon.stop();
}

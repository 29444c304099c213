//! Starts that cannot succeed end with one line, the documented status and
//! nothing left behind; starts that lack something go on without it.

use std::{
    fs::{self, Permissions},
    net::TcpListener,
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    process::{Command, Output},
};

use aya::programs::{LinkOrder, tc::TcAttachOptions};
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    daemon::{Daemon, NETMON},
    deadline,
    foreign::Foreign,
    frames::{pair, send},
    netns::{NetNs, require_kernel, veth},
    objects::filters,
};

/// The user and group without any right.
const NOBODY: &str = "65534";
const ALL: [&str; 3] = ["bpf", "net_admin", "perfmon"];

/// Asserts that a start failed with this status and one line, and returns it.
fn refused(output: Output, status: i32) -> String {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (out, error) = (text(output.stdout), text(output.stderr));
    assert_eq!(output.status.code(), Some(status), "{error}");
    assert_eq!((out.as_str(), error.lines().count()), ("", 1), "{error}");
    error
}

/// The binary where everybody may run it.
fn public_binary(directory: &TempDir) -> PathBuf {
    fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
    let binary = directory.path().join("netmon");
    fs::copy(NETMON, &binary).unwrap();
    binary
}

/// A command that becomes nobody with these capabilities and runs what follows.
fn as_nobody(namespace: &NetNs, capabilities: &[&str]) -> Command {
    let list: Vec<String> = capabilities.iter().map(|name| format!(",+{name}")).collect();
    let list = list.concat();
    let mut command = namespace.command("setpriv");
    command.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"]);
    command.arg(format!("--bounding-set=-all{list}")).arg(format!("--inh-caps=-all{list}"));
    command.arg(format!("--ambient-caps=-all{list}"));
    command
}

/// A command that changes the file systems that the daemon sees, then runs it.
fn without(namespace: &NetNs, change: &str) -> Command {
    let mut command = namespace.command("sh");
    command.args(["-ec", &format!("{change}\nexec \"$0\" \"$@\""), NETMON]);
    command
}

/// What `/api/v1/hooks` says of a hook.
fn hook(daemon: &Daemon<'_>, program: &str) -> Value {
    let document: Value = serde_json::from_str(&daemon.get("/api/v1/hooks").unwrap().body).unwrap();
    let hooks = document["hooks"].as_array().unwrap();
    hooks.iter().find(|hook| hook["program"] == program).unwrap().clone()
}

#[test]
fn a_port_in_use_ends_the_start_before_anything_is_touched() {
    require_kernel!();
    let namespace = NetNs::new();
    let _other = namespace.enter(|| TcpListener::bind("127.0.0.1:10199").unwrap());
    let output = namespace.command(NETMON).arg("run").output().unwrap();
    let line = refused(output, 1);
    assert!(line.contains("127.0.0.1:10199") && line.contains("--listen"), "{line}");
}

#[test]
fn a_second_daemon_does_not_harm_the_first() {
    require_kernel!();
    let (a, b) = pair();
    let daemon = Daemon::start(&a, "[kernel]\ntick = \"100ms\"\ntc = \"clsact\"\n");
    refused(a.command(NETMON).arg("run").output().unwrap(), 1);
    send(&b, "b0", 100);
    daemon.await_packets("a0", "ingress", 100);
    assert_eq!(filters(&a, "a0", "ingress"), 1);
    daemon.stop();
}

#[test]
fn what_is_no_configuration_ends_the_start() {
    require_kernel!();
    let namespace = NetNs::new();
    let directory = TempDir::new().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("tick"), "[kernel]\ntick = \"1h\"\n").unwrap();
    namespace.run(["mkfifo", &path("fifo")]);
    for (file, said) in [
        (path("tick"), "tick:2"),
        (path("fifo"), "is no regular file"),
        (path(""), "is a directory"),
        (path("missing"), "there is no such file"),
    ] {
        let output = namespace.command(NETMON).args(["run", "--config", &file]).output().unwrap();
        let line = refused(output, 78);
        assert!(line.contains(said), "{line}");
    }
}

#[test]
fn without_privilege_the_rest_is_served_and_one_line_says_what_is_missing() {
    require_kernel!();
    let directory = TempDir::new().unwrap();
    let binary = public_binary(&directory);
    for capabilities in [&[][..], &["net_admin", "perfmon"], &["bpf", "perfmon"]] {
        let namespace = NetNs::new();
        let nobody = || as_nobody(&namespace, capabilities);
        for arguments in [&["doctor"][..], &["check", "--attach"]] {
            let output = nobody().arg(&binary).args(arguments).output().unwrap();
            let text = |bytes| String::from_utf8(bytes).unwrap();
            let (out, line) = (text(output.stdout), text(output.stderr));
            assert_eq!(output.status.code(), Some(77), "{arguments:?}: {line}");
            assert!(line.lines().count() == 1 && names_what_is_needed(&line), "{line}");
            assert!(out.contains("tc_ingress         MISSING"), "{out}");
        }
        let mut command = nobody();
        command.arg(&binary);
        let daemon = Daemon::spawn_by(&namespace, command, "", |_| {});
        assert_degraded(&daemon, names_what_is_needed);
        daemon.stop();
    }
}

fn names_what_is_needed(line: &str) -> bool {
    ["CAP_BPF", "CAP_NET_ADMIN", "CAP_PERFMON"].iter().all(|needed| line.contains(needed))
}

/// Asserts that a daemon that counts no packet says so, once, and serves what it has.
fn assert_degraded(daemon: &Daemon<'_>, says_why: impl Fn(&str) -> bool) {
    let answer = deadline::until("it serves", || daemon.get("/-/ready"));
    assert_eq!(answer.status, 503);
    assert!(answer.body.contains("tc_ingress") || answer.body.contains("lo ("), "{answer:?}");
    assert_eq!(daemon.get("/-/healthy").unwrap().status, 200);
    let log = daemon.log();
    let warnings: Vec<&str> = log.lines().filter(|line| line.contains("WARN")).collect();
    assert!(warnings.len() == 1 && says_why(warnings[0]), "{log}");
    assert!(daemon.get("/").unwrap().body.contains("Blind"), "the status page says it");

    let metrics = daemon.metrics();
    for present in [
        r#"netmon_program_attached{program="tc_ingress"} 0"#,
        r#"netmon_interface_up{device="lo"} 1"#,
        "netmon_tcp_segments_sent_total{",
        r#"netmon_tcp_syncookies_total{result="sent"} 0"#,
        r#"netmon_detector_trusted{detector="syn_flood"} 0"#,
    ] {
        assert!(metrics.contains(present), "{present}: {metrics}");
    }
    for absent in ["netmon_interface_packets_total{", "netmon_tcp_flags_total{"] {
        assert!(!metrics.contains(absent), "0 would be a lie: {absent}: {metrics}");
    }
    // The scrapes themselves are connections.
    let opened = "netmon_tcp_connections_opened_total{";
    let first = |metrics: &str| {
        let line = metrics.lines().find(|line| line.starts_with(opened)).unwrap().to_owned();
        line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()
    };
    if metrics.contains(r#"netmon_program_attached{program="connection"} 0"#) {
        deadline::until_true("connections are counted", || first(&daemon.metrics()) > 0.0);
    }
}

#[test]
fn nobody_with_three_capabilities_counts() {
    require_kernel!();
    let directory = TempDir::new().unwrap();
    let binary = public_binary(&directory);
    for tc in ["auto", "clsact"] {
        let (a, b) = pair();
        let mut command = as_nobody(&a, &ALL);
        command.arg(&binary);
        let configuration = format!("[kernel]\ntick = \"100ms\"\ntc = \"{tc}\"\n");
        let mut daemon = Daemon::spawn_by(&a, command, &configuration, |_| {});
        daemon.await_ready();
        send(&b, "b0", 100);
        send(&a, "a0", 100);
        daemon.await_packets("a0", "ingress", 100);
        daemon.await_packets("a0", "egress", 100);
        for program in ["reset_received", "reset_sent", "retransmit", "retransmit_synack"] {
            assert!(hook(&daemon, program)["mechanism"].is_string(), "{program}");
        }
        daemon.signal("HUP");
        daemon.stop();
        assert_eq!(filters(&a, "a0", "ingress"), 0);
    }
}

#[test]
fn a_device_that_comes_later_is_waited_for() {
    require_kernel!();
    let (a, b) = (NetNs::new(), NetNs::new());
    let configuration = "[kernel]\ntick = \"100ms\"\n";
    let mut daemon = Daemon::spawn(&a, configuration, |command| {
        command.args(["--interface", "nosuch0"]);
    });
    let answer = deadline::until("it serves", || daemon.get("/-/ready"));
    assert_eq!(answer.status, 503);
    assert!(answer.body.contains("no device matches"), "{answer:?}");
    let log = daemon.log();
    let warning = log.lines().find(|line| line.contains("WARN")).unwrap();
    assert!(warning.contains("nosuch0"), "{log}");
    let trusted = r#"netmon_detector_trusted{detector="syn_flood"}"#;
    assert_eq!(daemon.value(trusted), Some(0.0));
    assert_eq!(daemon.get("/-/healthy").unwrap().status, 200);

    veth(&a, "nosuch0", &b, "b0");
    daemon.await_ready();
    assert_eq!(daemon.interface("nosuch0").unwrap()["counting"], true);
    assert!(daemon.interface("lo").is_none());
    a.run(["ip", "link", "del", "nosuch0"]);
    deadline::until_true("it is blind again", || {
        daemon.get("/-/ready").is_some_and(|answer| answer.status == 503)
    });
    daemon.stop();
}

#[test]
fn without_types_of_the_kernel_only_what_reads_them_is_missing() {
    require_kernel!();
    let (a, b) = pair();
    let hidden = without(&a, "mount -t tmpfs none /sys/kernel/btf");
    let mut daemon = Daemon::spawn_by(&a, hidden, "[kernel]\ntick = \"100ms\"\n", |_| {});
    daemon.await_ready();
    send(&b, "b0", 100);
    daemon.await_packets("a0", "ingress", 100);
    let retransmit = hook(&daemon, "retransmit");
    assert_eq!(retransmit["mechanism"], Value::Null);
    for refused in retransmit["refused"].as_array().unwrap() {
        assert!(refused["why"].as_str().unwrap().contains("BTF"), "{retransmit}");
    }
    assert!(hook(&daemon, "reset_sent")["mechanism"].is_string());
    let metrics = daemon.metrics();
    assert!(metrics.contains("netmon_tcp_resets_total{"), "{metrics}");
    assert!(!metrics.contains("netmon_tcp_retransmits_total{kind=\"other\""), "0 would be a lie");
    assert!(!metrics.contains("netmon_tcp_retransmits_total{kind=\"syn\""), "0 would be a lie");
    daemon.stop();
    let output = without(&a, "mount -t tmpfs none /sys/kernel/btf").arg("doctor").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("MISSING"), "{text}");
}

#[test]
fn without_settings_of_the_kernel_packets_are_counted() {
    require_kernel!();
    for change in [
        "mount -t tmpfs none /proc/sys",
        "mount -o bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys",
    ] {
        let (a, b) = pair();
        let hidden = without(&a, change);
        let mut daemon = Daemon::spawn_by(&a, hidden, "[kernel]\ntick = \"100ms\"\n", |_| {});
        daemon.await_ready();
        send(&b, "b0", 100);
        daemon.await_packets("a0", "ingress", 100);
        assert!(hook(&daemon, "reset_received")["mechanism"].is_string(), "{change}");
        daemon.stop();
    }
    let namespace = NetNs::new();
    let hidden = "mount -t tmpfs none /sys";
    let says_why = |line: &str| {
        line.contains("/sys/devices/system/cpu/possible") && line.contains("mount sysfs")
    };
    let output = without(&namespace, hidden).arg("doctor").output().unwrap();
    let line = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(69), "{line}");
    assert!(says_why(&line), "{line}");
    let daemon = Daemon::spawn_by(&namespace, without(&namespace, hidden), "", |_| {});
    assert_degraded(&daemon, says_why);
    daemon.stop();
}

#[test]
fn where_tcx_is_full_clsact_counts() {
    require_kernel!();
    let (a, b) = pair();
    let mut others = Vec::new();
    for direction in ["ingress", "egress"] {
        for _ in 0..62 {
            let options = TcAttachOptions::TcxOrder(LinkOrder::default());
            others.push(Foreign::attach(&a, "one of many", direction, options));
        }
    }
    let daemon = Daemon::start(&a, "[kernel]\ntick = \"100ms\"\n");
    assert_eq!(filters(&a, "a0", "ingress"), 0, "one more has a place");
    daemon.stop();
    for direction in ["ingress", "egress"] {
        let options = TcAttachOptions::TcxOrder(LinkOrder::default());
        others.push(Foreign::attach(&a, "the last one", direction, options));
    }
    let daemon = Daemon::start(&a, "[kernel]\ntick = \"100ms\"\n");
    assert_eq!([filters(&a, "a0", "ingress"), filters(&a, "a0", "egress")], [1, 1]);
    send(&b, "b0", 100);
    send(&a, "a0", 100);
    daemon.await_packets("a0", "ingress", 100);
    daemon.await_packets("a0", "egress", 100);
    assert!(others.iter().all(|other| other.packets() == 100));
    daemon.stop();
    drop(others);
    let daemon = Daemon::start(&a, "[kernel]\ntc = \"tcx\"\n");
    assert_eq!(daemon.interface("a0").unwrap()["counting"], true);
    daemon.stop();
}

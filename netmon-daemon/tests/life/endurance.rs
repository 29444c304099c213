//! What must not grow, and what time that is taken away does.

use std::{fs, time::Duration};

use crate::{
    daemon::Daemon,
    deadline,
    frames::{pair, send},
    netns::{NetNs, require_kernel},
    objects,
};

/// Open descriptors of a process.
fn descriptors(daemon: &Daemon<'_>) -> usize {
    fs::read_dir(format!("/proc/{}/fd", daemon.pid())).unwrap().count()
}

/// Resident memory of a process, in KiB.
fn resident(daemon: &Daemon<'_>) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Creates pairs of devices and deletes them again, `rounds` times, and waits
/// until the daemon has followed.
fn churn(namespace: &NetNs, daemon: &Daemon<'_>, rounds: usize) {
    for round in 0..rounds / 10 {
        let add = |pair| {
            format!(
                "link add x{pair} type veth peer name y{pair}
"
            )
        };
        let up = |pair| {
            format!(
                "link set x{pair} up
"
            )
        };
        let pairs: Vec<String> = (0..10).flat_map(|pair| [add(pair), up(pair)]).collect();
        namespace.ip_batch(&pairs.concat());
        if round == 0 {
            deadline::until_true("new devices are watched", || daemon.interface("y9").is_some());
        }
        let ends: Vec<String> = (0..10).map(|pair| format!("link del x{pair}\n")).collect();
        namespace.ip_batch(&ends.concat());
    }
    namespace.ip_batch("link add last0 type veth peer name last1\n");
    deadline::until_true("the last device is watched", || daemon.interface("last1").is_some());
    namespace.ip_batch("link del last0\n");
    deadline::until_true("only two are left", || {
        daemon.value(r#"netmon_map_entries{map="slots"}"#) == Some(2.0)
    });
}

#[test]
fn devices_that_come_and_go_leave_nothing() {
    require_kernel!();
    let (a, b) = pair();
    // With shorter ticks the memory of a minute is larger, and still fills up.
    let daemon = Daemon::start(&a, "");
    // Once for what is allocated at first use.
    churn(&a, &daemon, 50);
    let before = (descriptors(&daemon), resident(&daemon), objects::held(daemon.pid()));
    send(&b, "b0", 500);
    churn(&a, &daemon, 200);
    send(&b, "b0", 500);
    daemon.await_packets("a0", "ingress", 1000);
    // A connection of the test may be open for a moment.
    deadline::until_true("there are no more descriptors", || descriptors(&daemon) <= before.0);
    assert_eq!(objects::held(daemon.pid()), before.2, "objects in the kernel");
    let after = resident(&daemon);
    assert!(after <= before.1 + 1024, "resident: {} KiB, then {after} KiB", before.1);
    let log = daemon.log();
    assert!(log.lines().count() < 100, "{log}");
    // Of the host as a whole it also hears what other tests do.
    let mut own = log.lines().filter(|line| !line.contains("red flag"));
    assert!(!own.any(|line| line.contains("ERROR") || line.contains("WARN")), "{log}");
    daemon.stop();
}

#[test]
fn a_stopped_daemon_counts_what_it_missed() {
    require_kernel!();
    let (a, b) = pair();
    let daemon = Daemon::start(&a, "");
    let missed = "netmon_poll_missed_total";
    let before = daemon.value(missed).unwrap();
    daemon.signal("STOP");
    send(&b, "b0", 500);
    deadline::pass(Duration::from_secs(3));
    daemon.signal("CONT");
    daemon.await_value(missed, |value| value >= before + 2.0);
    daemon.await_packets("a0", "ingress", 500);
    assert_eq!(daemon.get("/-/healthy").unwrap().status, 200);
    assert_eq!(daemon.get("/-/ready").unwrap().status, 200);
    // It is back in step.
    daemon.await_value("netmon_poll_lag_seconds", |lag| lag < 0.5);
    assert!(daemon.value(missed).unwrap() <= before + 6.0);
    daemon.stop();
}

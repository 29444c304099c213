//! Red flags over the life of the daemon: what it does to itself raises none, and loses
//! none.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    process::Stdio,
    time::Duration,
};

use serde_json::Value;

use crate::{
    daemon::{Daemon, run},
    deadline,
    frames::{Flow, pair, scan},
    netns::{NetNs, Running, require_kernel},
};

const LOAD: &str = include_str!("load.py");
const TICKS: &str = r#"netmon_poll_duration_seconds_count{stage="read"}"#;
const QUICK: &str = "[kernel]\ntick = \"100ms\"\n";

/// Connections that are opened and accepted until they are stopped.
struct Load {
    asking: Running,
    _serving: Running,
}

impl Load {
    /// From the second namespace to the first.
    fn start(a: &NetNs, b: &NetNs) -> Self {
        a.run(["ip", "addr", "add", "10.9.9.1/24", "dev", "a0"]);
        b.run(["ip", "addr", "add", "10.9.9.2/24", "dev", "b0"]);
        let spawn = |namespace: &NetNs, verb| {
            let mut command = namespace.command("python3");
            command.args(["-c", LOAD, verb, "10.9.9.1", "80"]);
            Running::spawn(command.stdin(Stdio::piped()).stdout(Stdio::piped()))
        };
        let mut serving = spawn(a, "serve");
        let mut line = String::new();
        BufReader::new(serving.0.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        Self { asking: spawn(b, "ask"), _serving: serving }
    }

    /// Ends it and says how many connections there were.
    fn stop(mut self) -> u64 {
        drop(self.asking.0.stdin.take());
        let mut text = String::new();
        self.asking.0.stdout.take().unwrap().read_to_string(&mut text).unwrap();
        text.trim().parse().unwrap()
    }
}

/// The red flags about packets of the namespace: of the host as a whole a daemon also
/// hears what other tests do.
fn flags(daemon: &Daemon<'_>) -> Vec<Value> {
    let answer = deadline::until("it answers", || daemon.get("/api/v1/red-flags"));
    let document: Value = serde_json::from_str(&answer.body).unwrap();
    let flags = document["red_flags"].as_array().unwrap().iter();
    let of_packets =
        |flag: &&Value| !flag["vantage"].is_null() || flag["detector"] == "stealth_scan";
    flags.filter(of_packets).cloned().collect()
}

#[test]
fn twenty_restarts_under_load_raise_nothing() {
    require_kernel!();
    let (a, b) = pair();
    let load = Load::start(&a, &b);
    let flow = Flow::start(&b, "b0");
    for round in 0..20 {
        let mut daemon = Daemon::start(&a, QUICK);
        // More than a window of a second and the ticks before and behind it.
        daemon.await_value(TICKS, |ticks| ticks >= 14.0);
        assert_eq!(flags(&daemon), Vec::<Value>::new(), "round {round}");
        if round % 2 == 0 {
            daemon.stop();
        } else {
            daemon.signal("KILL");
            daemon.await_end();
        }
    }
    let (frames, connections) = (flow.stop(), load.stop());
    assert!(frames > 1000 && connections > 1000, "{frames}, {connections}: that is no load");
}

#[test]
fn what_happens_to_the_daemon_loses_no_flag() {
    require_kernel!();
    let (a, b) = pair();
    let load = Load::start(&a, &b);
    let daemon = Daemon::start(&a, QUICK);
    scan(&b, "b0", 40);
    let the_one = |daemon: &Daemon<'_>| {
        let mut flags = flags(daemon);
        assert_eq!(flags.len(), 1, "{flags:?}");
        flags.remove(0)
    };
    deadline::until_true("the scan is seen", || {
        flags(&daemon).iter().any(|flag| flag["severity"] == "critical")
    });
    let raised = the_one(&daemon);
    assert_eq!((&raised["detector"], &raised["active"]), (&"stealth_scan".into(), &true.into()));
    let is_it = |flag: &Value| ["id", "raised_at", "active"].map(|key| flag[key].clone());
    let reload = |configuration: &str, seen: &dyn Fn(&Value) -> bool| {
        fs::write(daemon.file(), configuration).unwrap();
        daemon.signal("HUP");
        deadline::until_true("the reload is seen", || seen(&the_one(&daemon)));
    };

    // A list of exemptions, which is not about it.
    let exempt = "[detectors.stealth_scan]\nexempt = [\"198.51.100.0/24\"]\nwarning = 4\n";
    reload(&format!("{QUICK}{exempt}"), &|_| {
        let threshold = r#"netmon_detector_threshold{detector="stealth_scan",severity="warning"}"#;
        daemon.value(threshold) == Some(4.0)
    });
    assert_eq!(is_it(&the_one(&daemon)), is_it(&raised));

    // As long as a suspend is for a process, but for the clock.
    daemon.signal("STOP");
    deadline::pass(Duration::from_secs(3));
    daemon.signal("CONT");
    let ticks = daemon.value(TICKS).unwrap();
    daemon.await_value(TICKS, |now| now >= ticks + 20.0);
    assert_eq!(is_it(&the_one(&daemon)), is_it(&raised));

    // Silenced it is shown, and nobody is told.
    let active = r#"netmon_red_flag_active{detector="stealth_scan",severity="critical"}"#;
    assert_eq!(daemon.value(active), Some(1.0));
    let silences = "[red_flags]\nsilences = [\"stealth_scan until 2999-12-31\", \
                    \"rst_storm until 2020-01-01\"]\n";
    reload(&format!("{QUICK}{silences}"), &|flag| flag["silenced"] == true);
    assert_eq!(is_it(&the_one(&daemon)), is_it(&raised));
    daemon.await_value(active, |value| value == 0.0);

    let log = daemon.log();
    let lines: Vec<&str> =
        log.lines().filter(|line| line.contains("red flag raised detector=stealth_scan")).collect();
    assert!((1..=2).contains(&lines.len()), "a warning may come before: {log}");
    for field in [
        " severity=critical ",
        " subject=10.9.0.1 ",
        " id=1 ",
        " window_seconds=60 ",
        " evidence=\"segments=",
        " confirm=\"timeout 10 tcpdump -ni any -c 200 ",
        " runbook=docs/runbooks/NetmonStealthScan.md",
    ] {
        assert!(lines[lines.len() - 1].contains(field), "{field}: {lines:?}");
    }
    let over: Vec<&str> = log.lines().filter(|line| line.contains("does nothing")).collect();
    assert!(over.len() == 1 && over[0].contains("rst_storm until 2020-01-01"), "{log}");

    let (status, text, why) = run(&a, ["explain", "1"]);
    assert_eq!(status, Some(0), "{why}");
    assert!(text.contains("  Red flag 1, critical, raised, silenced: 10.9.0.1"), "{text}");
    let (status, _, why) = run(&b, ["explain", "1"]);
    assert_eq!(status, Some(1));
    assert!(why.contains("no netmon answers at 127.0.0.1:10199"), "{why}");
    assert!(load.stop() > 100);
    daemon.stop();
}

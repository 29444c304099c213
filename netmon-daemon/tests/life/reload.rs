//! Another configuration while the daemon runs: no count is lost, and what is
//! wrong changes nothing.

use std::{collections::BTreeMap, fs, net::TcpListener};

use netmon_common::scope::Scope;

use crate::{
    daemon::{Daemon, ask, value},
    deadline,
    frames::{Flow, pair, send},
    netns::{NetNs, require_kernel, veth},
    notify::Manager,
    objects::filters,
};

const SUCCESS: &str = "netmon_config_reload_success";
const WARNING: &str = r#"netmon_detector_threshold{detector="syn_flood",severity="warning"}"#;

fn change(daemon: &Daemon<'_>, configuration: &str) {
    fs::write(daemon.file(), configuration).unwrap();
    daemon.signal("HUP");
}

#[test]
fn a_hundred_reloads_lose_no_count() {
    require_kernel!();
    let (a, b) = pair();
    veth(&a, "c0", &a, "c1");
    // A reload is faster than a tick: however many there are, ticks go on.
    let configurations = [
        "[kernel]\ntick = \"150ms\"\n[interfaces]\nexclude = [\"c0\"]\n[log]\nlevel = \"error\"\n\
         [scopes]\ncontainer = [\"10.9.0.0/30\"]\n[detectors.syn_flood]\nwarning = 200\n",
        "[kernel]\ntick = \"100ms\"\n[interfaces]\ninclude = [\"*\", \"a0\"]\n[log]\nlevel = \
         \"info\"\n[detectors.syn_flood]\nwarning = 300\n[detectors.rst_storm]\nenabled = false\n",
    ];
    let manager = Manager::new();
    let daemon = Daemon::spawn(&a, configurations[1], |command| manager.manage(command));
    manager.until("READY=1");
    let ticks = r#"netmon_poll_duration_seconds_count{stage="read"}"#;
    let ticked = daemon.value(ticks).unwrap();
    let flows = [Flow::start(&a, "a0"), Flow::start(&b, "b0")];
    for round in 0..100 {
        change(&daemon, configurations[round % 2]);
        manager.until("RELOADING=1");
        manager.until("READY=1");
    }
    assert!(daemon.value(ticks).unwrap() > ticked, "reloads keep the daemon from counting");
    let [sent, received] = flows.map(Flow::stop);
    assert!(sent > 1000 && received > 1000, "{sent} and {received} frames are no traffic");
    daemon.await_packets("a0", "egress", sent);
    daemon.await_packets("a0", "ingress", received);
    let series = r#"netmon_interface_packets_total{device="a0",direction="egress"}"#;
    assert_eq!(daemon.value(series), Some(sent as f64));
    // Half of the frames are IPv4 from and to private addresses, but for those that
    // passed while their network was one of containers.
    for (direction, all) in [("egress", sent), ("ingress", received)] {
        let of = |scope| scoped(&daemon, direction, scope, "ipv4");
        assert!(of("private") > 0 && of("container") > 0, "{direction}");
        assert_eq!(of("private") + of("container"), all / 2, "{direction}");
    }
    assert_eq!(daemon.value(SUCCESS), Some(1.0));
    assert_eq!(daemon.value(WARNING), Some(300.0));
    let unexplained = r#"netmon_audit_unexplained_total{signal="packet_classes"}"#;
    assert_eq!(daemon.value(unexplained), Some(0.0));
    assert_eq!(daemon.interface("c0").unwrap()["counting"], true);
    daemon.stop();
}

/// Packets of this scope and IP version at the boundary.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
fn scoped(daemon: &Daemon<'_>, direction: &str, scope: &str, family: &str) -> u64 {
    let scrape = daemon.metrics();
    ["tcp", "udp", "icmp", "other"]
        .iter()
        .filter_map(|protocol| {
            let series = format!(
                "netmon_host_packets_total{{direction=\"{direction}\",scope=\"{scope}\",\
                 family=\"{family}\",protocol=\"{protocol}\"}}"
            );
            value(&scrape, &series)
        })
        .sum::<f64>() as u64
}

#[test]
fn networks_have_their_scope_from_a_reload_on() {
    require_kernel!();
    let (a, b) = pair();
    let daemon = Daemon::start(&a, "[kernel]\ntick = \"100ms\"\n");
    let (mut sent, mut expected) = (0, BTreeMap::new());
    for (number, (scopes, ipv4, ipv6)) in [
        ("", "private", "private"),
        ("container = [\"10.9.0.0/16\", \"fd00::/64\"]", "container", "container"),
        ("container = [\"10.9.0.0/30\"]\npublic = [\"10.0.0.0/8\"]", "container", "private"),
        ("private = [\"2000::/3\"]\npublic = [\"fd00::1/128\"]", "private", "public"),
        ("", "private", "private"),
    ]
    .iter()
    .enumerate()
    {
        let warning = 200 + number;
        change(
            &daemon,
            &format!(
                "[kernel]\ntick = \"100ms\"\n[scopes]\n{scopes}\n\
                 [detectors.syn_flood]\nwarning = {warning}\n"
            ),
        );
        daemon.await_value(WARNING, |value| value == warning as f64);
        send(&a, "a0", 100);
        send(&b, "b0", 100);
        sent += 100;
        *expected.entry((*ipv4, "ipv4")).or_default() += 50;
        *expected.entry((*ipv6, "ipv6")).or_default() += 25;
        for direction in ["egress", "ingress"] {
            daemon.await_packets("a0", direction, sent);
            for scope in Scope::LABELS {
                for family in ["ipv4", "ipv6"] {
                    let found = scoped(&daemon, direction, scope, family);
                    let right = expected.get(&(*scope, family)).copied().unwrap_or(0);
                    assert_eq!(found, right, "{direction} {scope} {family} with {scopes:?}");
                }
            }
        }
    }
    daemon.stop();
}

#[test]
fn what_is_invalid_changes_nothing_and_is_seen() {
    require_kernel!();
    let namespace = NetNs::new();
    let good = |warning: u32| {
        format!("[kernel]\ntick = \"100ms\"\n[detectors.syn_flood]\nwarning = {warning}\n")
    };
    let daemon = Daemon::start(&namespace, &good(150));
    assert_eq!(daemon.value(SUCCESS), Some(1.0));
    for (old, (bad, said)) in (150..).zip([
        ("[kernel\n", "netmon.toml:1"),
        ("[kernel]\ntick = \"1s\"\ntikc = \"1s\"\n", "netmon.toml:3"),
        ("[detectors.syn_flod]\nwarning = 9\n", "did you mean"),
        ("\n[kernel]\ntick = 7\n", "netmon.toml:3"),
        ("[kernel]\ntick = \"1ms\"\n", "netmon.toml:2"),
        ("[detectors.syn_flood]\nwarning = 9\ncritical = 8\n", "above"),
        (
            "[web]\nlisten = [\"192.0.2.1:10199\"]\n[detectors.syn_flood]\nwarning = 9\n",
            "192.0.2.1",
        ),
    ]) {
        let new = old + 1;
        let logged = daemon.log().len();
        change(&daemon, bad);
        daemon.await_value(SUCCESS, |value| value == 0.0);
        assert_eq!(daemon.value(WARNING), Some(f64::from(old)), "{bad}");
        let log = daemon.log().split_off(logged);
        let lines: Vec<&str> = log.lines().filter(|line| line.contains("ERROR")).collect();
        assert!(lines.len() == 1 && lines[0].contains(said), "{bad}: {log}");
        change(&daemon, &good(new));
        daemon.await_value(SUCCESS, |value| value == 1.0);
        assert_eq!(daemon.value(WARNING), Some(f64::from(new)), "{bad}");
    }
    fs::remove_file(daemon.file()).unwrap();
    daemon.signal("HUP");
    daemon.await_value(SUCCESS, |value| value == 0.0);
    assert_eq!(daemon.value(WARNING), Some(157.0));
    daemon.stop();
}

#[test]
fn the_address_changes_or_the_old_one_stays() {
    require_kernel!();
    let namespace = NetNs::new();
    let listen =
        |address: &str| format!("[kernel]\ntick = \"100ms\"\n[web]\nlisten = [\"{address}\"]\n");
    let status = |port| ask(&namespace, port, "GET", "/-/ready").map(|answer| answer.status);
    let daemon = Daemon::start(&namespace, &listen("127.0.0.1:10199"));
    change(&daemon, &listen("127.0.0.1:10200"));
    deadline::until_true("the new port serves", || status(10200) == Some(200));
    deadline::until_true("the old port is closed", || status(10199).is_none());
    change(&daemon, &listen("0.0.0.0:10200"));
    deadline::until_true("everybody is served", || daemon.log().contains("0.0.0.0:10200"));
    assert_eq!(status(10200), Some(200));

    let _other = namespace.enter(|| TcpListener::bind("127.0.0.1:10201").unwrap());
    change(&daemon, &listen("127.0.0.1:10201"));
    let refused = "cannot listen on 127.0.0.1:10201";
    deadline::until_true("the port in use is reported", || daemon.log().contains(refused));
    assert_eq!(status(10200), Some(200));
    deadline::until_true("the metric says so", || {
        let scrape = ask(&namespace, 10200, "GET", "/metrics").unwrap();
        value(&scrape.body, SUCCESS) == Some(0.0)
    });
    daemon.stop();
}

#[test]
fn a_post_reloads_where_that_is_allowed() {
    require_kernel!();
    let namespace = NetNs::new();
    let allowed = "[web]\nenable_lifecycle = true\n[detectors.syn_flood]\nwarning = 123\n";
    let daemon = Daemon::start(&namespace, "");
    let post = || daemon.ask(netmon::config::DEFAULT_PORT, "POST", "/-/reload").unwrap();
    fs::write(daemon.file(), allowed).unwrap();
    assert_eq!(post().status, 403);
    daemon.signal("HUP");
    daemon.await_value(WARNING, |value| value == 123.0);
    fs::write(daemon.file(), allowed.replace("123", "124")).unwrap();
    let answer = post();
    assert_eq!(answer.status, 200, "{answer:?}");
    daemon.await_value(WARNING, |value| value == 124.0);
    fs::write(daemon.file(), allowed.replace("123", "true")).unwrap();
    let answer = post();
    assert_eq!(answer.status, 500, "{answer:?}");
    assert!(answer.body.contains("netmon.toml:4"), "{answer:?}");
    assert_eq!(daemon.get("/-/reload").unwrap().status, 405);
    daemon.stop();
}

#[test]
fn another_mechanism_takes_over() {
    require_kernel!();
    let (a, b) = pair();
    let forced = |tc: &str| format!("[kernel]\ntick = \"100ms\"\ntc = \"{tc}\"\n");
    let daemon = Daemon::start(&a, &forced("auto"));
    for (round, (tc, own)) in
        [("clsact", 1), ("auto", 0), ("clsact", 1), ("tcx", 0)].iter().enumerate()
    {
        change(&daemon, &forced(tc));
        deadline::until_true(tc, || filters(&a, "a0", "ingress") == *own);
        deadline::until_true(tc, || filters(&a, "a0", "egress") == *own);
        let mechanism = if *own == 1 { "clsact" } else { "tcx" };
        deadline::until_true(mechanism, || {
            daemon.get("/api/v1/hooks").unwrap().body.contains(&format!("\"{mechanism}\""))
        });
        send(&b, "b0", 100);
        send(&a, "a0", 100);
        daemon.await_packets("a0", "ingress", 100 * (round as u64 + 1));
        daemon.await_packets("a0", "egress", 100 * (round as u64 + 1));
    }
    daemon.stop();
    assert_eq!(filters(&a, "a0", "ingress"), 0);
}

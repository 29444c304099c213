//! `netmon doctor` and `netmon check --attach`: they say what this kernel
//! allows, and leave it as it was.

use std::fs;

use aya::programs::{SchedClassifier, TcAttachType};
use netmon::signal::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    daemon::run,
    netns::{NetNs, require_kernel, veth},
    objects::filters,
};

/// Programs at a device by TCX.
fn tcx_programs(namespace: &NetNs, device: &str) -> usize {
    let sides = [TcAttachType::Ingress, TcAttachType::Egress];
    namespace.enter(|| {
        let at = |side| SchedClassifier::query_tcx(device, side).unwrap().1.len();
        sides.map(at).iter().sum()
    })
}

fn assert_untouched(namespace: &NetNs) {
    for device in ["lo", "a0", "a1"] {
        assert_eq!(tcx_programs(namespace, device), 0, "{device}");
        assert_eq!(filters(namespace, device, "ingress"), 0, "{device}");
        assert_eq!(filters(namespace, device, "egress"), 0, "{device}");
    }
}

#[test]
fn doctor_tells_of_every_hook() {
    require_kernel!();
    let namespace = NetNs::new();
    veth(&namespace, "a0", &namespace, "a1");
    let (status, json, error) = run(&namespace, ["doctor", "--json"]);
    assert_eq!((status, error.as_str()), (Some(0), ""), "{json}");
    let report: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(report["version"], 1);
    let hooks = report["hooks"].as_array().unwrap();
    let names: Vec<&str> = hooks.iter().map(|hook| hook["program"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "tc_ingress",
            "tc_egress",
            "congestion",
            "connection",
            "drop",
            "reset_received",
            "reset_sent",
            "retransmit",
            "retransmit_synack",
            "dns",
            "attempts"
        ]
    );
    for hook in hooks {
        let mut keys: Vec<&str> = hook.as_object().unwrap().keys().map(String::as_str).collect();
        keys.sort_unstable();
        let expected = ["measures", "mechanism", "program", "refused", "verified_instructions"];
        assert_eq!(keys, expected);
        assert!(!hook["measures"].as_str().unwrap().is_empty(), "{hook}");
        for refused in hook["refused"].as_array().unwrap() {
            for key in ["mechanism", "why", "fix"] {
                assert!(!refused[key].as_str().unwrap().is_empty(), "{hook}");
            }
        }
        // What is attached, or the reason why it is not.
        assert!(
            hook["mechanism"].is_string() || hook["refused"] != serde_json::json!([]),
            "{hook}"
        );
    }
    assert!(hooks[0]["mechanism"].is_string() && hooks[1]["mechanism"].is_string(), "{json}");
    let signals = report["signals"].as_array().unwrap();
    let sources: Vec<(&str, bool)> = signals
        .iter()
        .map(|it| (it["signal"].as_str().unwrap(), it["source"].is_string()))
        .collect();
    let all: Vec<&str> = Signal::ALL.iter().map(|signal| signal.label()).collect();
    assert_eq!(sources.iter().map(|(name, _)| *name).collect::<Vec<_>>(), all);
    for (name, measured) in &sources {
        let signal = signals.iter().find(|it| it["signal"] == **name).unwrap();
        assert!(*measured || signal["better"] != serde_json::json!([]), "{signal}");
        assert_eq!(signal["rung"].is_u64(), *measured, "{signal}");
    }
    for (signal, source) in [("sockets", "sock_diag"), ("kernel_counters", "proc_net")] {
        let found = signals.iter().find(|it| it["signal"] == signal).unwrap();
        assert_eq!((&found["source"], &found["rung"]), (&source.into(), &1.into()), "{found}");
    }
    let (status, text, _) = run(&namespace, ["doctor"]);
    assert_eq!(status, Some(0));
    for name in names.into_iter().chain(all) {
        assert!(text.lines().any(|line| line.starts_with(name)), "{name}: {text}");
    }
    assert_untouched(&namespace);
}

#[test]
fn a_check_with_attaching_leaves_nothing_attached() {
    require_kernel!();
    let namespace = NetNs::new();
    veth(&namespace, "a0", &namespace, "a1");
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("netmon.toml");
    let check = |configuration: &str| {
        fs::write(&file, configuration).unwrap();
        let outcome = run(&namespace, ["check", "--attach", "--config", file.to_str().unwrap()]);
        assert_untouched(&namespace);
        outcome
    };
    for mechanism in ["auto", "clsact"] {
        let (status, text, error) = check(&format!("[kernel]\ntc = \"{mechanism}\"\n"));
        assert_eq!((status, error.as_str()), (Some(0), ""), "{mechanism}: {text}");
        for device in ["lo", "a0", "a1"] {
            assert!(text.contains(&format!("\n{device}: counting\n")), "{text}");
        }
    }
    let (status, _, error) = check("[interfaces]\ninclude = [\"nosuch0\"]\n");
    assert_eq!(status, Some(1), "{error}");
    assert!(error.contains("no device matches interfaces.include"), "{error}");
    let (status, text, _) = check("[interfaces]\ninclude = [\"nosuch\", 1]\n");
    assert_eq!((status, text.as_str()), (Some(78), ""));

    namespace.run(["tc", "qdisc", "del", "dev", "a1", "clsact"]);
    namespace.run(["tc", "qdisc", "add", "dev", "a1", "ingress"]);
    let (status, text, error) = check("[kernel]\ntc = \"clsact\"\n");
    assert_eq!(status, Some(69), "{error}");
    assert!(error.lines().count() == 1 && error.contains("a1") && !error.contains("a0"), "{error}");
    assert!(text.contains("a1: NOT counting"), "{text}");
}

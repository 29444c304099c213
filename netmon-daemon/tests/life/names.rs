//! Devices whose names are bytes that somebody chose to do harm.

use std::{
    ffi::{OsStr, OsString},
    io::Write as _,
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
    process::{Command, Stdio},
};

use crate::{
    daemon::Daemon,
    deadline,
    frames::send,
    netns::{NetNs, require_kernel, veth},
};

const FRAMES: u64 = 40;

/// A name as netmon shows it in JSON, once JSON's own escapes are undone.
const NAMES: [(&[u8], &str); 12] = [
    (b"q\"uote'", "q\"uote'"),
    (b"back\\slash\\n", "back\\slash\\n"),
    (b"{br}=1,x", "{br}=1,x"),
    (b"a\"} 1", "a\"}1"),
    (b"\x01\x02x", "\x01\x02x"),
    (b"\x1b[31mred", "\x1b[31mred"),
    (b"\x7fdel", "\x7fdel"),
    (b"nm\xff", "nm\\xff"),
    (b"nm\xfe", "nm\\xfe"),
    (b"nm\\xff", "nm\\\\xff"),
    ("\u{202e}rtl".as_bytes(), "\u{202e}rtl"),
    (b"$(id)`<b>'", "$(id)`<b>'"),
];

fn name(bytes: &[u8]) -> OsString {
    // White space is the one thing that the kernel does not take.
    OsString::from_vec(bytes.iter().copied().filter(|byte| *byte != b' ').collect())
}

fn assert_accepted_by_promtool(metrics: &str) {
    let mut command = Command::new("promtool");
    command.args(["check", "metrics"]).stdin(Stdio::piped());
    let mut promtool = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // It ends at the first line that is wrong, and then says so.
    let _ = promtool.stdin.take().unwrap().write_all(metrics.as_bytes());
    let output = promtool.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn assert_one_line_each(log: &str, format: &str) {
    for line in log.lines() {
        assert!(!line.contains(char::is_control), "{line:?}");
        let begins = if format == "json" { "{" } else { "20" };
        assert!(line.starts_with(begins), "{line:?}");
        if format == "json" {
            serde_json::from_str::<serde_json::Value>(line).unwrap();
        }
    }
}

#[test]
fn any_name_is_counted_and_harms_nothing() {
    require_kernel!();
    for format in ["text", "json"] {
        let (a, b) = (NetNs::new(), NetNs::new());
        for namespace in [&a, &b] {
            namespace.sysctl("net/ipv6/conf/all/disable_ipv6", "1");
            namespace.sysctl("net/ipv6/conf/default/disable_ipv6", "1");
        }
        let peers: Vec<String> = (0..NAMES.len()).map(|index| format!("p{index}")).collect();
        let (before, after) = NAMES.split_at(NAMES.len() / 2);
        for ((bytes, _), peer) in before.iter().zip(&peers) {
            veth(&a, name(bytes), &b, peer);
        }
        let configuration = format!(
            "[kernel]\ntick = \"100ms\"\n[log]\nformat = \"{format}\"\nlevel = \"debug\"\n"
        );
        let daemon = Daemon::start(&a, &configuration);
        for ((bytes, _), peer) in after.iter().zip(&peers[before.len()..]) {
            veth(&a, name(bytes), &b, peer);
        }
        for ((_, shown), peer) in NAMES.iter().zip(&peers) {
            deadline::until_true(shown, || daemon.interface(shown).is_some());
            assert_eq!(daemon.interface(shown).unwrap()["counting"], true, "{shown:?}");
            send(&b, peer, FRAMES);
        }
        for (_, shown) in NAMES {
            daemon.await_packets(shown, "ingress", FRAMES);
        }
        let metrics = daemon.metrics();
        assert_accepted_by_promtool(&metrics);
        let rows = metrics.lines().filter(|line| {
            line.starts_with("netmon_interface_packets_total{")
                && line.ends_with(&format!(" {FRAMES}"))
        });
        assert_eq!(rows.count(), NAMES.len(), "{metrics}");
        let page = daemon.get("/").unwrap();
        assert!(page.status == 200 && !page.body.contains("<b>") && !page.body.contains('\x1b'));

        // Rename one to the worst, and take another away.
        let first = name(NAMES[0].0);
        a.run([
            OsStr::new("ip"),
            OsStr::new("link"),
            OsStr::new("set"),
            OsStr::new("dev"),
            &first,
            OsStr::new("name"),
            OsStr::from_bytes(b"\x1b]0;x\x07\"\xfd"),
        ]);
        let renamed = "\x1b]0;x\x07\"\\xfd";
        deadline::until_true("it is renamed", || daemon.interface(renamed).is_some());
        b.run(["ip", "link", "del", "p5"]);
        deadline::until_true("it is gone", || daemon.interface(NAMES[5].1).is_none());
        assert_accepted_by_promtool(&daemon.metrics());
        assert_one_line_each(&daemon.log(), format);
        assert!(daemon.log().contains("vanished"), "{}", daemon.log());
        daemon.stop();
    }
}

#[test]
fn clsact_says_where_it_cannot_count() {
    require_kernel!();
    let (a, b) = (NetNs::new(), NetNs::new());
    veth(&a, name(b"nm\xff"), &b, "p0");
    veth(&a, name(b"\x1b[2J\"\\"), &b, "p1");
    let daemon = Daemon::start(&a, "[kernel]\ntick = \"100ms\"\ntc = \"clsact\"\n");
    assert_eq!(daemon.interface("\x1b[2J\"\\").unwrap()["counting"], true);
    let device = daemon.interface("nm\\xff").unwrap();
    assert_eq!(device["counting"], false, "{device}");
    assert!(device["not_counting_because"].as_str().unwrap().contains("UTF-8"), "{device}");
    assert_accepted_by_promtool(&daemon.metrics());
    assert_one_line_each(&daemon.log(), "text");
    daemon.stop();
}

//! What the eBPF crate promises in its shape; the compiled object is tested
//! where it is loaded.

use crate::{code::code, none, tree};

/// Lines that the body of an entry point may have.
const ENTRY_LINES: usize = 5;

/// Maps whose size and keys the daemon alone decides; and the ring through which names of
/// DNS messages leave, which has no keys, and on which no count depends.
const MAPS: [&str; 4] = ["Array", "PerCpuArray", "ProgramArray", "RingBuf"];

/// The one map with keys that the kernel makes: the host's own open connections,
/// of which a request that nobody answers is none.
const KEYED: &str = "static CONNECTIONS: HashMap";

/// The entry points of a source: attribute, name and lines of the function.
fn entries(code: &str) -> Vec<(&str, Vec<&str>)> {
    let kinds =
        ["classifier", "btf_tracepoint", "raw_tracepoint", "kprobe", "tracepoint", "sock_ops"];
    let lines: Vec<_> = code.lines().collect();
    let marked = |line: &str| {
        kinds.iter().any(|kind| line.strip_prefix("#[").is_some_and(|rest| rest.starts_with(kind)))
    };
    let starts = (0..lines.len()).filter(|at| marked(lines[*at]));
    starts
        .map(|at| {
            let body = lines[at + 1..].iter().skip_while(|line| line.starts_with("#["));
            let end = body.clone().position(|line| *line == "}").map_or(0, |end| end + 1);
            (lines[at], body.take(end).copied().collect())
        })
        .collect()
}

#[test]
fn entry_points_are_shells() {
    let mut problems = Vec::new();
    let mut seen = 0;
    for file in tree::rust("netmon-ebpf/src/hooks/") {
        let code = code(&file.text);
        for (attribute, body) in entries(&code) {
            seen += 1;
            if body.len() > ENTRY_LINES + 2 {
                problems.push(format!(
                    "{}: {}: an entry point has at most {ENTRY_LINES} lines; move the work below it",
                    file.path, body[0]
                ));
            }
            let verdict = body.iter().rev().nth(1).map(|line| line.trim());
            if attribute.starts_with("#[classifier") && verdict != Some("TC_ACT_UNSPEC") {
                problems.push(format!(
                    "{}: {}: must end in TC_ACT_UNSPEC, so that no packet is touched",
                    file.path, body[0]
                ));
            }
        }
    }
    assert!(seen > 0, "no entry point was found; does `entries` know its attribute?");
    none("entry points are shells without a verdict", &problems);
}

#[test]
fn the_hook_table_equals_the_folder() {
    let table = tree::read("netmon-daemon/src/kernel/hooks.rs");
    let rows = table.lines().filter_map(|line| {
        line.strip_prefix("        name: \"").and_then(|rest| rest.strip_suffix("\","))
    });
    let rows: Vec<_> = rows.collect();
    let mut problems = Vec::new();
    for file in tree::rust("netmon-ebpf/src/hooks/") {
        let name = file.path.rsplit('/').next().unwrap().trim_end_matches(".rs");
        // Packets are hooked per device, not once; sock_ops stands in for another.
        if !["mod", "sock_ops", "tc"].contains(&name) && !rows.contains(&name) {
            problems.push(format!("netmon-daemon/src/kernel/hooks.rs: add a row for {name}"));
        }
    }
    for row in &rows {
        let path = format!("netmon-ebpf/src/hooks/{row}.rs");
        let hook = std::fs::read_to_string(tree::root().join(&path)).unwrap_or_default();
        for rung in ["tp_btf", "raw_tp", "kprobe"] {
            if !hook.contains(&format!("fn {row}_{rung}(")) {
                problems.push(format!("{path}: the table wants a program {row}_{rung}"));
            }
        }
    }
    assert!(!rows.is_empty(), "no row was found; does this test know the table?");
    none("every hook has a row and its programs", &problems);
}

#[test]
fn traffic_cannot_make_a_key() {
    let code = code(&tree::read("netmon-ebpf/src/maps.rs"));
    let mut problems = Vec::new();
    for line in code.lines().filter(|line| line.contains("static ")) {
        let kind =
            line.split(": ").nth(1).and_then(|kind| kind.split(['<', ' ']).next()).unwrap_or(line);
        if !MAPS.contains(&kind) && !line.contains(KEYED) {
            problems.push(format!(
                "netmon-ebpf/src/maps.rs: {kind}: only {MAPS:?} cannot fill up; say in this test why another kind is bounded"
            ));
        }
    }
    none("the maps are arrays", &problems);
}

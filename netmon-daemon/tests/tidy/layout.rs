//! What lies where: the fixed top level, and how long a file may be.

use crate::{code::code, none, tree};

/// All that may lie at the top, beside dotfiles and build output.
const TOP: [&str; 15] = [
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-GPL2",
    "LICENSE-MIT",
    "Makefile",
    "README.md",
    "deploy",
    "docs",
    "netmon-common",
    "netmon-daemon",
    "netmon-ebpf",
    "systemd",
];

/// How many lines a source file may have.
const MAX_LINES: usize = 400;

#[test]
fn the_top_level_is_fixed() {
    let mut problems = Vec::new();
    for file in tree::files() {
        let top = file.path.split('/').next().unwrap();
        if !top.starts_with('.') && !TOP.contains(&top) {
            problems.push(format!(
                "{}: no place for it at the top; see docs/ARCHITECTURE.md",
                file.path
            ));
        }
    }
    none("the top level holds only what is listed", &problems);
}

#[test]
fn a_file_can_be_read_in_one_sitting() {
    let mut problems = Vec::new();
    for file in tree::files() {
        let lines = file.lines().count();
        let source = ["rs", "sh", "py"].iter().any(|extension| file.is(extension));
        if source && lines > MAX_LINES {
            problems.push(format!(
                "{} has {lines} lines, {MAX_LINES} are allowed: split it by its nouns",
                file.path
            ));
        }
    }
    none("source files are short", &problems);
}

#[test]
fn a_file_is_named_after_its_noun() {
    let vague = ["utils", "util", "helpers", "helper", "common", "misc", "types"];
    let mut problems = Vec::new();
    for file in tree::rust("netmon-") {
        let name = file.path.rsplit('/').next().unwrap().trim_end_matches(".rs");
        let folder = file.folder().rsplit('/').next().unwrap();
        if vague.contains(&name) || vague.contains(&folder) {
            problems.push(format!("{}: name it after the thing inside", file.path));
        }
    }
    none("no file is named after nothing", &problems);
}

/// Files that may contain `unsafe`, each a whole file of it: the kernel side,
/// and what crosses to the kernel. Add a file only when its job is that.
const UNSAFE: [&str; 6] = [
    "netmon-ebpf/src/",
    "netmon-daemon/src/kernel/sys.rs",
    "netmon-daemon/tests/differential/ring.rs",
    "netmon-daemon/tests/life/objects.rs",
    "netmon-daemon/tests/verifier/load.rs",
    "netmon-daemon/benches/cost/flood.rs",
];

#[test]
fn unsafe_is_where_it_is_reviewed() {
    let mut problems = Vec::new();
    for file in tree::rust("netmon-") {
        let reviewed = UNSAFE.iter().any(|listed| file.path.starts_with(listed));
        for (number, line) in code(&file.text).lines().enumerate() {
            if !reviewed && crate::code::words(line).any(|word| word == "unsafe") {
                problems.push(format!(
                    "{}:{}: unsafe is only in {UNSAFE:?}; do without it, or list the file with a reason",
                    file.path,
                    number + 1
                ));
            }
        }
    }
    none("unsafe code is in few, reviewed files", &problems);
}

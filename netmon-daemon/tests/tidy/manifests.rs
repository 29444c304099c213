//! Every crate has the lints and the limits of the workspace.

use crate::{none, tree};

/// The lines of a TOML table, without comments and blank lines, sorted.
fn table<'a>(manifest: &'a str, header: &str) -> Option<Vec<&'a str>> {
    let mut lines = manifest.lines().skip_while(|line| line.trim() != header).skip(1);
    manifest.lines().any(|line| line.trim() == header).then(|| {
        let mut table: Vec<_> = lines
            .by_ref()
            .take_while(|line| !line.starts_with('['))
            .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
            .collect();
        table.sort_unstable();
        table
    })
}

/// The crates in `key` of the root manifest, which is one line.
fn crates(key: &str) -> Vec<String> {
    let manifest = tree::read("Cargo.toml");
    let start = format!("{key} = [");
    let line = manifest
        .lines()
        .find_map(|line| line.strip_prefix(&start))
        .unwrap_or_else(|| panic!("Cargo.toml: `{key}` must be a list on one line"));
    line.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn members_inherit_the_lints() {
    let mut problems = Vec::new();
    for member in crates("members") {
        let path = format!("{member}/Cargo.toml");
        if table(&tree::read(&path), "[lints]") != Some(vec!["workspace = true"]) {
            problems.push(format!("{path}: write `[lints]` and below it `workspace = true`"));
        }
    }
    none("every member has the lints of the workspace", &problems);
}

#[test]
fn excluded_crates_repeat_the_lints() {
    let root = tree::read("Cargo.toml");
    let mut problems = Vec::new();
    for excluded in crates("exclude") {
        let path = format!("{excluded}/Cargo.toml");
        let manifest = tree::read(&path);
        for tool in ["rust", "clippy"] {
            let wanted = table(&root, &format!("[workspace.lints.{tool}]"));
            let header = format!("[lints.{tool}]");
            if table(&manifest, &header) != wanted {
                problems.push(format!("{path}: {header} must say what the root Cargo.toml says"));
            }
        }
        for key in ["edition", "rust-version", "publish"] {
            let said = |manifest: &str| {
                let line = manifest.lines().find(|line| line.starts_with(&format!("{key} =")));
                line.map(str::to_owned)
            };
            if said(&manifest) != said(&root) {
                problems.push(format!("{path}: `{key}` must be that of the root Cargo.toml"));
            }
        }
    }
    none("excluded crates repeat what they cannot inherit", &problems);
}

#[test]
fn the_shared_crate_is_bare() {
    let library = tree::read("netmon-common/src/lib.rs");
    let manifest = tree::read("netmon-common/Cargo.toml");
    let mut problems = Vec::new();
    for attribute in ["#![no_std]", "#![forbid(unsafe_code)]"] {
        if !library.lines().any(|line| line == attribute) {
            problems.push(format!("netmon-common/src/lib.rs: {attribute} is missing"));
        }
    }
    if table(&manifest, "[dependencies]").is_some_and(|table| !table.is_empty()) {
        problems
            .push("netmon-common/Cargo.toml: what runs in the kernel depends on nothing".into());
    }
    none("netmon-common is no_std, safe and alone", &problems);
}

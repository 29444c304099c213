//! Folders and the tables that list their files agree, so that a new unit is
//! one file and one word.

use std::collections::BTreeSet;

use crate::{
    code::{code, words},
    none, tree,
};

/// Folders that hold one unit per file, listed by a table in their `mod.rs`:
/// folder, and the macro that makes the table.
const TABLES: [(&str, &str); 2] =
    [("netmon-daemon/src/detect", "detectors"), ("netmon-daemon/src/metrics", "groups")];

/// The modules that a source declares with `mod name;`.
fn declared(code: &str) -> BTreeSet<String> {
    let words: Vec<_> = words(code).collect();
    let declares = |name: &str| code.contains(&format!("mod {name};"));
    let pairs = words.windows(2).filter(|pair| pair[0] == "mod" && declares(pair[1]));
    pairs.map(|pair| pair[1].to_owned()).collect()
}

/// The words between the braces of `name! { ... }`, in order.
fn listed(code: &str, name: &str) -> Vec<String> {
    let start = format!("\n{name}! {{");
    let Some((_, after)) = code.split_once(&start) else { return Vec::new() };
    let inside = after.split_once("\n}").map_or(after, |(inside, _)| inside);
    words(inside).map(str::to_owned).collect()
}

/// The modules that lie in `folder`: `name.rs` and `name/mod.rs`.
fn present(folder: &str) -> BTreeSet<String> {
    let start = format!("{folder}/");
    let files = tree::rust(&start);
    let inside = files.iter().filter_map(|file| file.path.strip_prefix(&start));
    inside
        .filter_map(|path| match path.split_once('/') {
            None => path.strip_suffix(".rs"),
            Some((module, _)) => Some(module),
        })
        .filter(|module| !["mod", "lib", "main", "bin"].contains(module))
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_file_is_compiled() {
    let roots = ["netmon-common/src", "netmon-ebpf/src", "netmon-daemon/src"];
    let mut problems = Vec::new();
    for root in roots {
        let manifest = tree::read(&format!("{}/Cargo.toml", root.trim_end_matches("/src")));
        let mut folders: BTreeSet<String> =
            tree::rust(root).iter().map(|file| file.folder().to_owned()).collect();
        folders.remove(&format!("{root}/bin"));
        for folder in folders {
            let heads: String = tree::rust(&format!("{folder}/"))
                .iter()
                .filter(|file| file.folder() == folder)
                .filter(|file| {
                    ["mod.rs", "lib.rs", "main.rs"].iter().any(|head| file.path.ends_with(head))
                })
                .map(|file| code(&file.text))
                .collect();
            let mut known = declared(&heads);
            // A program of its own is named by the manifest.
            known.extend(manifest.lines().filter_map(|line| {
                line.strip_prefix("path = \"src/")?.strip_suffix(".rs\"").map(str::to_owned)
            }));
            if let Some((_, table)) = TABLES.iter().find(|(listed, _)| *listed == folder) {
                known.extend(listed(&heads, table));
            }
            for lost in present(&folder).difference(&known) {
                problems.push(format!(
                    "{folder}/{lost}: no table and no `mod` names it, so it is dead"
                ));
            }
        }
    }
    none("every source file is part of its crate", &problems);
}

#[test]
fn tables_are_sorted_and_complete() {
    let mut problems = Vec::new();
    for (folder, table) in TABLES {
        let code = code(&tree::read(&format!("{folder}/mod.rs")));
        let units = listed(&code, table);
        let frame = declared(&code);
        if units.is_empty() || !units.is_sorted() {
            problems.push(format!(
                "{folder}/mod.rs: `{table}!` must list its files in alphabetical order"
            ));
        }
        let units: BTreeSet<_> = units.into_iter().collect();
        let files: BTreeSet<_> = present(folder).difference(&frame).cloned().collect();
        for lost in files.difference(&units) {
            problems.push(format!("{folder}/mod.rs: add `{lost}` to `{table}!`"));
        }
        for gone in units.difference(&files) {
            problems.push(format!("{folder}/mod.rs: `{table}!` lists `{gone}`, which has no file"));
        }
    }
    none("a table lists exactly the files of its folder", &problems);
}

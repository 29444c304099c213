//! Captures of real traffic, where they are at hand: in the folder that
//! `NETMON_CAPTURES` names, or in `../shared/captures` beside the checkout.
//!
//! Must not be needed: a test without them says SKIPPED.
//!
//! A test program mounts this file at its root with `#[path] mod captures;`.

use std::{
    collections::HashMap,
    env, fs,
    path::{Path, PathBuf},
};

/// Words of the manifest and the detectors that answer them, where the names
/// differ.
const WORDS: &[(&str, &[&str])] = &[
    ("syn_unanswered", &["connect_failures", "syn_flood"]),
    ("synack_reflection", &["reflection"]),
    ("frag_flood", &["fragment_flood"]),
    ("dns_large_responses", &["dns_large_messages", "reflection"]),
    ("dns_oversize_tcp", &["dns_large_messages"]),
    ("dns_query_flood", &["dns_flood"]),
];

/// A row of the manifest by its columns, and its capture.
pub(crate) struct Row {
    pub(crate) columns: HashMap<String, String>,
    pub(crate) path: PathBuf,
}

/// The rows whose captures are there; none, having said so, where there is no folder.
#[expect(clippy::print_stdout, reason = "a test says what it skips")]
pub(crate) fn rows() -> Option<Vec<Row>> {
    let Some(folder) = folder() else {
        println!("SKIPPED: no captures: set NETMON_CAPTURES to a folder with a manifest.tsv");
        return None;
    };
    let manifest = fs::read_to_string(folder.join("manifest.tsv")).unwrap();
    let mut lines = manifest.lines().map(|line| line.split('\t').map(str::to_owned));
    let header: Vec<String> = lines.next().unwrap().collect();
    let rows = lines.map(|line| {
        let columns: HashMap<String, String> = header.iter().cloned().zip(line).collect();
        Row { path: folder.join(&columns["file"]), columns }
    });
    let rows: Vec<Row> = rows.filter(|row| row.path.exists()).collect();
    assert!(!rows.is_empty(), "{} names no file that is there", folder.display());
    Some(rows)
}

fn folder() -> Option<PathBuf> {
    if let Some(folder) = env::var_os("NETMON_CAPTURES") {
        return Some(folder.into());
    }
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/captures");
    beside.is_dir().then_some(beside)
}

impl Row {
    /// What a column says.
    pub(crate) fn text(&self, column: &str) -> &str {
        &self.columns[column]
    }

    /// The words for what must be raised.
    pub(crate) fn must_raise(&self) -> impl Iterator<Item = &str> {
        self.text("must_raise").split([',', '|']).filter(|word| !word.is_empty())
    }

    /// The detectors that may raise something.
    pub(crate) fn allowed(&self) -> Vec<&str> {
        let may = self.text("may_raise").split(',').filter(|word| !word.is_empty());
        may.chain(self.must_raise()).flat_map(detectors).collect()
    }
}

/// The detectors that answer a word of the manifest.
pub(crate) fn detectors(word: &str) -> impl Iterator<Item = &str> {
    let aliases = WORDS.iter().find(|(alias, _)| *alias == word).map(|(_, names)| *names);
    aliases.unwrap_or_default().iter().copied().chain(aliases.is_none().then_some(word))
}

//! Captures of real traffic, where they are at hand, and what their manifest says of them:
//! the folder that `NETMON_CAPTURES` names, or `../shared/captures` beside the checkout.
//!
//! A test program mounts this file at its root with `#[path] mod manifest;`.

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

/// One capture: the columns of the manifest by name, and where the file is.
pub(crate) struct Row {
    pub(crate) columns: HashMap<String, String>,
    pub(crate) path: PathBuf,
}

impl Row {
    /// The words that say what must be raised.
    pub(crate) fn must(&self) -> Vec<&str> {
        let words = self.columns["must_raise"].split([',', '|']);
        words.filter(|word| !word.is_empty()).collect()
    }

    /// The detectors that may raise something.
    pub(crate) fn allowed(&self) -> Vec<&str> {
        let may = self.columns["may_raise"].split(',').filter(|word| !word.is_empty());
        may.chain(self.must()).flat_map(detectors).collect()
    }
}

/// The folder of captures.
pub(crate) fn folder() -> Option<PathBuf> {
    if let Some(folder) = env::var_os("NETMON_CAPTURES") {
        return Some(folder.into());
    }
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/captures");
    beside.is_dir().then_some(beside)
}

/// The captures of a folder that are there.
pub(crate) fn rows(folder: &Path) -> Vec<Row> {
    let manifest = fs::read_to_string(folder.join("manifest.tsv")).unwrap();
    let mut lines = manifest.lines().map(|line| line.split('\t').map(str::to_owned));
    let header: Vec<String> = lines.next().unwrap().collect();
    let rows = lines.map(|line| {
        let columns: HashMap<String, String> = header.iter().cloned().zip(line).collect();
        Row { path: folder.join(&columns["file"]), columns }
    });
    let rows: Vec<Row> = rows.filter(|row| row.path.exists()).collect();
    assert!(!rows.is_empty(), "{} names no file that is there", folder.display());
    rows
}

/// The detectors that answer a word of the manifest.
pub(crate) fn detectors(word: &str) -> impl Iterator<Item = &str> {
    let aliases = WORDS.iter().find(|(alias, _)| *alias == word).map(|(_, names)| *names);
    aliases.unwrap_or_default().iter().copied().chain(aliases.is_none().then_some(word))
}

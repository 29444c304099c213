//! Workloads by the numbers of their control groups: systemd units and containers.
//!
//! A number that is not known is looked up by one walk through the hierarchy of cgroup2,
//! at most once in a while: whoever makes control groups must not make work for us.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

/// Names that are kept.
const MOST: usize = 1024;

/// Groups that one walk looks at.
const VISITED: usize = 4096;

/// The least time between two walks.
const PACE: Duration = Duration::from_secs(30);

/// Characters of a name.
const LONGEST: usize = 64;

/// Digits of a container's name that are shown, as its tools do.
const CONTAINER: usize = 12;

/// What the control groups are called.
#[derive(Debug)]
pub struct Workloads {
    root: Option<PathBuf>,
    names: Arc<BTreeMap<u64, String>>,
    walked: Option<Instant>,
}

impl Workloads {
    /// Those below the root of cgroup2, none where it is not mounted.
    pub fn new(root: Option<PathBuf>) -> Self {
        Self { root, names: Arc::new(BTreeMap::new()), walked: None }
    }

    /// The names, after a walk if one of these numbers has none.
    pub fn names(&mut self, wanted: impl Iterator<Item = u64>) -> Arc<BTreeMap<u64, String>> {
        let unknown = wanted.into_iter().any(|id| !self.names.contains_key(&id));
        let due = self.walked.is_none_or(|walked| walked.elapsed() >= PACE);
        if unknown
            && due
            && let Some(root) = &self.root
        {
            self.walked = Some(Instant::now());
            // A name stays when its group goes: what it did is still counted.
            let mut names = BTreeMap::clone(&self.names);
            walk(root, &mut names);
            self.names = Arc::new(names);
        }
        Arc::clone(&self.names)
    }
}

/// Names the groups below a folder, the nearest first.
fn walk(root: &Path, names: &mut BTreeMap<u64, String>) {
    let mut folders = vec![root.to_owned()];
    let mut visited = 0;
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if !is_folder || names.len() >= MOST || visited >= VISITED {
                continue;
            }
            visited += 1;
            if let Ok(metadata) = entry.metadata() {
                names.insert(metadata.ino(), name(&entry.path()));
            }
            folders.push(entry.path());
        }
    }
}

/// The unit or container to which a group belongs: its own last part, or that of the
/// nearest unit above it.
fn name(path: &Path) -> String {
    let parts: Vec<_> = path.iter().filter_map(|part| part.to_str()).collect();
    // systemd's own words, in its own case.
    let is_unit = |part: &&&str| ["service", "scope"].iter().any(|it| suffix(part) == Some(*it));
    let unit = parts.iter().rev().find(is_unit).or(parts.last());
    let unit = unit.copied().unwrap_or_default();
    let stem = unit.strip_suffix(".scope").unwrap_or(unit);
    let shown = match stem.rsplit_once('-') {
        // docker-<64 digits>.scope, cri-containerd-<64 digits>.scope, ...
        Some((engine, id)) if id.len() >= 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            format!("{engine}-{}", id.get(..CONTAINER).unwrap_or(id))
        }
        _ => unit.to_owned(),
    };
    shown.chars().take(LONGEST).collect()
}

/// What stands behind the last dot.
fn suffix(part: &str) -> Option<&str> {
    part.rsplit_once('.').map(|(_, suffix)| suffix)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use super::*;

    #[test]
    fn units_and_containers() {
        let id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
        for (path, expected) in [
            ("/sys/fs/cgroup/system.slice/nginx.service".to_owned(), "nginx.service"),
            ("/sys/fs/cgroup/system.slice/x.service/worker".to_owned(), "x.service"),
            (format!("/sys/fs/cgroup/system.slice/docker-{id}.scope"), "docker-0123456789ab"),
            ("/sys/fs/cgroup/user.slice/session-3.scope".to_owned(), "session-3.scope"),
            ("/sys/fs/cgroup/machine".to_owned(), "machine"),
        ] {
            assert_eq!(name(Path::new(&path)), expected);
        }
    }

    #[test]
    fn a_walk_finds_numbers() {
        let root = tempfile::tempdir().unwrap();
        let unit = root.path().join("a.slice/b.service");
        fs::create_dir_all(&unit).unwrap();
        let number = fs::metadata(&unit).unwrap().ino();
        let mut workloads = Workloads::new(Some(root.path().to_owned()));
        assert_eq!(workloads.names([number].into_iter()).get(&number).unwrap(), "b.service");
        assert!(Workloads::new(None).names([number].into_iter()).is_empty());
    }
}

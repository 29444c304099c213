//! A copy of the workspace that can be changed and built.
//!
//! It lies below the build output, so that nothing is left behind elsewhere, and
//! has a build output of its own: cargo does not tell the crates of two copies
//! of a workspace apart. So that the libraries need not be compiled again, it
//! begins as a copy of the one that this test run has.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Folders that hold no source.
const NO_SOURCE: [&str; 4] = ["target", ".git", "corpus", "artifacts"];

/// A copy of the workspace.
pub(crate) struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// A fresh copy of the sources as they are now.
    pub(crate) fn copy() -> Self {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("extension");
        let copy = Self { root };
        for path in files(&original()) {
            let to = copy.root.join(&path);
            let text = fs::read(original().join(&path)).unwrap();
            // A file that did not change keeps its time, and need not be built
            // again when the test runs again.
            if fs::read(&to).ok().as_ref() != Some(&text) {
                fs::create_dir_all(to.parent().unwrap()).unwrap();
                fs::write(&to, text).unwrap();
            }
        }
        let here = files(&original());
        for gone in files(&copy.root).iter().filter(|path| !here.contains(path)) {
            fs::remove_file(copy.root.join(gone)).unwrap();
        }
        copy.warm();
        copy
    }

    /// Copies what was compiled for this test run, once. Times are kept, and
    /// the sources of the copy are younger, so cargo builds them anew.
    fn warm(&self) {
        let target = self.root.join("target");
        if target.exists() {
            return;
        }
        for part in ["debug/deps", "debug/build", "debug/.fingerprint", "ebpf"] {
            let (from, to) = (built().join(part), target.join(part));
            if from.exists() {
                fs::create_dir_all(to.parent().unwrap()).unwrap();
                let mut cp = Command::new("cp");
                cp.args(["-a", "--reflink=auto"]).arg(from).arg(to);
                assert!(cp.status().unwrap().success(), "cp failed; is the disk full?");
            }
        }
    }

    /// Where the copy is.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Writes a new file.
    pub(crate) fn create(&self, path: &str, text: &str) {
        let path = self.root.join(path);
        assert!(!path.exists(), "{} is there already", path.display());
        fs::write(path, text).unwrap();
    }

    /// Inserts `text` behind the only place of a file that says `after`.
    pub(crate) fn insert(&self, path: &str, after: &str, text: &str) {
        let path = self.root.join(path);
        let before = fs::read_to_string(&path).unwrap();
        let places = before.matches(after).count();
        assert_eq!(places, 1, "{}: {after:?} must be there once", path.display());
        fs::write(path, before.replace(after, &format!("{after}{text}"))).unwrap();
    }

    /// The files in which the copy differs from the original.
    pub(crate) fn changes(&self) -> Vec<String> {
        let read = |root: &Path, path: &Path| fs::read(root.join(path)).ok();
        let changed = |path: &PathBuf| read(&self.root, path) != read(&original(), path);
        let changed = files(&self.root).into_iter().filter(changed);
        changed.map(|path| path.to_str().unwrap().to_owned()).collect()
    }

    /// Builds the copy.
    pub(crate) fn build(&self) {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--offline", "--locked", "--quiet", "-p", "netmon-daemon"]);
        cargo.current_dir(&self.root);
        cargo.env("CARGO_TARGET_DIR", self.root.join("target"));
        let output = cargo.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "the copy does not build:\n{said}");
    }

    /// What the `netmon` of the copy prints.
    pub(crate) fn netmon(&self, arguments: &[&str]) -> String {
        let program = self.root.join("target/debug/netmon");
        let output = Command::new(program).args(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "netmon {}: {said}", arguments.join(" "));
        String::from_utf8(output.stdout).unwrap()
    }
}

/// The workspace that is tested.
fn original() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Where the libraries were compiled for this test run: the folder above the
/// one that cargo gives to tests for their own files.
fn built() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().to_owned()
}

/// Every source file below `root`, relative to it.
fn files(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let entry = entry.unwrap();
            if !entry.file_type().unwrap().is_dir() {
                found.push(entry.path().strip_prefix(root).unwrap().to_owned());
            } else if !NO_SOURCE.iter().any(|name| entry.file_name() == *name) {
                folders.push(entry.path());
            }
        }
    }
    found
}

//! What the documents claim about the repository is there.

use crate::{none, tree};

#[test]
fn the_test_command_is_one() {
    let command = "make test";
    assert!(
        tree::read("README.md").lines().any(|line| line.trim() == command),
        "README.md: say how to test, with `{command}` on a line of its own"
    );
    assert!(
        tree::read(".ci/run").lines().any(|line| line == command),
        ".ci/run: run what README.md says: `{command}`"
    );
}

#[test]
fn the_changelog_has_room() {
    assert!(
        tree::read("CHANGELOG.md").lines().any(|line| line == "## [Unreleased]"),
        "CHANGELOG.md: keep a section `## [Unreleased]`, and write there what users will notice"
    );
}

#[test]
fn make_has_the_promised_targets() {
    let makefile = tree::read("Makefile");
    let targets = ["setup", "run", "test", "lint", "bench", "fuzz", "docs", "clean"];
    let missing =
        |target: &&&str| !makefile.lines().any(|line| line.starts_with(&format!("{target}:")));
    let problems: Vec<_> = targets
        .iter()
        .filter(missing)
        .map(|target| {
            format!("Makefile: the target `{target}` is gone; README.md and people rely on it")
        })
        .collect();
    none("make has its targets", &problems);
}

#[test]
fn links_lead_somewhere() {
    let mut problems = Vec::new();
    for file in tree::files().into_iter().filter(|file| file.is("md")) {
        for (number, line) in file.lines() {
            for link in line.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
                let path = link.split('#').next().unwrap();
                let outside = link.contains("://") || path.is_empty();
                if !outside && !tree::root().join(file.folder()).join(path).exists() {
                    problems.push(format!("{}:{number}: {path} is not there", file.path));
                }
            }
        }
    }
    none("relative links lead to files", &problems);
}

#[test]
fn paths_in_documents_exist() {
    let starts =
        ["netmon-common/", "netmon-daemon/", "netmon-ebpf/", "deploy/", "systemd/", "docs/"];
    let mut problems = Vec::new();
    for file in tree::files().into_iter().filter(|file| file.is("md")) {
        for (number, line) in file.lines() {
            for path in line.split('`').skip(1).step_by(2) {
                let claimed = starts.iter().any(|start| path.starts_with(start));
                let pattern = path.contains(['*', '<', '{', ' ', '…']);
                if claimed && !pattern && !tree::root().join(path).exists() {
                    problems.push(format!("{}:{number}: {path} is not there", file.path));
                }
            }
        }
    }
    none("documents name files that exist", &problems);
}

//! Habits of writing that clippy has no lint for.

use crate::{
    code::{code, words},
    none, tree,
};

/// Attributes that hide a fault, in pieces so that this file has none of them,
/// and what to do instead.
const BANNED: [(&str, &str); 5] = [
    (concat!("#[", "allow("), "expect the lint with a reason, or mend what it found"),
    (concat!("#![", "allow("), "expect the lint with a reason, or mend what it found"),
    (concat!("#[", "ignore"), "run it, or print SKIPPED with the reason when a tool is missing"),
    (concat!("should", "_panic"), "return the error and assert on it"),
    (
        concat!("thread::", "sleep"),
        "wait for the event; see `POLLING` in this test for the exceptions",
    ),
];

/// Files that may wait for the outside world by asking again and again, or for
/// time to pass because that is what they measure.
const POLLING: [&str; 2] =
    ["netmon-daemon/benches/cost/daemon.rs", "netmon-daemon/tests/support/deadline.rs"];

#[test]
fn every_module_says_what_it_is() {
    let mut problems = Vec::new();
    for file in tree::rust("netmon-") {
        if !file.text.starts_with("//! ") {
            problems.push(format!(
                "{}: begin with `//!`: what it does, what it must not do, its invariant",
                file.path
            ));
        }
    }
    none("every module introduces itself", &problems);
}

#[test]
fn nothing_is_silenced() {
    let mut problems = Vec::new();
    for file in tree::rust("netmon-") {
        for (number, line) in code(&file.text).lines().enumerate() {
            for (banned, instead) in BANNED {
                if line.contains(banned) && !POLLING.contains(&file.path.as_str()) {
                    problems.push(format!("{}:{}: {banned}: {instead}", file.path, number + 1));
                }
            }
        }
    }
    none("lints and tests are not silenced", &problems);
}

#[test]
fn no_leftovers() {
    let leftovers =
        [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("X", "XX"), concat!("dbg", "!")];
    let mut problems = Vec::new();
    for file in tree::files() {
        for (number, line) in file.lines() {
            let licence = file.path.starts_with("LICENSE-");
            if words(line).any(|word| leftovers.contains(&word)) && !licence {
                problems.push(format!(
                    "{}:{number}: do it, or write it down where work is kept",
                    file.path
                ));
            }
        }
    }
    none("nothing is left for later in the source", &problems);
}

/// What only the machine of one developer knows, in pieces for the same reason.
const LOCAL: [(&str, &str); 8] = [
    (concat!("/wo", "rk/"), "a path of one machine"),
    (concat!("/tm", "p/w/"), "a path of one machine"),
    (concat!("/ro", "ot/"), "a path of one machine"),
    (concat!("/ho", "me/"), "a path of one machine"),
    (concat!("deb.", "debian.org"), "a host of a package registry"),
    (concat!("index.", "crates.io"), "a host of a package registry"),
    (concat!("py", "pi.org"), "a host of a package registry"),
    (concat!("registry.", "npmjs"), "a host of a package registry"),
];

#[test]
fn nothing_is_tied_to_one_machine() {
    let mut problems = Vec::new();
    for file in tree::files() {
        for (number, line) in file.lines() {
            for (local, what) in LOCAL {
                if line.contains(local) {
                    problems.push(format!("{}:{number}: {what} does not belong here", file.path));
                }
            }
        }
    }
    none("nothing names one machine or a registry", &problems);
}

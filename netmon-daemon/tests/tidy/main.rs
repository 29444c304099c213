//! The rules of this repository that a program can check, over its source tree.
//!
//! Nothing is compiled or started here. A rule that fails says in which file,
//! what is wrong and what to do instead. What the compiler and clippy enforce
//! by themselves is not repeated.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test ends at its first surprise")]

mod code;
mod documents;
mod ebpf;
mod imports;
mod layout;
mod manifests;
mod style;
mod tables;
mod tree;

/// Fails with all of `problems`, one a line.
fn none(rule: &str, problems: &[String]) {
    assert!(problems.is_empty(), "{rule}:\n  {}", problems.join("\n  "));
}

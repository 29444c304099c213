//! What the kernel itself counted of this network namespace: the text files of
//! /proc/net, which need no program and no privilege.
//!
//! [`Reader`] reads, everything else here is pure. Nothing here judges, and
//! nothing adds the counters of one file to those of another.
//!
//! Invariant: a counter that this kernel does not have, or that could not be
//! read, is absent and never 0.

mod counters;
mod parse;
mod reader;
mod softnet;

pub use counters::{Counters, Field, Source};
pub use reader::Reader;

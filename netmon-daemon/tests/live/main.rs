//! The truth of the counters, end to end: the real binary counts real traffic of
//! real tools in namespaces of the test, and what `/metrics` says is held against
//! the kernel's own statistics and against captures of other programs.
//!
//! Must not reckon with packets that it did not cause: every comparison is of
//! what two observers saw of the same packets. Invariant: a test ends with
//! [`Netmon::stop`](daemon::Netmon::stop), which asserts that every packet was
//! in a class or had a reject reason.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

mod audit;
mod benign;
mod capture;
mod chatter;
mod churn;
mod daemon;
#[path = "../support/deadline.rs"]
mod deadline;
mod dns;
mod drops;
mod exposition;
mod flood;
mod forwarded;
mod frames;
mod gateway;
mod habits;
mod histogram;
mod ipv6;
mod ledger;
mod logins;
mod loss;
#[path = "../support/manifest.rs"]
mod manifest;
#[path = "../support/netns.rs"]
mod netns;
mod pools;
mod port_scan;
mod records;
mod reflection;
mod replayed;
mod requirement;
mod reset;
mod retransmit;
mod saturation;
mod scan;
mod stage;
mod statistics;
mod storm;
mod tagged;
mod throughput;
mod tracer;
mod tun;
mod upload;
mod verdicts;
mod web;
mod window;

//! What crosses the kernel boundary: labels, counters, histograms, keys,
//! networks.
//!
//! Everything in a map is made of `u64` words or of the explicit integer fields
//! in [`slot`]; there is no `bool`, enum, pointer or implicit padding, so both
//! sides can hold the same bytes without `unsafe`.

pub mod allowance;
pub mod attempts;
pub mod connection;
pub mod counters;
pub mod dns;
mod dns_labels;
pub mod forwarded;
pub mod histogram;
pub mod labels;
pub mod member;
pub mod native;
pub mod networks;
pub mod record;
pub mod service;
pub mod slot;
pub mod tally;
pub mod tcp;
pub mod timing;

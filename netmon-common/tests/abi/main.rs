//! What both sides of the kernel boundary must agree on: labels, counter
//! tables, histograms, slots, networks.

mod counters;
mod histogram;
mod labels;
mod native;
mod networks;
mod record;
mod slot;
mod tally;
mod timing;

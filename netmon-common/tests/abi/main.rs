//! What both sides of the kernel boundary must agree on: labels, counter
//! tables, histograms, slots.

mod counters;
mod histogram;
mod labels;
mod native;
mod slot;
mod tally;
mod timing;

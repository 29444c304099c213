//! Handshakes that pass by: how long after a SYN its SYN-ACK comes the other way.
//!
//! A SYN leaves a mark and its time in a table of fixed size; the SYN-ACK finds
//! the mark, and takes it away. Nothing else is remembered and nothing is ever
//! inserted, so a flood costs entries but no memory and no more time. What it
//! cannot know is that a SYN-ACK is lost behind us: the SYN that the client then
//! sends again counts as a handshake of its own.
//!
//! The same code runs in the kernel and over capture files.

mod flow;
mod sampling;
mod table;

pub use flow::{Flow, Keys, Step};
pub use sampling::{Sampler, Sampling};
pub use table::{Entry, SETS, Set, WAYS};

//! Counts of what is too much to list: memory that is fixed, and an error that is known.
//!
//! What the kernel does for each packet, and a replay does too, stands here; what is read
//! out of it later needs floating point and is the daemon's. Everything takes hashes, of
//! which nobody who sends packets may know the keys: else he could choose what collides.
//! Sketches of several CPUs become one by adding or merging them.

mod count_min;
mod hyper_log_log;
mod marks;
mod space_saving;

pub use count_min::CountMin;
pub use hyper_log_log::HyperLogLog;
pub use marks::Marks;
pub use space_saving::{Entry, SpaceSaving};

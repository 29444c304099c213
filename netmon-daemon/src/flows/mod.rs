//! TCP connections, one by one, as they end: what the kernel tells of those of this host,
//! and what a tracker makes of the packets of a capture.

mod record;

pub use record::{End, Record};

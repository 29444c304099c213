//! The hosts on the same links: which hardware address has which IP address, and above all
//! that of the gateways.
//!
//! [`Watch`] asks the kernel by rtnetlink; captures show ARP. Both tell [`Claims`], which
//! is pure.

mod claims;
mod hardware;
mod message;
mod watch;

pub use claims::{Change, Claims, Report};
pub use hardware::Hardware;
pub use watch::Watch;

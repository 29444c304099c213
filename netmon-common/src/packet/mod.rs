//! From bytes to a packet: the only parser netmon has.

mod parse;
mod remote;
mod transport;
mod word;
mod words;

pub use parse::{network, parse, parse_on, shortcut, shortcut_on};
pub use remote::{Remote, within};
pub use transport::Transport;
pub use word::Packet;

use crate::abi::labels::labels;

labels! {
    /// How a frame begins.
    pub enum Link {
        /// With an Ethernet header.
        Ethernet = "ethernet",
        /// With an IP header.
        Raw = "raw",
        /// With a Linux cooked header, version 1.
        CookedV1 = "cooked_v1",
        /// With a Linux cooked header, version 2.
        CookedV2 = "cooked_v2",
        /// With a BSD loopback header.
        BsdLoopback = "bsd_loopback",
        /// In a way that netmon cannot read.
        Unknown = "unknown",
    }
}

//! One file per header. Each function reads one header at an offset and says
//! where the next one begins; none of them loops without a constant bound.

#![expect(
    clippy::missing_errors_doc,
    reason = "every function here fails with a `Reject`, whose variants say when"
)]

pub mod arp;
pub mod bsd_loopback;
pub mod cooked;
pub mod dns;
pub mod ethernet;
pub mod icmp;
pub mod ipv4;
pub mod ipv6;
pub mod raw;
pub mod tcp;
pub mod udp;
pub mod vlan;

/// What a link layer says about its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Payload {
    /// EtherType of the payload; 0 when the link layer has no EtherType for it.
    pub ethertype: u16,
    /// Offset at which the payload begins.
    pub at: usize,
}

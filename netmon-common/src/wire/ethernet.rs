//! Ethernet II (IEEE 802.3, clause 3).

use super::Payload;
use crate::{bytes::Bytes, reject::Reject};

/// IPv4.
pub const ETHERTYPE_IPV4: u16 = 0x0800;
/// IPv6.
pub const ETHERTYPE_IPV6: u16 = 0x86dd;

const ETHERTYPE: usize = 12;
/// Length of the header in bytes.
pub const HEADER_LEN: usize = 14;

/// Reads the header at the start of the frame. A length field (802.3 frames)
/// is returned as it stands: no IP version has such an EtherType.
#[inline(always)]
pub fn parse<B: Bytes + ?Sized>(bytes: &B) -> Result<Payload, Reject> {
    let ethertype = bytes.be16(ETHERTYPE).ok_or(Reject::Truncated)?;
    Ok(Payload { ethertype, at: HEADER_LEN })
}

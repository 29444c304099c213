//! Frames without a link layer: tun and WireGuard devices, raw IP captures.

use super::{Payload, ethernet};
use crate::{bytes::Bytes, reject::Reject};

/// Tells the IP versions apart by their version field. What is not version 4 is
/// taken for IPv6, whose own check then rejects it.
#[inline(always)]
pub fn parse<B: Bytes + ?Sized>(bytes: &B) -> Result<Payload, Reject> {
    let first = bytes.byte(0).ok_or(Reject::Truncated)?;
    let ethertype =
        if first >> 4 == 4 { ethernet::ETHERTYPE_IPV4 } else { ethernet::ETHERTYPE_IPV6 };
    Ok(Payload { ethertype, at: 0 })
}

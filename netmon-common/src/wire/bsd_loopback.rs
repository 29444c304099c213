//! BSD loopback captures (LINKTYPE_NULL and LINKTYPE_LOOP).

use super::{Payload, ethernet};
use crate::{bytes::Bytes, reject::Reject};

const HEADER_LEN: usize = 4;
const AF_INET: u32 = 2;

/// Reads the address family, which stands in the byte order of the machine that
/// captured: small numbers show which one that was.
#[inline(always)]
pub fn parse<B: Bytes + ?Sized>(bytes: &B) -> Result<Payload, Reject> {
    let family = bytes.array::<HEADER_LEN>(0).ok_or(Reject::Truncated)?;
    let family = match family {
        [0, ..] => u32::from_be_bytes(family),
        _ => u32::from_le_bytes(family),
    };
    let ethertype = match family {
        AF_INET => ethernet::ETHERTYPE_IPV4,
        // AF_INET6 of Linux, Windows, NetBSD and OpenBSD, FreeBSD, and macOS.
        10 | 23 | 24 | 28 | 30 => ethernet::ETHERTYPE_IPV6,
        _ => 0,
    };
    Ok(Payload { ethertype, at: HEADER_LEN })
}

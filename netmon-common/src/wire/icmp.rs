//! ICMP (RFC 792) and ICMPv6 (RFC 4443, RFC 4861).

use crate::{abi::labels::IcmpClass, bytes::Bytes, reject::Reject};

/// Protocol number of ICMP.
pub const PROTOCOL_V4: u8 = 1;
/// Protocol number of ICMPv6.
pub const PROTOCOL_V6: u8 = 58;

const V4_FRAGMENTATION_NEEDED: u8 = 4;

/// Reads type and code of an ICMP message.
#[inline(always)]
pub fn parse_v4<B: Bytes + ?Sized>(bytes: &B, at: usize) -> Result<IcmpClass, Reject> {
    let [kind, code] = bytes.array(at).ok_or(Reject::Truncated)?;
    Ok(match kind {
        0 | 8 => IcmpClass::Echo,
        3 if code == V4_FRAGMENTATION_NEEDED => IcmpClass::FragNeeded,
        3 => IcmpClass::Unreachable,
        5 => IcmpClass::Redirect,
        // Router advertisement and solicitation (RFC 1256).
        9 | 10 => IcmpClass::Nd,
        11 => IcmpClass::TtlExceeded,
        _ => IcmpClass::Other,
    })
}

/// Reads the type of an ICMPv6 message.
#[inline(always)]
pub fn parse_v6<B: Bytes + ?Sized>(bytes: &B, at: usize) -> Result<IcmpClass, Reject> {
    Ok(match bytes.byte(at).ok_or(Reject::Truncated)? {
        1 => IcmpClass::Unreachable,
        2 => IcmpClass::FragNeeded,
        3 => IcmpClass::TtlExceeded,
        128 | 129 => IcmpClass::Echo,
        133..=136 => IcmpClass::Nd,
        137 => IcmpClass::Redirect,
        _ => IcmpClass::Other,
    })
}

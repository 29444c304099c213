//! IPv4 (RFC 791).

use crate::{
    bytes::Bytes,
    reject::Reject,
    scope::{self, Scope},
};

const MIN_HEADER_LEN: usize = 20;
const MORE_FRAGMENTS: u16 = 0x2000;
const FRAGMENT_OFFSET: u16 = 0x1fff;

/// What netmon keeps of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Protocol number of the payload.
    pub protocol: u8,
    /// Scope of the address that was asked for.
    pub scope: Scope,
    /// 1 if this is a fragment, first or later, else 0.
    pub fragments: u64,
    /// Whether this is a fragment other than the first.
    pub later_fragment: bool,
    /// Length of the header itself, at least 20 bytes.
    pub len: usize,
    /// Offset at which the payload begins.
    pub payload: usize,
    /// Length of the payload as the header claims it, not checked.
    pub claimed_payload_len: u16,
}

impl Header {
    /// Whether it is longer than it must be.
    #[inline(always)]
    pub const fn has_options(&self) -> bool {
        self.len > MIN_HEADER_LEN
    }
}

/// Reads an address of the header at `at`; `destination` chooses which.
#[inline(always)]
pub fn address<B: Bytes + ?Sized>(bytes: &B, at: usize, destination: bool) -> Option<[u8; 4]> {
    bytes.array(at.wrapping_add(if destination { 16 } else { 12 }))
}

/// Reads the header at `at`; `destination` chooses whose scope is returned.
#[inline(always)]
pub fn parse<B: Bytes + ?Sized>(bytes: &B, at: usize, destination: bool) -> Result<Header, Reject> {
    // One read of the fixed part: one bounds check instead of six.
    let [
        version,
        _,
        length_high,
        length_low,
        _,
        _,
        fragment_high,
        fragment_low,
        _,
        protocol,
        _,
        _,
        s0,
        s1,
        _,
        _,
        d0,
        d1,
        _,
        _,
    ] = bytes.array::<MIN_HEADER_LEN>(at).ok_or(Reject::Truncated)?;
    if version >> 4 != 4 {
        return Err(Reject::IpVersion);
    }
    let header_len = usize::from(version & 0x0f).wrapping_mul(4);
    if header_len < MIN_HEADER_LEN {
        return Err(Reject::IpHeaderLength);
    }
    let payload = at.wrapping_add(header_len);
    if header_len > MIN_HEADER_LEN && bytes.byte(payload.wrapping_sub(1)).is_none() {
        return Err(Reject::Truncated);
    }
    let fragment = u16::from_be_bytes([fragment_high, fragment_low]);
    let total_length = u16::from_be_bytes([length_high, length_low]);
    let (first, second) = if destination { (d0, d1) } else { (s0, s1) };
    Ok(Header {
        protocol,
        scope: scope::of_ipv4(first, second),
        fragments: u64::from(fragment & (MORE_FRAGMENTS | FRAGMENT_OFFSET) != 0),
        len: header_len,
        later_fragment: fragment & FRAGMENT_OFFSET != 0,
        payload,
        claimed_payload_len: total_length.wrapping_sub(u16::from(version & 0x0f).wrapping_mul(4)),
    })
}

//! UDP (RFC 768).

use crate::{bytes::Bytes, reject::Reject};

/// Length of the header, in bytes.
pub const HEADER_LEN: u16 = 8;

/// The header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Source port.
    pub source: u16,
    /// Destination port.
    pub destination: u16,
    /// Length of the payload as the header claims it, in bytes.
    pub claimed_payload_len: u16,
}

impl Header {
    /// Whether either side uses this port.
    #[inline(always)]
    pub const fn has_port(&self, port: u16) -> bool {
        self.source == port || self.destination == port
    }
}

/// Reads the header at `at`.
#[inline(always)]
pub fn parse<B: Bytes + ?Sized>(bytes: &B, at: usize) -> Result<Header, Reject> {
    let [s0, s1, d0, d1, l0, l1, _, _] = bytes.array(at).ok_or(Reject::Truncated)?;
    Ok(Header {
        source: u16::from_be_bytes([s0, s1]),
        destination: u16::from_be_bytes([d0, d1]),
        claimed_payload_len: u16::from_be_bytes([l0, l1]).saturating_sub(HEADER_LEN),
    })
}

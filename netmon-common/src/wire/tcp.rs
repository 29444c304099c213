//! TCP (RFC 9293, section 3.1).

use crate::{bytes::Bytes, reject::Reject};

/// No more data from the sender.
pub const FIN: u8 = 0x01;
/// Synchronise sequence numbers.
pub const SYN: u8 = 0x02;
/// Reset the connection.
pub const RST: u8 = 0x04;
/// Push.
pub const PSH: u8 = 0x08;
/// The acknowledgement field is significant.
pub const ACK: u8 = 0x10;
/// The urgent pointer is significant.
pub const URG: u8 = 0x20;

/// Length of a header without options, in bytes.
pub const MIN_HEADER_LEN: u16 = 20;

const DATA_OFFSET: usize = 12;

/// What netmon keeps of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The flag byte.
    pub flags: u8,
    /// Length of the header as it claims it, in bytes.
    pub claimed_len: u16,
}

/// Reads the header at `at`. It is enough that the frame reaches up to the
/// flags: a capture's snap length often ends soon after.
#[inline(always)]
pub fn parse<B: Bytes + ?Sized>(bytes: &B, at: usize) -> Result<Header, Reject> {
    let [offset, flags] = bytes.array(at.wrapping_add(DATA_OFFSET)).ok_or(Reject::Truncated)?;
    Ok(Header { flags, claimed_len: u16::from(offset >> 4).wrapping_mul(4) })
}

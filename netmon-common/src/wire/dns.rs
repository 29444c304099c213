//! The DNS message header (RFC 1035, section 4.1.1).

use crate::{abi::labels::Rcode, bytes::Bytes};

/// The port of DNS.
pub const PORT: u16 = 53;
/// The port of multicast DNS (RFC 6762).
pub const MDNS_PORT: u16 = 5353;

/// Bytes of a message that are read.
pub const READ: usize = RCODE + 1;

const FLAGS: usize = 2;
const RCODE: usize = 3;
const RESPONSE: u8 = 0x80;

/// What kind of message this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The message ends before its flags.
    Short,
    /// A query.
    Query,
    /// A response.
    Response(Rcode),
}

/// Reads the header of the message at `at`.
#[inline(always)]
pub fn parse<B: Bytes + ?Sized>(bytes: &B, at: usize) -> Kind {
    match bytes.byte(at.wrapping_add(FLAGS)) {
        None => Kind::Short,
        Some(flags) if flags & RESPONSE == 0 => Kind::Query,
        Some(_) => Kind::Response(match bytes.byte(at.wrapping_add(RCODE)).map(|b| b & 0x0f) {
            Some(0) => Rcode::NoError,
            Some(1) => Rcode::FormErr,
            Some(2) => Rcode::ServFail,
            Some(3) => Rcode::NxDomain,
            Some(4) => Rcode::NotImp,
            Some(5) => Rcode::Refused,
            _ => Rcode::Other,
        }),
    }
}

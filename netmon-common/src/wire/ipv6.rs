//! IPv6 and its extension headers (RFC 8200, section 4).

use crate::{
    bytes::Bytes,
    reject::Reject,
    scope::{self, Scope},
};

/// Extension headers that are walked. RFC 8200 sets no bound; a kernel program
/// needs one, and real chains have at most three or four.
pub const MAX_EXTENSION_HEADERS: usize = 8;

const HEADER_LEN: usize = 40;

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const DESTINATION_OPTIONS: u8 = 60;
const MOBILITY: u8 = 135;
const HIP: u8 = 139;
const SHIM6: u8 = 140;

const FRAGMENT_OFFSET: u16 = 0xfff8;
const MORE_FRAGMENTS: u16 = 1;

/// What netmon keeps of the fixed header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Number of the header that follows.
    pub next_header: u8,
    /// Scope of the address that was asked for.
    pub scope: Scope,
    /// Offset at which the next header begins.
    pub payload: usize,
    /// End of the packet as the header claims it, not checked; jumbograms claim
    /// their own beginning.
    pub claimed_end: usize,
}

/// An extension header chain, as far as it was walked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chain {
    /// Protocol number of the next header.
    pub protocol: u8,
    /// Offset at which it begins.
    pub payload: usize,
    /// Fragment headers that were met.
    pub fragments: u64,
    /// Whether this is a fragment other than the first.
    pub later_fragment: bool,
    /// Not 0 if more fragments follow, so that the payload is cut.
    pub first_fragment: u64,
}

/// Reads an address of the fixed header at `at`; `destination` chooses which.
#[inline(always)]
pub fn address<B: Bytes + ?Sized>(bytes: &B, at: usize, destination: bool) -> Option<[u8; 16]> {
    bytes.array(at.wrapping_add(if destination { 24 } else { 8 }))
}

/// Reads the fixed header at `at`; `destination` chooses whose scope is
/// returned.
#[inline(always)]
pub fn parse<B: Bytes + ?Sized>(bytes: &B, at: usize, destination: bool) -> Result<Header, Reject> {
    // One read of it all: one bounds check.
    let [version, _, _, _, l0, l1, next_header, _, addresses @ ..] =
        bytes.array::<HEADER_LEN>(at).ok_or(Reject::Truncated)?;
    if version >> 4 != 6 {
        return Err(Reject::IpVersion);
    }
    let payload = at.wrapping_add(HEADER_LEN);
    let ([from, to], []) = addresses.as_chunks::<16>() else {
        return Err(Reject::Truncated);
    };
    Ok(Header {
        next_header,
        scope: scope::of_ipv6(if destination { to } else { from }),
        payload,
        claimed_end: payload.wrapping_add(usize::from(u16::from_be_bytes([l0, l1]))),
    })
}

/// Whether this number names an extension header that has a length.
#[inline(always)]
pub const fn is_extension(next_header: u8) -> bool {
    matches!(
        next_header,
        HOP_BY_HOP
            | ROUTING
            | FRAGMENT
            | AUTHENTICATION
            | DESTINATION_OPTIONS
            | MOBILITY
            | HIP
            | SHIM6
    )
}

impl Chain {
    /// The chain behind a fixed header.
    #[inline(always)]
    pub const fn new(header: &Header) -> Self {
        Self {
            protocol: header.next_header,
            payload: header.payload,
            fragments: 0,
            later_fragment: false,
            first_fragment: 0,
        }
    }

    /// Walks the extension headers up to the payload or a later fragment.
    #[inline(always)]
    pub fn walk<B: Bytes + ?Sized>(&mut self, bytes: &B) -> Result<(), Reject> {
        for _ in 0..MAX_EXTENSION_HEADERS {
            if !is_extension(self.protocol) {
                return Ok(());
            }
            let Some([next, length, offset_high, offset_low, _, _, _, _]) =
                bytes.array::<8>(self.payload)
            else {
                // A first fragment must hold the whole chain (RFC 7112).
                let tiny = self.first_fragment != 0;
                return Err(if tiny { Reject::TinyFragment } else { Reject::Truncated });
            };
            let header_len = match self.protocol {
                FRAGMENT => {
                    let offset = u16::from_be_bytes([offset_high, offset_low]);
                    self.fragments = bytes.forget(self.fragments.wrapping_add(1));
                    self.first_fragment |= bytes.forget(u64::from(offset & MORE_FRAGMENTS));
                    if offset & FRAGMENT_OFFSET != 0 {
                        self.later_fragment = true;
                        return Ok(());
                    }
                    8
                }
                // In units of 4 bytes, minus 2 (RFC 4302, section 2.2).
                AUTHENTICATION => usize::from(length).wrapping_add(2).wrapping_mul(4),
                _ => usize::from(length).wrapping_add(1).wrapping_mul(8),
            };
            self.protocol = next;
            self.payload = bytes.forget_offset(self.payload.wrapping_add(header_len));
        }
        if is_extension(self.protocol) { Err(Reject::ExtHeaderLimit) } else { Ok(()) }
    }
}

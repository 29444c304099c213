//! One packet as a capture file holds it, and what all formats share.

use std::time::Duration;

use netmon_common::packet::Link;

/// The longest record that is read, in bytes. libpcap's own limit for any link
/// type is 128 MiB, but for the types that netmon reads it is 256 KiB; what
/// claims more than this is damage.
pub(super) const MAX_RECORD: u32 = 16 << 20;

/// A packet as it was captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record<'a> {
    /// How its bytes begin.
    pub(super) link: Link,
    /// When it was captured, since 1970; none where the format does not say.
    pub(super) at: Option<Duration>,
    /// Its length on the wire in bytes, from the link layer up.
    pub(super) wire_len: u32,
    /// The bytes that were captured.
    pub(super) bytes: &'a [u8],
}

/// How the numbers of a file are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ByteOrder {
    /// Least significant byte first.
    Little,
    /// Most significant byte first.
    Big,
}

impl ByteOrder {
    /// The 16-bit number at `at`.
    pub(super) fn u16(self, bytes: &[u8], at: usize) -> Option<u16> {
        let bytes = *bytes.get(at..)?.first_chunk()?;
        Some(match self {
            Self::Little => u16::from_le_bytes(bytes),
            Self::Big => u16::from_be_bytes(bytes),
        })
    }

    /// The 32-bit number at `at`.
    pub(super) fn u32(self, bytes: &[u8], at: usize) -> Option<u32> {
        let bytes = *bytes.get(at..)?.first_chunk()?;
        Some(match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        })
    }

    /// The 64-bit number at `at`.
    pub(super) fn u64(self, bytes: &[u8], at: usize) -> Option<u64> {
        let bytes = *bytes.get(at..)?.first_chunk()?;
        Some(match self {
            Self::Little => u64::from_le_bytes(bytes),
            Self::Big => u64::from_be_bytes(bytes),
        })
    }
}

/// The link type of a LINKTYPE number, as registered by the tcpdump group
/// (www.tcpdump.org/linktypes.html). 12 and 14 are what some systems write in
/// place of 101.
pub(super) const fn link(number: u16) -> Link {
    match number {
        0 | 108 => Link::BsdLoopback,
        1 => Link::Ethernet,
        12 | 14 | 101 | 228 | 229 => Link::Raw,
        113 => Link::CookedV1,
        276 => Link::CookedV2,
        _ => Link::Unknown,
    }
}

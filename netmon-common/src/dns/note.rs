//! What is noted of a message: where it stands, how it is seen, and all that is counted of
//! it.

use super::{Header, Identity, Keys, Lookup, Malformed};
use crate::{abi::labels::DnsTransport, bytes::Bytes};

/// How a message is seen at the device at hand. A number rather than an enum, because the
/// verifier walks every answer to a question, and none is asked of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sighting(u64);

impl Sighting {
    /// For the first time: it came from outside, or from a socket of this host.
    pub const FIRST: Self = Self(0);
    /// It was seen at another vantage before, under addresses that may have been others.
    pub const ELSEWHERE: Self = Self(1);
    /// It was seen at this vantage before.
    pub const AGAIN: Self = Self(2);

    #[inline(always)]
    pub(super) const fn to_word(self) -> u64 {
        self.0
    }

    #[inline(always)]
    pub(super) const fn from_word(word: u64) -> Self {
        Self(word)
    }

    /// The same, as [`Bytes::forget`] returns it.
    #[inline(always)]
    #[must_use]
    pub fn forgotten<B: Bytes + ?Sized>(self, bytes: &B) -> Self {
        Self(bytes.forget(self.0))
    }
}

/// Where a message stands, and what the headers before it say.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Offset of the IP header.
    pub network: usize,
    /// Its version: 1 for 6, 0 for 4. A number for the same reason.
    pub version_6: u64,
    /// Offset of the transport header.
    pub transport: usize,
    /// How the message is seen.
    pub sighting: Sighting,
    /// The number of the vantage.
    pub vantage: u64,
}

/// What is noted of one message: all that is counted of it, in four words, so that the
/// verifier can forget by which of many ways they came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Note {
    /// ID and flags of its header, its offset, and that of the IP header.
    pub header: u64,
    /// Everything else: see the fields below.
    pub facts: u64,
    /// See [`Lookup::hash`]; 0 where it is of no use.
    pub hash: u64,
    /// See [`Lookup::server`].
    pub server: u64,
}

/// Some bits of a word: the first one, and how many.
#[derive(Clone, Copy)]
pub(super) struct Field(u32, u32);

impl Field {
    #[inline(always)]
    pub(super) const fn of(self, value: u64) -> u64 {
        (value & self.mask()).wrapping_shl(self.0)
    }

    #[inline(always)]
    pub(super) const fn get(self, word: u64) -> u64 {
        word.wrapping_shr(self.0) & self.mask()
    }

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "no field has more than 16 bits")]
    pub(super) const fn index(self, word: u64) -> usize {
        self.get(word) as usize
    }

    const fn mask(self) -> u64 {
        1_u64.wrapping_shl(self.1).wrapping_sub(1)
    }
}

/// Of `header`: the offset of the message, 0 where it is not whole.
const START: Field = Field(32, 16);
/// Of `header`: the offset of the IP header.
const NETWORK: Field = Field(48, 16);

/// Of `facts`: QTYPE of a query.
pub(super) const ASKED: Field = Field(0, 16);
/// 0, or what is wrong with the message, as an index into [`Malformed::ALL`] plus 1.
pub(super) const FAULT: Field = Field(16, 3);
/// A [`Kind`](super::Kind).
pub(super) const KIND: Field = Field(19, 2);
pub(super) const TRANSPORT: Field = Field(21, 1);
pub(super) const FAMILY: Field = Field(22, 1);
pub(super) const SIGHTING: Field = Field(23, 2);
/// Whether it is part of a zone transfer.
pub(super) const TRANSFER: Field = Field(25, 1);
/// Messages that a merged buffer holds.
pub(super) const TIMES: Field = Field(26, 16);
/// Its length.
pub(super) const LEN: Field = Field(42, 16);

const _: () = assert!(Malformed::COUNT < 1 << FAULT.1 && LEN.0 + LEN.1 <= u64::BITS);

/// What a reader found out about a message, before its flow is known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    /// Its header, zeros where it has none.
    pub(super) header: Header,
    pub(super) has_header: bool,
    /// A [`Kind`](super::Kind).
    pub(super) kind: u64,
    /// QTYPE of a query.
    pub(super) asked: u64,
    /// 0, or what is wrong with it, as an index into [`Malformed::ALL`] plus 1.
    pub(super) fault: u64,
    pub(super) transport: DnsTransport,
    /// 1 for a part of a zone transfer, else 0.
    pub(super) transfer: u64,
    /// How many of them a merged buffer holds.
    pub(super) times: u64,
    /// Its offset, 0 where it is not whole.
    pub(super) at: usize,
    pub(super) len: usize,
}

impl Note {
    /// There is none.
    pub const NOTHING: Self = Self { header: 0, facts: 0, hash: 0, server: 0 };

    #[inline(always)]
    pub(super) fn new<B: Bytes + ?Sized>(
        bytes: &B,
        place: &Place,
        found: &Found,
        keys: &Keys,
    ) -> Self {
        let Place { network, version_6, transport, sighting, vantage } = *place;
        let facts = ASKED.of(found.asked)
            | FAULT.of(found.fault)
            | KIND.of(found.kind)
            | TRANSPORT.of(found.transport as u64)
            | FAMILY.of(version_6)
            | SIGHTING.of(sighting.0)
            | TRANSFER.of(found.transfer)
            | TIMES.of(found.times)
            | LEN.of(found.len as u64);
        let header =
            u64::from(found.header.word()) | START.of(found.at as u64) | NETWORK.of(network as u64);
        let mut note =
            Self { header: bytes.forget(header), facts: bytes.forget(facts), hash: 0, server: 0 };
        if found.has_header && sighting != Sighting::AGAIN {
            let kind = kind(vantage, found.transport as u64);
            let identity =
                Identity { id: found.header.id, response: found.header.is_response(), kind };
            let lookup = Lookup::read(bytes, network, version_6 != 0, transport, identity, keys);
            if let Some(lookup) = lookup {
                note.hash = lookup.hash;
                note.server = lookup.server;
            }
        }
        note.hash = bytes.forget(note.hash);
        note.server = bytes.forget(note.server);
        note
    }

    /// Whether it is a response.
    #[inline(always)]
    pub const fn is_response(&self) -> bool {
        self.header & 0x8000 != 0
    }

    /// Whether it travels over IPv6.
    #[inline(always)]
    pub const fn is_version_6(&self) -> bool {
        FAMILY.get(self.facts) != 0
    }

    /// Offset of the IP header.
    #[inline(always)]
    pub const fn network(&self) -> usize {
        NETWORK.index(self.header)
    }

    /// Its offset.
    #[inline(always)]
    pub const fn start(&self) -> usize {
        START.index(self.header)
    }

    /// Its length in bytes.
    #[inline(always)]
    pub const fn len(&self) -> usize {
        LEN.index(self.facts)
    }

    /// Whether there is nothing in it.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether TC says that it was cut to fit.
    #[inline(always)]
    pub(super) const fn is_truncated(&self) -> bool {
        self.header & 0x0200 != 0
    }
}

/// What tells lookups, or streams, apart beside addresses and ports.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "there are four vantages")]
pub(super) const fn kind(vantage: u64, more: u64) -> u16 {
    (vantage << 1 | more) as u16
}

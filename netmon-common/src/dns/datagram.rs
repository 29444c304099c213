//! What the beginning of a message over UDP says.

use super::{Header, Keys, Malformed, Note, Place, note::Found, query_type};
use crate::{abi::labels::DnsTransport, bytes::Bytes};

/// What the packet parser said of a message over UDP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It ends before it says what it is.
    Short,
    /// A query.
    Query,
    /// A response.
    Response,
}

/// The beginning of a message over UDP. It is read before anything else is looked at, and
/// kept in numbers of which the verifier knows nothing: or it would walk a name once for
/// every way to it, and all that follows once for every way a name can end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Datagram {
    /// ID and flags; from [`KIND`] on which [`Kind`] it is and, if so, that there is no header.
    header: u64,
    /// QTYPE; from [`FAULT`] on, if so, what is wrong, as an index into [`Malformed::ALL`]
    /// plus 1.
    question: u64,
    at: u64,
    len: u64,
}

const KIND: u32 = 32;
const NO_HEADER: u64 = 1 << 40;
const FAULT: u32 = 16;

impl Datagram {
    /// There is none.
    pub const NOTHING: Self = Self { header: 0, question: 0, at: 0, len: 0 };

    /// Reads the message that stands from `at` to `end`.
    #[inline(always)]
    pub fn read<B: Bytes + ?Sized>(bytes: &B, kind: Kind, at: usize, end: usize) -> Self {
        let header = Header::read(bytes, at, end);
        let question = match (kind, header) {
            (Kind::Short, _) => Err(Malformed::Short),
            (_, Err(malformed)) => Err(malformed),
            (_, Ok(header)) if !header.has_questions() => Err(Malformed::Questions),
            (Kind::Query, Ok(_)) => query_type(bytes, at, end),
            (Kind::Response, Ok(_)) => Ok(0),
        };
        let question = match question {
            Ok(number) => u64::from(number),
            Err(malformed) => (malformed.index() as u64).wrapping_add(1) << FAULT,
        };
        let header = match header {
            Ok(header) => u64::from(header.word()),
            Err(_) => NO_HEADER,
        };
        Self {
            header: bytes.forget(header | (kind as u64) << KIND),
            question: bytes.forget(question),
            at: at as u64,
            len: end.wrapping_sub(at) as u64,
        }
    }

    /// What is noted of it where it stands; `times` is how many like it a merged buffer
    /// holds.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "each part of a word")]
    pub fn note<B: Bytes + ?Sized>(
        &self,
        bytes: &B,
        place: &Place,
        times: u64,
        keys: &Keys,
    ) -> Note {
        let Self { header, question, at, len } = *self;
        let found = Found {
            header: Header::of(header as u32, 0),
            has_header: header & NO_HEADER == 0,
            kind: header >> KIND,
            asked: question,
            fault: question >> FAULT,
            transport: DnsTransport::Udp,
            transfer: 0,
            times,
            at: at as usize,
            len: len as usize,
        };
        Note::new(bytes, place, &found, keys)
    }
}

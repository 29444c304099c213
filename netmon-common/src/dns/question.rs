//! What a message over UDP asks for, as the kernel reads it: header, and the name of the
//! first question label by label.
//!
//! Stricter than [`Message`](super::Message) in one thing: the first name of a message
//! has nothing before it that it could point to.

use super::{HEADER_LEN, MAX_LABEL_LEN, MAX_NAME_LEN, Malformed};
use crate::bytes::Bytes;

/// Bytes from the beginning of a message to the end of its longest first question.
pub const LONGEST_QUESTION: usize = HEADER_LEN + MAX_NAME_LEN + TYPE_AND_CLASS;

/// Bytes behind the name of a question.
pub(super) const TYPE_AND_CLASS: usize = 4;

/// A label has at least one byte and one for its length.
const MAX_LABELS: usize = MAX_NAME_LEN / 2 + 1;

/// The header of a message that a query at least must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// ID.
    pub id: u16,
    /// The flags.
    pub flags: u16,
    /// How many questions it claims.
    pub questions: u16,
}

/// The bit of the flags that says that a message is a response.
const RESPONSE: u16 = 0x8000;
/// The bit of the flags that says that a message was cut to fit.
const TRUNCATED: u16 = 0x0200;

impl Header {
    /// Reads the header of the message that stands from `at` to `end`.
    ///
    /// # Errors
    ///
    /// [`Malformed::Short`].
    #[inline(always)]
    pub fn read<B: Bytes + ?Sized>(bytes: &B, at: usize, end: usize) -> Result<Self, Malformed> {
        if end < at.wrapping_add(HEADER_LEN) {
            return Err(Malformed::Short);
        }
        let [word, counts] = bytes.be32s(at).ok_or(Malformed::Short)?;
        Ok(Self::of(word, (counts >> 16) as u16))
    }

    /// The header that begins with this word, as [`Self::word`] returns it.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "each half of a word")]
    pub(super) const fn of(word: u32, questions: u16) -> Self {
        Self { id: (word >> 16) as u16, flags: word as u16, questions }
    }

    /// ID and flags, as they stand on the wire.
    #[inline(always)]
    pub(super) const fn word(self) -> u32 {
        (self.id as u32) << 16 | self.flags as u32
    }

    /// Whether this is a response.
    #[inline(always)]
    pub const fn is_response(&self) -> bool {
        self.flags & RESPONSE != 0
    }

    /// Whether the message was cut to fit.
    #[inline(always)]
    pub const fn is_truncated(&self) -> bool {
        self.flags & TRUNCATED != 0
    }

    /// Whether the number of questions is one that a query, or a response, can have.
    /// Responses may leave the question out, but nobody answers two.
    #[inline(always)]
    pub const fn has_questions(&self) -> bool {
        if self.is_response() { self.questions <= 1 } else { self.questions == 1 }
    }
}

/// What the length of a label says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    /// So many bytes of the label follow, at most [`MAX_LABEL_LEN`].
    Label(u8),
    /// The name ends.
    Root,
}

/// What the length of a label says, in a name with nothing before it.
#[inline(always)]
pub(super) const fn length(byte: u8) -> Result<Length, Malformed> {
    if matches!(byte as usize, 1..=MAX_LABEL_LEN) {
        Ok(Length::Label(byte))
    } else if byte == 0 {
        Ok(Length::Root)
    } else if byte >= 0xc0 {
        Err(Malformed::Pointer)
    } else {
        Err(Malformed::Label)
    }
}

/// QTYPE of the query at `at`, which ends at `end`.
///
/// # Errors
///
/// The first fault of its header or question.
#[inline(always)]
pub fn query_type<B: Bytes + ?Sized>(bytes: &B, at: usize, end: usize) -> Result<u16, Malformed> {
    let name = at.wrapping_add(HEADER_LEN);
    // One limit for both, asked once for each label: the end of the message, and the last
    // place at which the root of a name can stand.
    let limit = end.min(name.wrapping_add(MAX_NAME_LEN));
    let mut here = name;
    for _ in 0..MAX_LABELS {
        if here >= limit {
            let long = here.wrapping_sub(name) >= MAX_NAME_LEN;
            return Err(if long { Malformed::Name } else { Malformed::Cut });
        }
        let byte = bytes.byte(here).ok_or(Malformed::Cut)?;
        here = here.wrapping_add(1);
        match length(byte)? {
            Length::Root => {
                if here.wrapping_add(TYPE_AND_CLASS) > end {
                    return Err(Malformed::Cut);
                }
                return bytes.be16(here).ok_or(Malformed::Cut);
            }
            Length::Label(len) => here = here.wrapping_add(len as usize),
        }
    }
    Err(Malformed::Name)
}

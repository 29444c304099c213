//! A message as a whole: header, question, records.
//!
//! Allocates nothing, follows every count only as far as there are bytes, and
//! reads any bytes in time that their number bounds.

use super::{HEADER_LEN, Malformed, Name};
use crate::{abi::labels::labels, bytes::Bytes as _};

/// A message whose header is there.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    bytes: &'a [u8],
    header: [u8; HEADER_LEN],
}

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The name.
    pub name: Name<'a>,
    /// QTYPE.
    pub kind: u16,
    /// QCLASS.
    pub class: u16,
}

labels! {
    /// The part of a message to which a record belongs.
    pub enum Section {
        /// What was asked for.
        Answer = "answer",
        /// Who knows it, or why there is nothing.
        Authority = "authority",
        /// What may help.
        Additional = "additional",
    }
}

/// One resource record.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Its section.
    pub section: Section,
    /// Its owner.
    pub name: Name<'a>,
    /// TYPE.
    pub kind: u16,
    /// CLASS, or what OPT makes of it.
    pub class: u16,
    /// TTL in seconds, or what OPT makes of it.
    pub ttl: u32,
    /// RDATA. Names in it may be compressed.
    pub data: &'a [u8],
}

/// The records of a message, in order. After an error it ends.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Records that the header claims and that were not read, by section.
    left: [u16; Section::COUNT],
    /// What was wrong with the questions before them.
    broken: Option<Malformed>,
}

impl<'a> Message<'a> {
    /// Reads the header.
    ///
    /// # Errors
    ///
    /// When the message is shorter than that.
    pub fn new(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let header = bytes.array(0).ok_or(Malformed::Short)?;
        Ok(Self { bytes, header })
    }

    const fn word(&self, index: usize) -> u16 {
        let [i0, i1, f0, f1, q0, q1, a0, a1, n0, n1, d0, d1] = self.header;
        u16::from_be_bytes(match index {
            0 => [i0, i1],
            1 => [f0, f1],
            2 => [q0, q1],
            3 => [a0, a1],
            4 => [n0, n1],
            _ => [d0, d1],
        })
    }

    /// ID.
    pub const fn id(&self) -> u16 {
        self.word(0)
    }

    /// Whether QR says that this is a response.
    pub const fn is_response(&self) -> bool {
        self.word(1) & 0x8000 != 0
    }

    /// OPCODE: 0 is an ordinary query.
    pub const fn opcode(&self) -> u8 {
        (self.word(1) >> 11 & 0xf) as u8
    }

    /// Whether TC says that the message was cut to fit.
    pub const fn is_truncated(&self) -> bool {
        self.word(1) & 0x0200 != 0
    }

    /// RCODE, the lower four bits.
    pub const fn rcode(&self) -> u8 {
        (self.word(1) & 0xf) as u8
    }

    /// How many questions the header claims.
    pub const fn claimed_questions(&self) -> u16 {
        self.word(2)
    }

    /// How many records of a section the header claims.
    pub const fn claimed_records(&self, section: Section) -> u16 {
        self.word(3_usize.wrapping_add(section.index()))
    }

    /// The first question; none where the header claims none.
    ///
    /// # Errors
    ///
    /// When it is damaged.
    pub fn question(&self) -> Result<Option<Question<'a>>, Malformed> {
        if self.claimed_questions() == 0 {
            return Ok(None);
        }
        question(self.bytes, HEADER_LEN).map(|(question, _)| Some(question))
    }

    /// The records behind the questions.
    pub fn records(&self) -> Records<'a> {
        let left = [self.word(3), self.word(4), self.word(5)];
        let mut records = Records { bytes: self.bytes, at: HEADER_LEN, left, broken: None };
        for _ in 0..self.claimed_questions() {
            match question(self.bytes, records.at) {
                Ok((_, end)) => records.at = end,
                Err(malformed) => {
                    records.broken = Some(malformed);
                    break;
                }
            }
        }
        records
    }
}

fn question(bytes: &[u8], at: usize) -> Result<(Question<'_>, usize), Malformed> {
    let (name, at) = Name::read(bytes, at)?;
    let [k0, k1, c0, c1] = bytes.array(at).ok_or(Malformed::Cut)?;
    let question =
        Question { name, kind: u16::from_be_bytes([k0, k1]), class: u16::from_be_bytes([c0, c1]) };
    Ok((question, at.wrapping_add(4)))
}

/// Bytes between the owner of a record and its data.
const FIXED_LEN: usize = 10;

impl<'a> Records<'a> {
    /// The section of the next record, which then counts as read.
    fn section(&mut self) -> Option<Section> {
        let sections = Section::ALL.iter().zip(&mut self.left);
        let (section, left) = sections.into_iter().find(|(_, left)| **left > 0)?;
        *left = left.wrapping_sub(1);
        Some(*section)
    }

    fn record(&mut self, section: Section) -> Result<Record<'a>, Malformed> {
        let (name, at) = Name::read(self.bytes, self.at)?;
        let [k0, k1, c0, c1, t0, t1, t2, t3, l0, l1] =
            self.bytes.array::<FIXED_LEN>(at).ok_or(Malformed::Cut)?;
        let rest = self.bytes.get(at.wrapping_add(FIXED_LEN)..).ok_or(Malformed::Cut)?;
        let len = usize::from(u16::from_be_bytes([l0, l1]));
        let data = rest.get(..len).ok_or(Malformed::Cut)?;
        self.at = at.wrapping_add(FIXED_LEN).wrapping_add(len);
        Ok(Record {
            section,
            name,
            kind: u16::from_be_bytes([k0, k1]),
            class: u16::from_be_bytes([c0, c1]),
            ttl: u32::from_be_bytes([t0, t1, t2, t3]),
            data,
        })
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(malformed) = self.broken.take() {
            self.left = [0; Section::COUNT];
            return Some(Err(malformed));
        }
        let section = self.section()?;
        let record = self.record(section);
        if record.is_err() {
            self.left = [0; Section::COUNT];
        }
        Some(record)
    }
}

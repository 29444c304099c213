//! Messages in a TCP stream, each behind its length in two bytes (RFC 1035, section
//! 4.2.2), however segments cut them.
//!
//! Of each direction of a connection a few bytes are remembered: up to which byte it was
//! read, and what of its message is known so far. Segments are read in order; one that
//! was read before is passed over, and after one that is missing the next one is taken to
//! begin with a message, which is counted as a loss.

use super::{
    HEADER_LEN, Header, MAX_NAME_LEN, Malformed,
    question::{Length, TYPE_AND_CLASS, length},
};
use crate::bytes::Bytes;

/// Streams that stand in one set, of which the one that was used least lately gives way.
pub const STREAM_WAYS: usize = 4;

/// Sets in all: with 128 bytes each, 256 KiB.
pub const STREAM_SETS: u32 = 1 << STREAM_SET_BITS;

pub(super) const STREAM_SET_BITS: u32 = 11;

/// One direction of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Stream {
    /// What tells it from others of its set; 0 is a free place.
    pub(super) mark: u32,
    /// When it was used last, in seconds of about that length; 0 for one that ended.
    pub(super) used: u32,
    /// Sequence number of the byte up to which it was read.
    pub(super) next: u32,
    /// Bytes of the message that are still to come.
    left: u32,
    /// A [`Phase`].
    phase: u8,
    /// Bytes of the present field that were read.
    kept: u8,
    /// Bytes that are to be passed over before the next field.
    skip: u8,
    /// Bytes of the name so far, with the root that is still to come.
    name: u8,
    /// ID of the message.
    id: u16,
    /// Its flags.
    flags: u16,
    /// How many questions it claims.
    questions: u16,
    /// What it asks for.
    asked: u16,
    /// Its length.
    len: u16,
    /// 0, or the index of what is wrong with it plus 1.
    malformed: u8,
    /// 1 while a zone is being transferred.
    transfer: u8,
}

/// A set as it lies in memory.
pub type StreamSet = [Stream; STREAM_WAYS];

/// Words of a [`StreamSet`].
pub const STREAM_SET_WORDS: usize = size_of::<StreamSet>() / size_of::<u64>();

/// What of a stream comes next.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Phase {
    /// The length of a message.
    Length,
    /// The six bytes of its header that are read.
    Header,
    /// The length of a label of its first question.
    Name,
    /// QTYPE.
    Type,
    /// Whatever else belongs to the message.
    Rest,
}

/// A message that is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Whole {
    /// Its header; zeros where it is too short for one.
    pub header: Header,
    /// What it asks for, if it was looked at.
    pub asked: u16,
    /// Its length in bytes.
    pub len: u16,
    /// 0, or the first fault of its header or question, as an index into
    /// [`Malformed::ALL`] plus 1.
    pub fault: u8,
    /// Whether it is part of a zone transfer.
    pub transfer: bool,
}

/// Bytes of the header that are read.
const READ: u8 = 6;
/// Those that are not.
const UNREAD: u8 = 6;
const _: () = assert!(READ as usize + UNREAD as usize == HEADER_LEN);
/// Length of QCLASS.
const CLASS_LEN: u32 = 2;
const _: () = assert!(2 + CLASS_LEN as usize == TYPE_AND_CLASS);
/// QTYPE of incremental and of whole zone transfers (RFC 1995, RFC 5936).
const IXFR: u16 = 251;
const AXFR: u16 = 252;

/// A segment has bytes that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unread;

#[expect(clippy::cast_possible_truncation, reason = "lengths of labels, names and segments")]
impl Stream {
    /// A stream whose next byte has this sequence number.
    pub(super) const fn new(mark: u32, next: u32) -> Self {
        Self {
            mark,
            used: 0,
            next,
            left: 0,
            phase: Phase::Length as u8,
            kept: 0,
            skip: 0,
            name: 0,
            id: 0,
            flags: 0,
            questions: 0,
            asked: 0,
            len: 0,
            malformed: 0,
            transfer: 0,
        }
    }

    /// Whether a message is begun and not complete.
    pub(super) const fn is_within(&self) -> bool {
        self.phase != Phase::Length as u8 || self.kept != 0
    }

    /// Takes what comes next, at `next`, for the beginning of a message.
    pub(super) const fn restart(&mut self, next: u32) {
        self.next = next;
        self.enter(Phase::Length);
        self.skip = 0;
        self.left = 0;
    }

    /// Ends at `next`. It stays, or what is sent again of it would be counted again, but is
    /// the first to give way.
    pub(super) const fn end(&mut self, next: u32) {
        self.restart(next);
        self.used = 0;
        self.transfer = 0;
    }

    /// Whether it ended.
    pub(super) const fn is_ended(&self) -> bool {
        self.used == 0
    }

    const fn enter(&mut self, phase: Phase) {
        self.phase = phase as u8;
        self.kept = 0;
    }

    /// Stays what it is, of which the verifier then knows nothing: it would walk every way to
    /// every state else.
    #[inline(always)]
    pub(super) fn forget<B: Bytes + ?Sized>(&mut self, bytes: &B) {
        self.left = bytes.forget(u64::from(self.left)) as u32;
        self.phase = bytes.forget(u64::from(self.phase)) as u8;
        self.kept = bytes.forget(u64::from(self.kept)) as u8;
        self.skip = bytes.forget(u64::from(self.skip)) as u8;
        self.name = bytes.forget(u64::from(self.name)) as u8;
        self.malformed = bytes.forget(u64::from(self.malformed)) as u8;
        self.id = bytes.forget(u64::from(self.id)) as u16;
        self.flags = bytes.forget(u64::from(self.flags)) as u16;
        self.questions = bytes.forget(u64::from(self.questions)) as u16;
        self.asked = bytes.forget(u64::from(self.asked)) as u16;
        self.len = bytes.forget(u64::from(self.len)) as u16;
    }

    /// Reads on from offset `at` of a segment that ends at `end`. Returns how many bytes
    /// were read, at least one where there are any.
    ///
    /// # Errors
    ///
    /// Where bytes of the segment are missing.
    #[inline(always)]
    pub(super) fn step<B: Bytes + ?Sized>(
        &mut self,
        bytes: &B,
        at: usize,
        end: usize,
    ) -> Result<u32, Unread> {
        let there = end.wrapping_sub(at) as u32;
        if self.phase == Phase::Length as u8 {
            return self.read_length(bytes, at, there);
        }
        let room = there.min(self.left);
        let read = if self.skip != 0 || self.phase == Phase::Rest as u8 {
            self.pass(room)
        } else if self.phase == Phase::Name as u8 {
            self.read_label(bytes.byte(at).ok_or(Unread)?, room)
        } else {
            self.read_field(bytes, at, room)?
        };
        self.left = self.left.saturating_sub(read);
        Ok(read)
    }

    /// Whether a message is complete.
    pub(super) const fn is_complete(&self) -> bool {
        self.phase != Phase::Length as u8 && self.left == 0
    }

    /// The message, if it is complete.
    #[inline(always)]
    pub(super) fn complete(&mut self) -> Option<Whole> {
        if !self.is_complete() {
            return None;
        }
        if self.phase != Phase::Rest as u8 {
            self.fail(Malformed::Cut);
        }
        let header = Header { id: self.id, flags: self.flags, questions: self.questions };
        self.enter(Phase::Length);
        let transfer = self.transfer != 0;
        let fault = self.malformed;
        Some(Whole { header, asked: self.asked, len: self.len, fault, transfer })
    }

    #[inline(always)]
    fn read_length<B: Bytes + ?Sized>(
        &mut self,
        bytes: &B,
        at: usize,
        there: u32,
    ) -> Result<u32, Unread> {
        let mut read = 1;
        if self.kept == 0 && there >= 2 {
            self.len = bytes.be16(at).ok_or(Unread)?;
            read = 2;
        } else {
            let byte = u16::from(bytes.byte(at).ok_or(Unread)?);
            self.len = if self.kept == 0 { byte << 8 } else { self.len & 0xff00 | byte };
            if self.kept == 0 {
                self.kept = 1;
                return Ok(1);
            }
        }
        self.begin();
        Ok(read)
    }

    /// Begins a message whose length is known.
    #[inline(always)]
    fn begin(&mut self) {
        self.left = u32::from(self.len);
        (self.id, self.flags, self.questions, self.asked) = (0, 0, 0, 0);
        (self.skip, self.malformed) = (0, 0);
        self.enter(Phase::Header);
        if usize::from(self.len) < HEADER_LEN {
            self.fail(Malformed::Length);
        }
    }

    /// Notes what is wrong with the message, of which nothing more is looked at.
    #[inline(always)]
    fn fail(&mut self, malformed: Malformed) {
        self.malformed = (malformed.index() as u8).wrapping_add(1);
        self.enter(Phase::Rest);
    }

    /// Passes over bytes that nobody wants to know.
    #[inline(always)]
    fn pass(&mut self, room: u32) -> u32 {
        if self.phase == Phase::Rest as u8 {
            return room;
        }
        let passed = room.min(u32::from(self.skip));
        self.skip = self.skip.wrapping_sub(passed as u8);
        passed
    }

    #[inline(always)]
    fn read_label(&mut self, byte: u8, room: u32) -> u32 {
        match length(byte) {
            Ok(Length::Root) => self.enter(Phase::Type),
            Ok(Length::Label(len)) => {
                let name = usize::from(self.name).wrapping_add(usize::from(len)).wrapping_add(1);
                if name > MAX_NAME_LEN {
                    self.fail(Malformed::Name);
                } else {
                    // What of the label is there is passed over at once.
                    let there = room.wrapping_sub(1).min(u32::from(len));
                    self.name = name as u8;
                    self.skip = len.wrapping_sub(there as u8);
                    return there.wrapping_add(1);
                }
            }
            Err(malformed) => self.fail(malformed),
        }
        1
    }

    /// Reads of the header or of QTYPE what there is.
    #[inline(always)]
    fn read_field<B: Bytes + ?Sized>(
        &mut self,
        bytes: &B,
        at: usize,
        room: u32,
    ) -> Result<u32, Unread> {
        let header = self.phase == Phase::Header as u8;
        if self.kept == 0 && header && room >= u32::from(READ) {
            let [i0, i1, f0, f1] = bytes.be32(at).ok_or(Unread)?.to_be_bytes();
            self.id = u16::from_be_bytes([i0, i1]);
            self.flags = u16::from_be_bytes([f0, f1]);
            self.questions = bytes.be16(at.wrapping_add(4)).ok_or(Unread)?;
            self.end_header();
            return Ok(u32::from(READ));
        }
        let byte = u16::from(bytes.byte(at).ok_or(Unread)?);
        let kept = self.kept;
        let field = match (header, kept) {
            (true, 0 | 1) => &mut self.id,
            (true, 2 | 3) => &mut self.flags,
            (true, _) => &mut self.questions,
            (false, _) => &mut self.asked,
        };
        *field = *field << 8 | byte;
        self.kept = kept.wrapping_add(1);
        if header && self.kept == READ {
            self.end_header();
        } else if !header && self.kept == 2 {
            self.end_question();
        }
        Ok(1)
    }

    #[inline(always)]
    fn end_header(&mut self) {
        let header = Header { id: self.id, flags: self.flags, questions: self.questions };
        if !header.has_questions() {
            self.fail(Malformed::Questions);
        } else if self.questions == 0 {
            self.enter(Phase::Rest);
        } else {
            self.enter(Phase::Name);
            (self.name, self.skip) = (1, UNREAD);
        }
    }

    #[inline(always)]
    fn end_question(&mut self) {
        self.enter(Phase::Rest);
        self.transfer = u8::from(matches!(self.asked, IXFR | AXFR));
        // QCLASS must be there, too, behind the byte that is being read.
        if self.left.wrapping_sub(1) < CLASS_LEN {
            self.fail(Malformed::Cut);
        }
    }
}

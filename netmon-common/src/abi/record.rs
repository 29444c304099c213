//! What the kernel tells of one TCP connection at its end.

use super::labels::{CloseReason, FailReason, Role, labels};

labels! {
    /// What is told of: each has an allowance of its own, so that a flood of the one does
    /// not hide the other.
    pub enum Ended {
        /// Connections that were open.
        Closed = "closed",
        /// Attempts that came to nothing.
        Failed = "failed",
    }
}

/// Positions of allowances: one per kind of end.
pub const ALLOWANCES: u32 = 2;
const _: () = assert!(ALLOWANCES as usize == Ended::COUNT);

labels! {
    /// What becomes of a record.
    pub enum Fate {
        /// It was handed on.
        Sent = "sent",
        /// It was left out, because there were too many at once.
        Skipped = "skipped",
        /// It found no room.
        Lost = "lost",
    }
}

/// A connection that is over, or an attempt at one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct RecordEvent {
    /// When it began, in nanoseconds of the monotonic clock: see
    /// [`Connection::since`](super::connection::Connection::since); 0 where that was not
    /// seen.
    pub began: u64,
    /// When it ended.
    pub ended: u64,
    /// Nanoseconds from the request to its answer; 0 where that is not known.
    pub handshake: u64,
    /// The control group of the socket; 0 where that is not known.
    pub group: u64,
    /// Address of this end as it stands on the wire; an IPv4 address as it is mapped into
    /// IPv6.
    pub local: [u64; 2],
    /// Address of the other end.
    pub remote: [u64; 2],
    /// Bytes of payload that were sent, each counted once.
    pub sent: u64,
    /// Bytes of payload that were received, each counted once.
    pub received: u64,
    /// Segments with payload that were sent.
    pub segments_sent: u64,
    /// Segments with payload that were received.
    pub segments_received: u64,
    /// Ports, role and end: see [`facts`].
    pub facts: u64,
}

/// Ports, role and end in one word.
#[inline(always)]
pub const fn facts(local: u16, remote: u16, role: Role, end: u64) -> u64 {
    local as u64 | (remote as u64) << 16 | (role as u64) << 32 | end << 40
}

/// The number of an end: of closed connections the reasons first, then those of attempts.
#[inline(always)]
pub const fn closed(reason: CloseReason) -> u64 {
    reason as u64
}

/// See [`closed`].
#[inline(always)]
pub const fn failed(reason: FailReason) -> u64 {
    (CloseReason::COUNT as u64).wrapping_add(reason as u64)
}

impl RecordEvent {
    /// Length of the layout in bytes.
    pub const LEN: usize = size_of::<Self>();

    /// The event that these bytes are, in the byte order of this machine.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (words, []) = bytes.as_chunks::<8>() else { return None };
        let [
            began,
            ended,
            handshake,
            group,
            local @ ..,
            remote,
            remote_low,
            sent,
            received,
            segments_sent,
            segments_received,
            facts,
        ] = words
        else {
            return None;
        };
        let word = |bytes: &[u8; 8]| u64::from_ne_bytes(*bytes);
        let [local, local_low] = local else { return None };
        Some(Self {
            began: word(began),
            ended: word(ended),
            handshake: word(handshake),
            group: word(group),
            local: [word(local), word(local_low)],
            remote: [word(remote), word(remote_low)],
            sent: word(sent),
            received: word(received),
            segments_sent: word(segments_sent),
            segments_received: word(segments_received),
            facts: word(facts),
        })
    }

    /// The bytes of the address of this end.
    pub fn local_octets(&self) -> [u8; 16] {
        octets(self.local)
    }

    /// The bytes of the address of the other end.
    pub fn remote_octets(&self) -> [u8; 16] {
        octets(self.remote)
    }

    /// The port of this end.
    pub const fn local_port(&self) -> u16 {
        (self.facts & 0xffff) as u16
    }

    /// The port of the other end.
    pub const fn remote_port(&self) -> u16 {
        (self.facts >> 16 & 0xffff) as u16
    }

    /// Which end this is.
    pub const fn role(&self) -> Role {
        if self.facts >> 32 & 0xff == Role::Active as u64 { Role::Active } else { Role::Passive }
    }

    /// How it was closed, where it was open.
    pub fn closed(&self) -> Option<CloseReason> {
        CloseReason::ALL.get(self.end()).copied()
    }

    /// Why it failed, where it did.
    pub fn failed(&self) -> Option<FailReason> {
        FailReason::ALL.get(self.end().checked_sub(CloseReason::COUNT)?).copied()
    }

    const fn end(&self) -> usize {
        (self.facts >> 40 & 0xff) as usize
    }
}

fn octets(words: [u64; 2]) -> [u8; 16] {
    let mut octets = [0; 16];
    let bytes = words.into_iter().flat_map(u64::to_ne_bytes);
    for (octet, byte) in octets.iter_mut().zip(bytes) {
        *octet = byte;
    }
    octets
}

/// Bytes of the ring through which records leave; a power of two and a multiple of the page
/// size. With eight bytes before each it holds 4,600, a tenth of a second at 46,000 a
/// second.
pub const RECORDS_RING: u32 = 1 << 19;

/// Bytes of the ring that attempts may fill: what lies beyond is for connections.
pub const FAILED_RING: u64 = (RECORDS_RING as u64) >> 1;

/// Connections of which one CPU may tell within one span: 15,000 a second.
pub const CLOSED_ALLOWANCE: u64 = 1024;

/// Attempts of which it may: 3,800 a second.
pub const FAILED_ALLOWANCE: u64 = 256;

/// Such a span is 2 to the power of this many nanoseconds, 67 ms.
pub const SPAN_BITS: u32 = 26;

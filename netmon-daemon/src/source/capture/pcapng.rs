//! The block format of pcapng, draft-ietf-opsawg-pcapng.
//!
//! A block that makes no sense is passed over as long as its length does; the
//! first length that does not ends the reading, as nothing behind it can be
//! found again.

use std::time::Duration;

use netmon_common::packet::Link;

use super::{
    input::Input,
    record::{ByteOrder, MAX_RECORD, Record, link},
};

/// What every file begins with: the type of the section header block.
pub(super) const MAGIC: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];

const INTERFACE: u32 = 1;
const OLD_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

/// Type and length before a block's body, the length again behind it.
const BLOCK_HEADER: u32 = 8;
const BLOCK_FRAME: u32 = 12;
/// Type, length and byte-order magic of a section header block.
const SECTION_HEADER: u32 = 12;

/// Room for what surrounds the bytes of a packet within its block.
const MAX_BODY: u32 = MAX_RECORD + (1 << 20);

/// Interfaces that are remembered; those beyond make their packets unreadable.
const MAX_INTERFACES: usize = 1 << 16;

const OPTION_TIME_RESOLUTION: u16 = 9;
const OPTION_TIME_OFFSET: u16 = 14;

/// A file that is being read.
pub(super) struct Pcapng {
    order: ByteOrder,
    /// Those of the current section.
    interfaces: Vec<Interface>,
    buffer: Vec<u8>,
}

#[derive(Clone, Copy)]
struct Interface {
    link: Link,
    /// Most bytes of a packet that were captured; 0 is without limit.
    snap_len: u32,
    /// Timestamp units in a second.
    units: u128,
    /// Seconds to add to a timestamp.
    offset: i64,
}

/// A packet within a block: its place in the body instead of its bytes.
struct Found {
    link: Link,
    at: Option<Duration>,
    wire_len: u32,
    start: usize,
    captured: u32,
}

impl Pcapng {
    /// Reads what follows the magic number in the first section header.
    pub(super) fn begin(input: &mut Input) -> Option<Self> {
        let mut file =
            Self { order: ByteOrder::Little, interfaces: Vec::new(), buffer: MAGIC.to_vec() };
        (input.append(BLOCK_HEADER - 4, &mut file.buffer) && file.section(input).is_some())
            .then_some(file)
    }

    /// The next packet, or none at the end or at damage.
    pub(super) fn next(&mut self, input: &mut Input) -> Option<Record<'_>> {
        let found = loop {
            self.buffer.clear();
            if !input.append(BLOCK_HEADER, &mut self.buffer) {
                return None;
            }
            if self.buffer.starts_with(&MAGIC) {
                self.section(input)?;
            } else if let Some(found) = self.block(input)? {
                break found;
            }
        };
        let captured = self.buffer.get(found.start..)?;
        // A packet that claims more than its block holds is what is there.
        let len = captured.len().min(found.captured as usize);
        let Found { link, at, wire_len, .. } = found;
        Some(Record { link, at, wire_len, bytes: captured.get(..len)? })
    }

    /// Begins a section, whose type and length were read; none at damage.
    fn section(&mut self, input: &mut Input) -> Option<()> {
        if !input.append(SECTION_HEADER - BLOCK_HEADER, &mut self.buffer) {
            return None;
        }
        self.order = match self.buffer.get(8..)? {
            [0x4d, 0x3c, 0x2b, 0x1a] => ByteOrder::Little,
            [0x1a, 0x2b, 0x3c, 0x4d] => ByteOrder::Big,
            _ => return None,
        };
        self.interfaces.clear();
        let len = self.order.u32(&self.buffer, 4)?;
        let rest = len.checked_sub(SECTION_HEADER).filter(|rest| *rest >= 4)?;
        input.skip(u64::from(rest)).then(|| input.understand(u64::from(len)))
    }

    /// Reads any other block, whose type and length were read. The outer none
    /// is damage, the inner one is a block without a packet.
    #[expect(clippy::option_option, reason = "the two have different consequences for the file")]
    fn block(&mut self, input: &mut Input) -> Option<Option<Found>> {
        let kind = self.order.u32(&self.buffer, 0)?;
        let len = self.order.u32(&self.buffer, 4)?;
        let body_len = len.checked_sub(BLOCK_FRAME)?;
        if !matches!(kind, INTERFACE | OLD_PACKET | SIMPLE_PACKET | ENHANCED_PACKET) {
            // Names, statistics, secrets: nothing that is counted.
            input.skip(u64::from(len - BLOCK_HEADER)).then_some(())?;
            input.understand(u64::from(len));
            return Some(None);
        }
        self.buffer.clear();
        let trailer = BLOCK_FRAME - BLOCK_HEADER;
        if body_len > MAX_BODY || !input.append(body_len + trailer, &mut self.buffer) {
            return None;
        }
        self.buffer.truncate(body_len as usize);
        let found = match kind {
            INTERFACE => {
                self.interface(input, len);
                return Some(None);
            }
            OLD_PACKET => self.old_packet(),
            SIMPLE_PACKET => self.simple_packet(),
            _ => self.enhanced_packet(),
        };
        if found.is_some() {
            input.understand(u64::from(len));
        }
        Some(found)
    }

    fn interface(&mut self, input: &mut Input, len: u32) {
        let body = &self.buffer;
        // An interface that cannot be read still takes its number.
        let mut interface = Interface {
            link: self.order.u16(body, 0).map_or(Link::Unknown, link),
            snap_len: self.order.u32(body, 4).unwrap_or(0),
            units: 1_000_000,
            offset: 0,
        };
        let mut at = 8;
        while let (Some(code @ 1..), Some(len)) =
            (self.order.u16(body, at), self.order.u16(body, at + 2))
        {
            match code {
                OPTION_TIME_RESOLUTION => {
                    interface.units = body.get(at + 4).map_or(interface.units, |n| units(*n));
                }
                OPTION_TIME_OFFSET => {
                    let offset = self.order.u64(body, at + 4).unwrap_or(0);
                    interface.offset = offset.cast_signed();
                }
                _ => {}
            }
            at += 4 + usize::from(len).next_multiple_of(4);
        }
        if self.interfaces.len() < MAX_INTERFACES {
            self.interfaces.push(interface);
            input.understand(u64::from(len));
        }
    }

    fn enhanced_packet(&self) -> Option<Found> {
        let field = |index: usize| self.order.u32(&self.buffer, index * 4);
        let interface = self.interfaces.get(field(0)? as usize)?;
        let at = Some(interface.time(field(1)?, field(2)?));
        let (captured, wire_len) = (field(3)?, field(4)?);
        Some(Found { link: interface.link, at, wire_len, start: 20, captured })
    }

    fn old_packet(&self) -> Option<Found> {
        let field = |index: usize| self.order.u32(&self.buffer, index * 4);
        // The number of the interface shares its word with a count of drops.
        let interface = self.interfaces.get(usize::from(self.order.u16(&self.buffer, 0)?))?;
        let at = Some(interface.time(field(1)?, field(2)?));
        let (captured, wire_len) = (field(3)?, field(4)?);
        Some(Found { link: interface.link, at, wire_len, start: 20, captured })
    }

    fn simple_packet(&self) -> Option<Found> {
        let interface = self.interfaces.first()?;
        let wire_len = self.order.u32(&self.buffer, 0)?;
        let captured = match interface.snap_len {
            0 => wire_len,
            snap_len => wire_len.min(snap_len),
        };
        Some(Found { link: interface.link, at: None, wire_len, start: 4, captured })
    }
}

impl Interface {
    /// The time of a timestamp, in two halves, since 1970.
    fn time(&self, high: u32, low: u32) -> Duration {
        /// Times beyond 35 million years are damage; the bound keeps sums small.
        const MAX_SECONDS: i128 = 1 << 50;
        let stamp = (u128::from(high) << 32) | u128::from(low);
        let seconds = (stamp / self.units).cast_signed() + i128::from(self.offset);
        let nanos = stamp % self.units * 1_000_000_000 / self.units;
        Duration::new(
            u64::try_from(seconds.clamp(0, MAX_SECONDS)).unwrap_or(0),
            u32::try_from(nanos).unwrap_or(0),
        )
    }
}

/// Timestamp units in a second, as the option writes them: a power of 2 when
/// the highest bit is set, else of 10.
const fn units(resolution: u8) -> u128 {
    if resolution & 0x80 == 0 {
        10_u128.saturating_pow(resolution as u32)
    } else {
        1 << (resolution & 0x7f)
    }
}

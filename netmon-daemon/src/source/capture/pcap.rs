//! The classic capture format of libpcap, draft-ietf-opsawg-pcap.
//!
//! A record cannot be found again once its predecessor's length is damaged, so
//! reading ends at the first one that makes no sense.

use std::time::Duration;

use netmon_common::packet::Link;

use super::{
    input::Input,
    record::{ByteOrder, MAX_RECORD, Record, link},
};

/// Length of the file header and of a record header.
const FILE_HEADER: u32 = 24;
const RECORD_HEADER: u32 = 16;

/// Offset of the link type behind the magic number.
const LINK_TYPE: usize = 16;

/// A file that is being read.
pub(super) struct Pcap {
    order: ByteOrder,
    /// Nanoseconds in a unit of the timestamps' lower half.
    unit: u64,
    link: Link,
    buffer: Vec<u8>,
}

impl Pcap {
    /// The byte order and the time unit that a magic number announces.
    pub(super) const fn variant(magic: [u8; 4]) -> Option<(ByteOrder, u64)> {
        match magic {
            [0xd4, 0xc3, 0xb2, 0xa1] => Some((ByteOrder::Little, 1000)),
            [0xa1, 0xb2, 0xc3, 0xd4] => Some((ByteOrder::Big, 1000)),
            [0x4d, 0x3c, 0xb2, 0xa1] => Some((ByteOrder::Little, 1)),
            [0xa1, 0xb2, 0x3c, 0x4d] => Some((ByteOrder::Big, 1)),
            _ => None,
        }
    }

    /// Reads what follows the magic number in the file header.
    pub(super) fn begin(input: &mut Input, (order, unit): (ByteOrder, u64)) -> Option<Self> {
        let mut buffer = Vec::new();
        if !input.append(FILE_HEADER - 4, &mut buffer) {
            return None;
        }
        input.understand(u64::from(FILE_HEADER));
        // The upper half tells about frame check sequences.
        let number = order.u32(&buffer, LINK_TYPE)? & 0xffff;
        Some(Self { order, unit, link: link(number as u16), buffer })
    }

    /// The next record, or none at the end or at damage.
    pub(super) fn next(&mut self, input: &mut Input) -> Option<Record<'_>> {
        self.buffer.clear();
        if !input.append(RECORD_HEADER, &mut self.buffer) {
            return None;
        }
        let field = |index: usize| self.order.u32(&self.buffer, index * 4);
        let (seconds, fraction) = (field(0)?, field(1)?);
        let (captured, wire_len) = (field(2)?, field(3)?);
        self.buffer.clear();
        if captured > MAX_RECORD || !input.append(captured, &mut self.buffer) {
            return None;
        }
        input.understand(u64::from(RECORD_HEADER) + u64::from(captured));
        let at = Duration::from_secs(u64::from(seconds))
            + Duration::from_nanos(u64::from(fraction) * self.unit);
        Some(Record { link: self.link, at: Some(at), wire_len, bytes: &self.buffer })
    }
}

//! Captures as bytes: frames, records, blocks.

use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};

pub(crate) const FIN: u8 = 0x01;
pub(crate) const SYN: u8 = 0x02;
pub(crate) const RST_ACK: u8 = 0x14;

/// An IPv4 packet of 40 bytes with a TCP segment.
pub(crate) fn tcp(flags: u8) -> Vec<u8> {
    let mut packet = vec![0x45, 0, 0, 40, 0, 1, 0, 0, 64, 6, 0, 0, 192, 0, 2, 1, 198, 51, 100, 2];
    packet.extend([0xc0, 0, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, flags, 0x10, 0, 0, 0, 0, 0]);
    packet
}

/// An IPv6 packet of 60 bytes with a TCP segment.
pub(crate) fn tcp6(flags: u8) -> Vec<u8> {
    let mut packet = vec![0x60, 0, 0, 0, 0, 20, 6, 64];
    packet.extend([0x20; 32]);
    packet.extend(&tcp(flags)[20..]);
    packet
}

/// An Ethernet frame around a packet.
pub(crate) fn ethernet(packet: &[u8]) -> Vec<u8> {
    let kind = if packet[0] >> 4 == 4 { [0x08, 0x00] } else { [0x86, 0xdd] };
    [&[2; 12], &kind[..], packet].concat()
}

/// How numbers are written: most significant byte first, or last.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Order {
    Big,
    Little,
}

impl Order {
    pub(crate) fn word(self, number: u32) -> [u8; 4] {
        match self {
            Self::Big => number.to_be_bytes(),
            Self::Little => number.to_le_bytes(),
        }
    }

    fn half(self, number: u16) -> [u8; 2] {
        match self {
            Self::Big => number.to_be_bytes(),
            Self::Little => number.to_le_bytes(),
        }
    }
}

/// One record: seconds, fraction of a second, length on the wire, bytes.
pub(crate) type Record = (u32, u32, u32, Vec<u8>);

/// A record of a whole frame at a time in milliseconds since 2001, for captures
/// with microseconds.
pub(crate) fn at(millis: u64, frame: Vec<u8>) -> Record {
    let seconds = u32::try_from(millis / 1000).unwrap() + 978_307_200;
    let fraction = u32::try_from(millis % 1000 * 1000).unwrap();
    (seconds, fraction, u32::try_from(frame.len()).unwrap(), frame)
}

/// A classic capture.
pub(crate) fn pcap(order: Order, magic: u32, link: u32, records: &[Record]) -> Vec<u8> {
    let mut file = order.word(magic).to_vec();
    file.extend([order.half(2), order.half(4)].concat());
    for word in [0, 0, 65_535, link] {
        file.extend(order.word(word));
    }
    for (seconds, fraction, wire_len, bytes) in records {
        for word in [*seconds, *fraction, u32::try_from(bytes.len()).unwrap(), *wire_len] {
            file.extend(order.word(word));
        }
        file.extend(bytes);
    }
    file
}

/// A classic capture of Ethernet frames with microseconds.
pub(crate) fn simple(records: &[Record]) -> Vec<u8> {
    pcap(Order::Little, 0xa1b2_c3d4, 1, records)
}

/// A pcapng block.
pub(crate) fn block(order: Order, kind: u32, body: &[u8]) -> Vec<u8> {
    let padded = body.len().next_multiple_of(4);
    let len = order.word(u32::try_from(padded + 12).unwrap());
    let mut block = [order.word(kind), len].concat();
    block.extend(body);
    block.resize(padded + 8, 0);
    block.extend(len);
    block
}

/// The header of a section of unknown length.
pub(crate) fn section(order: Order) -> Vec<u8> {
    let mut body = order.word(0x1a2b_3c4d).to_vec();
    body.extend([order.half(1), order.half(0)].concat());
    body.extend([0xff; 8]);
    block(order, 0x0a0d_0d0a, &body)
}

/// An interface with options: code and value.
pub(crate) fn interface(
    order: Order,
    link: u16,
    snap_len: u32,
    options: &[(u16, &[u8])],
) -> Vec<u8> {
    let mut body = [order.half(link), [0, 0]].concat();
    body.extend(order.word(snap_len));
    for (code, value) in options {
        body.extend([order.half(*code), order.half(u16::try_from(value.len()).unwrap())].concat());
        body.extend(*value);
        body.resize(body.len().next_multiple_of(4), 0);
    }
    if !options.is_empty() {
        body.extend([0; 4]);
    }
    block(order, 1, &body)
}

/// An enhanced packet block with this timestamp and a claimed captured length.
pub(crate) fn enhanced(
    order: Order,
    interface: u32,
    stamp: u64,
    claimed: u32,
    bytes: &[u8],
) -> Vec<u8> {
    let (high, low) = (stamp >> 32, stamp & 0xffff_ffff);
    let words = [interface, u32::try_from(high).unwrap(), u32::try_from(low).unwrap(), claimed];
    let mut body = words.map(|word| order.word(word)).concat();
    body.extend(order.word(u32::try_from(bytes.len()).unwrap()));
    body.extend(bytes);
    block(order, 6, &body)
}

/// An enhanced packet block that tells the truth.
pub(crate) fn packet(order: Order, interface: u32, stamp: u64, bytes: &[u8]) -> Vec<u8> {
    enhanced(order, interface, stamp, u32::try_from(bytes.len()).unwrap(), bytes)
}

/// A simple packet block.
pub(crate) fn simple_packet(order: Order, wire_len: u32, bytes: &[u8]) -> Vec<u8> {
    block(order, 3, &[&order.word(wire_len), bytes].concat())
}

/// An old packet block.
pub(crate) fn old_packet(order: Order, interface: u16, stamp: u32, bytes: &[u8]) -> Vec<u8> {
    let len = order.word(u32::try_from(bytes.len()).unwrap());
    let mut body = [order.half(interface), order.half(7)].concat();
    body.extend([[0; 4], order.word(stamp), len, len].concat());
    body.extend(bytes);
    block(order, 2, &body)
}

/// One gzip member.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

//! Traffic that is made here: frames with their times, and the capture of them.
//!
//! Everything follows from a seed, so that a scenario is the same in every run.

use std::net::IpAddr;

use netmon_common::packet::Link;

use crate::frame::{Ipv4, Ipv6, link};

/// Times are microseconds from the first moment of a scenario.
pub(crate) type Micros = u64;

/// A millisecond, a second, a minute and an hour.
pub(crate) const MS: Micros = 1000;
pub(crate) const SECOND: Micros = 1000 * MS;
pub(crate) const MINUTE: Micros = 60 * SECOND;
pub(crate) const HOUR: Micros = 60 * MINUTE;

/// Bytes of a frame that the capture keeps where nobody looks at more.
pub(crate) const SNAP: usize = 160;

/// When captures begin: 2001-09-09 01:46:40 UTC, in seconds.
const EPOCH: u64 = 1_000_000_000;

/// Protocol numbers.
pub(crate) const ICMP: u8 = 1;
pub(crate) const TCP: u8 = 6;
pub(crate) const UDP: u8 = 17;
pub(crate) const ICMPV6: u8 = 58;

/// Frames and the dice by which they are thrown.
#[derive(Debug)]
pub(crate) struct Traffic {
    frames: Vec<Frame>,
    dice: u64,
    /// The client port that was given last.
    port: u16,
    /// When what matters begins, where that is not the first frame.
    mark: Option<Micros>,
}

#[derive(Debug)]
struct Frame {
    at: Micros,
    wire_len: usize,
    bytes: Vec<u8>,
}

impl Traffic {
    /// No frames yet. The name of a scenario is part of its seed, so that it stays the same
    /// whatever else there is.
    pub(crate) fn new(name: &str, seed: u64) -> Self {
        let mixed = |sum: u64, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        let seed = name.bytes().fold(seed, mixed);
        Self { frames: Vec::new(), dice: seed, port: 32_768, mark: None }
    }

    /// A number below `end`, of a sequence that the seed decides (SplitMix64).
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.dice = self.dice.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.dice;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ mixed >> 31) % end
    }

    /// A place among so many.
    pub(crate) fn at(&mut self, places: usize) -> usize {
        usize::try_from(self.below(places as u64)).unwrap()
    }

    /// About so long: a fifth more or less.
    pub(crate) fn about(&mut self, time: Micros) -> Micros {
        time * 4 / 5 + self.below((time * 2 / 5).max(1))
    }

    /// A port for one more connection.
    pub(crate) const fn port(&mut self) -> u16 {
        self.port = if self.port < 60_999 { self.port + 1 } else { 32_768 };
        self.port
    }

    /// Adds a frame.
    pub(crate) fn frame(&mut self, at: Micros, bytes: Vec<u8>) {
        self.frames.push(Frame { at, wire_len: bytes.len(), bytes });
    }

    /// Adds a packet, of which the capture keeps the beginning.
    pub(crate) fn packet(&mut self, at: Micros, ends: [IpAddr; 2], protocol: u8, payload: &[u8]) {
        let mut bytes = packet(ends, protocol, payload);
        let wire_len = bytes.len();
        if protocol == TCP {
            bytes.truncate(SNAP);
            bytes.shrink_to_fit();
        }
        self.frames.push(Frame { at, wire_len, bytes });
    }

    /// From the first frame to the last.
    pub(crate) fn span(&self) -> Micros {
        let times = || self.frames.iter().map(|frame| frame.at);
        times().max().unwrap_or(0) - self.began()
    }

    /// When the first frame comes.
    pub(crate) fn began(&self) -> Micros {
        self.frames.iter().map(|frame| frame.at).min().unwrap_or(0)
    }

    /// What matters begins here: all before is as usual.
    pub(crate) const fn mark(&mut self, at: Micros) {
        self.mark = Some(at);
    }

    /// When what matters begins.
    pub(crate) fn marked(&self) -> Micros {
        self.mark.unwrap_or_else(|| self.began())
    }

    /// How many frames there are.
    pub(crate) const fn frames(&self) -> usize {
        self.frames.len()
    }

    /// All of it as a classic capture with microseconds.
    pub(crate) fn to_pcap(&self) -> Vec<u8> {
        let mut file = 0xa1b2_c3d4_u32.to_le_bytes().to_vec();
        file.extend([2_u16, 4].map(u16::to_le_bytes).as_flattened());
        file.extend([0_u32, 0, 65_535, 1].map(u32::to_le_bytes).as_flattened());
        let mut frames: Vec<&Frame> = self.frames.iter().collect();
        frames.sort_by_key(|frame| frame.at);
        for Frame { at, wire_len, bytes } in frames {
            let stamp = [EPOCH + at / SECOND, at % SECOND, bytes.len() as u64, *wire_len as u64];
            for word in stamp {
                file.extend(u32::try_from(word).unwrap().to_le_bytes());
            }
            file.extend(bytes);
        }
        file
    }
}

/// A frame around a packet from the first address to the second, of one version.
pub(crate) fn packet(ends: [IpAddr; 2], protocol: u8, payload: &[u8]) -> Vec<u8> {
    match ends {
        [IpAddr::V4(from), IpAddr::V4(to)] => {
            let addresses = [from.octets(), to.octets()];
            let packet = Ipv4 { addresses, ..Ipv4::of(protocol) }.packet(payload);
            link(Link::Ethernet, &[], 0x0800, &packet)
        }
        [IpAddr::V6(from), IpAddr::V6(to)] => {
            let addresses = [from.octets(), to.octets()];
            let packet = Ipv6 { addresses, ..Ipv6::of(protocol) }.packet(payload);
            link(Link::Ethernet, &[], 0x86dd, &packet)
        }
        mixed => panic!("{mixed:?} speak different versions of IP"),
    }
}

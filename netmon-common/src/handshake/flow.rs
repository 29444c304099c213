//! Which connection a segment belongs to, as far as the table needs to know.

use crate::{
    bytes::Bytes,
    packet::{self, Link, Packet},
    wire::{
        ethernet::{ETHERTYPE_IPV4, ETHERTYPE_IPV6},
        tcp::{ACK, FIN, RST, SYN},
    },
};

/// The two segments that begin a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// SYN.
    Request,
    /// SYN and ACK.
    Answer,
}

impl Step {
    /// Which of them a packet is, if it is one.
    #[inline(always)]
    pub fn of(packet: Packet) -> Option<Self> {
        if !packet.is_tcp() {
            return None;
        }
        match packet.tcp_flags() & (FIN | SYN | RST | ACK) {
            SYN => Some(Self::Request),
            flags if flags == SYN | ACK => Some(Self::Answer),
            _ => None,
        }
    }
}

impl Step {
    /// What belongs to the client, then what belongs to the server.
    #[inline(always)]
    const fn ends<T: Copy>(self, source: T, destination: T) -> (T, T) {
        match self {
            Self::Request => (source, destination),
            Self::Answer => (destination, source),
        }
    }
}

/// Random numbers by which flows are hashed. Nobody who sends packets may know
/// them, or flows could be made to meet in the table.
pub type Keys = [u64; 9];

/// A hash of both ends of a connection, the same for both directions.
///
/// Multilinear: the sum of 32-bit words, each times a random 64-bit number. The
/// upper half of such a sum is strongly universal (Lemire, Kaser: Strongly
/// universal string hashing is fast, 2014): two flows agree in all bits that are
/// used here with a probability of at most 2^-33, whatever the flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    pub(super) hash: u64,
    /// The port that was asked for.
    pub server_port: u16,
}

/// The beginning of an IPv4 packet without options: version and length.
const IPV4_WITHOUT_OPTIONS: u8 = 0x45;
/// All bits of the fragment word but "do not fragment".
const FRAGMENT: u8 = 0xbf;
const IPV6: u8 = 6;
const TCP: u8 = 6;

impl Flow {
    /// The flow of a segment that begins a connection. None where addresses and
    /// ports do not stand side by side: behind IP options, extension headers, or
    /// in fragments.
    #[inline(always)]
    pub fn read<B: Bytes + ?Sized>(bytes: &B, link: Link, step: Step, keys: &Keys) -> Option<Self> {
        let network = packet::network(bytes, link)?;
        match network.ethertype {
            ETHERTYPE_IPV4 => Self::read_ipv4(bytes, network.at, step, keys),
            ETHERTYPE_IPV6 => Self::read_ipv6(bytes, network.at, step, keys),
            _ => None,
        }
    }

    #[inline(always)]
    fn read_ipv4<B: Bytes + ?Sized>(bytes: &B, at: usize, step: Step, keys: &Keys) -> Option<Self> {
        let [version, _, _, _, _, _, fragment, offset, _, protocol] = bytes.array::<10>(at)?;
        if version != IPV4_WITHOUT_OPTIONS || (fragment & FRAGMENT) | offset != 0 || protocol != TCP
        {
            return None;
        }
        let word = |index: usize| bytes.be32(at.wrapping_add(index.wrapping_mul(4)));
        let (source, destination, ports) = (word(3)?, word(4)?, word(5)?);
        let (client, server) = step.ends(source, destination);
        let [_, first, second, ..] = *keys;
        Some(Self::begin(ports, step, keys).with(client, first).with(server, second))
    }

    #[inline(always)]
    fn read_ipv6<B: Bytes + ?Sized>(bytes: &B, at: usize, step: Step, keys: &Keys) -> Option<Self> {
        let [version, _, _, _, _, _, protocol] = bytes.array::<7>(at)?;
        if version >> 4 != IPV6 || protocol != TCP {
            return None;
        }
        let word = |index: usize| bytes.be32(at.wrapping_add(index.wrapping_mul(4)));
        let (source, destination) = step.ends(2, 6);
        let [_, k0, k1, k2, k3, k4, k5, k6, k7] = *keys;
        Self::begin(word(10)?, step, keys)
            .with(word(source)?, k0)
            .with(word(source.wrapping_add(1))?, k1)
            .with(word(source.wrapping_add(2))?, k2)
            .with(word(source.wrapping_add(3))?, k3)
            .with(word(destination)?, k4)
            .with(word(destination.wrapping_add(1))?, k5)
            .with(word(destination.wrapping_add(2))?, k6)
            .with(word(destination.wrapping_add(3))?, k7)
            .into()
    }

    #[inline(always)]
    fn begin(ports: u32, step: Step, keys: &Keys) -> Self {
        // The port of the client above that of the server.
        let ports = match step {
            Step::Request => ports,
            Step::Answer => ports.rotate_left(u16::BITS),
        };
        let [.., high, low] = ports.to_be_bytes();
        let [key, ..] = *keys;
        Self { hash: 0, server_port: u16::from_be_bytes([high, low]) }.with(ports, key)
    }

    #[inline(always)]
    fn with(self, word: u32, key: u64) -> Self {
        Self { hash: self.hash.wrapping_add(u64::from(word).wrapping_mul(key)), ..self }
    }
}

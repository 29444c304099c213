//! Who asks whom, as a packet says it.

use crate::{
    bytes::Bytes,
    packet::{Packet, Transport},
    wire::tcp::{ACK, FIN, PSH, RST, SYN, URG},
};

/// What a packet says of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// Somebody asks for a connection (SYN), or hides what he asks for in a first fragment
    /// that ends before the flags.
    Request,
    /// A segment that no TCP stack sends: it asks whether a port is closed.
    Stealth,
    /// The other side agrees (SYN and ACK).
    Answer,
}

impl Probe {
    /// Which of them a packet is, if it is one.
    #[inline(always)]
    pub fn of(packet: Packet) -> Option<Self> {
        if packet.is_tiny_first_fragment() {
            // UDP has no flags to hide; what is shorter than its header is told apart by
            // its protocol number when the attempt is read.
            return Some(Self::Request);
        }
        if !packet.is_tcp() {
            return None;
        }
        let flags = packet.tcp_flags() & (FIN | SYN | RST | PSH | ACK | URG);
        match flags & (FIN | SYN | RST | ACK) {
            SYN => Some(Self::Request),
            ends if ends == SYN | ACK => Some(Self::Answer),
            // Segments with DNS in them are followed elsewhere.
            _ if !packet.is(Transport::Tcp) => None,
            0 if flags == 0 => Some(Self::Stealth),
            FIN if flags == FIN || flags == FIN | PSH | URG => Some(Self::Stealth),
            ends if ends & SYN != 0 => Some(Self::Stealth),
            _ => None,
        }
    }
}

/// Random numbers by which attempts are hashed. Nobody who sends packets may know them, or
/// sources could be made to meet in the table.
pub type Keys = [u64; 10];

/// Who asks whom for what. Addresses are of IPv6, or mapped into it (RFC 4291, section
/// 2.5.5.2), as four words in the order of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Who asks.
    pub client: [u32; 4],
    /// Who is asked.
    pub server: [u32; 4],
    /// The port that is asked for.
    pub port: u16,
}

/// The hashes of the parts of an attempt. Their sums are hashes too: multilinear, and the
/// upper half of such a sum is strongly universal (Lemire, Kaser: Strongly universal string
/// hashing is fast, 2014).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hashes {
    /// Of the client: of IPv6 its network of 64 bits, which is as much as one owner has.
    pub client: u64,
    /// Of the server.
    pub server: u64,
    /// Of the port.
    pub port: u64,
}

/// Length of an IPv6 header, and of an IPv4 header in words of four bytes, without options.
const IPV6_LEN: usize = 40;
const WORD: usize = 4;
/// Fragment offset of an IPv4 header.
const OFFSET: u16 = 0x1fff;
/// The word before an IPv4 address that is mapped into IPv6.
const MAPPED: u64 = 0xffff;
const TCP: u8 = 6;
const UDP: u8 = 17;

impl Attempt {
    /// The attempt of which a TCP segment speaks whose IP header, of version 6 or not,
    /// stands at an offset. None behind extension headers of IPv6.
    #[inline(always)]
    pub fn read<B: Bytes + ?Sized>(
        bytes: &B,
        network: usize,
        version_6: bool,
        probe: Probe,
    ) -> Option<Self> {
        let (source, destination, ports) = ends(bytes, network, version_6, TCP)?;
        Some(match probe {
            Probe::Answer => Self { client: destination, server: source, port: upper(ports) },
            Probe::Request | Probe::Stealth => {
                Self { client: source, server: destination, port: upper(ports.rotate_left(16)) }
            }
        })
    }

    /// The same of a UDP datagram that somebody sends.
    #[inline(always)]
    pub fn read_datagram<B: Bytes + ?Sized>(
        bytes: &B,
        network: usize,
        version_6: bool,
    ) -> Option<Self> {
        let (source, destination, ports) = ends(bytes, network, version_6, UDP)?;
        Some(Self { client: source, server: destination, port: upper(ports.rotate_left(16)) })
    }

    /// Its hashes.
    #[inline(always)]
    pub fn hashes(&self, keys: &Keys) -> Hashes {
        let [ours @ .., _, _, _, _, port, _] = keys;
        let [_, _, _, _, theirs @ .., _, _] = keys;
        let [first, second, rest @ ..] = self.client;
        // What is mapped has nothing in its upper half, and all in its lower one.
        let lower = if first | second == 0 { rest } else { [0, 0] };
        let [third, fourth] = lower;
        let client = sum([first, second, third, fourth], ours);
        let server = sum(self.server, theirs);
        Hashes { client, server, port: u64::from(self.port).wrapping_mul(*port) }
    }
}

/// The octets of an address that is four words in the order of the network.
pub const fn octets([first, second, third, fourth]: [u32; 4]) -> [u8; 16] {
    let upper = (first as u128) << 96 | (second as u128) << 64;
    (upper | (third as u128) << 32 | fourth as u128).to_be_bytes()
}

/// The addresses of a packet with this protocol above IP, and both ports as one word.
#[inline(always)]
fn ends<B: Bytes + ?Sized>(
    bytes: &B,
    network: usize,
    version_6: bool,
    protocol: u8,
) -> Option<([u32; 4], [u32; 4], u32)> {
    if version_6 {
        let [_, _, _, _, _, _, next] = bytes.array::<7>(network)?;
        if next != protocol {
            return None;
        }
        let source = bytes.be32s::<4>(network.wrapping_add(8))?;
        let destination = bytes.be32s::<4>(network.wrapping_add(24))?;
        Some((source, destination, bytes.be32(network.wrapping_add(IPV6_LEN))?))
    } else {
        let [version, _, _, _, _, _, high, low, _, next] = bytes.array::<10>(network)?;
        if next != protocol || u16::from_be_bytes([high, low]) & OFFSET != 0 {
            return None;
        }
        let [source, destination] = bytes.be32s::<2>(network.wrapping_add(12))?;
        let transport = usize::from(version & 0xf).wrapping_mul(WORD);
        let ports = bytes.be32(network.wrapping_add(bytes.forget_offset(transport)))?;
        // Forgotten, so that the verifier walks what follows but once.
        let [none, mapped] = [0, MAPPED].map(|word| lower(bytes.forget(word)));
        Some(([none, none, mapped, source], [none, none, mapped, destination], ports))
    }
}

/// The sum of words, each times its number.
#[inline(always)]
fn sum(words: [u32; 4], numbers: &[u64; 4]) -> u64 {
    let products = words.iter().zip(numbers).map(|(word, it)| u64::from(*word).wrapping_mul(*it));
    products.fold(0, u64::wrapping_add)
}

#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "the lower half is what is wanted")]
const fn lower(word: u64) -> u32 {
    word as u32
}

#[inline(always)]
const fn upper(ports: u32) -> u16 {
    let [high, low, ..] = ports.to_be_bytes();
    u16::from_be_bytes([high, low])
}

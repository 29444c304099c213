//! The DNS message header (RFC 1035, section 4.1.1).

use crate::{abi::labels::Rcode, bytes::Bytes};

/// The port of DNS.
pub const PORT: u16 = 53;
/// The port of multicast DNS (RFC 6762).
pub const MDNS_PORT: u16 = 5353;

/// The port of Link-Local Multicast Name Resolution (RFC 4795).
pub const LLMNR_PORT: u16 = 5355;

/// Further ports beside [`PORT`] on which DNS can be spoken.
pub const FURTHER_PORTS: usize = 8;

/// Says on which ports DNS is spoken.
pub trait Spoken {
    /// Whether it is on one of these.
    fn has_any(&self, ports: [u16; 2]) -> bool;
}

/// The ports on which DNS is spoken. A place holds what differs between its port and
/// [`PORT`]: so a table of zeros, as a map begins, holds that port alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Ports([u16; FURTHER_PORTS]);

impl Ports {
    /// Port 53 alone. Unused places hold it too, so that no place needs a mark.
    pub const STANDARD: Self = Self([0; FURTHER_PORTS]);

    /// Port 53 and further ones, of which no more than [`FURTHER_PORTS`] count.
    pub fn with(further: impl IntoIterator<Item = u16>) -> Self {
        let mut ports = Self::STANDARD;
        for (place, port) in ports.0.iter_mut().zip(further) {
            *place = port ^ PORT;
        }
        ports
    }

    /// The places as words of a map.
    pub fn words(self) -> [u64; FURTHER_PORTS / 4] {
        let bytes = self.0.map(u16::to_ne_bytes);
        let mut words = [0; FURTHER_PORTS / 4];
        for (word, bytes) in words.iter_mut().zip(bytes.as_flattened().as_chunks().0) {
            *word = u64::from_ne_bytes(*bytes);
        }
        words
    }
}

impl Spoken for Ports {
    #[inline(always)]
    #[expect(clippy::needless_bitwise_bool, reason = "see below")]
    fn has_any(&self, [one, other]: [u16; 2]) -> bool {
        // All of them are compared, without a branch for each: the verifier would walk
        // every one.
        let (one, other) = (one ^ PORT, other ^ PORT);
        let usual = (one == 0) | (other == 0);
        self.0.iter().fold(usual, |found, place| found | (*place == one) | (*place == other))
    }
}

/// Bytes of a message that are read.
pub const READ: usize = RCODE + 1;

const FLAGS: usize = 2;
const RCODE: usize = 3;
const RESPONSE: u8 = 0x80;

/// What kind of message this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The message ends before its flags.
    Short,
    /// A query.
    Query,
    /// A response.
    Response(Rcode),
}

/// Reads the header of the message at `at`.
#[inline(always)]
pub fn parse<B: Bytes + ?Sized>(bytes: &B, at: usize) -> Kind {
    match bytes.byte(at.wrapping_add(FLAGS)) {
        None => Kind::Short,
        Some(flags) if flags & RESPONSE == 0 => Kind::Query,
        Some(_) => Kind::Response(match bytes.byte(at.wrapping_add(RCODE)) {
            Some(code) => Rcode::of(code & 0x0f),
            None => Rcode::Other,
        }),
    }
}

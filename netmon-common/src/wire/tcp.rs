//! TCP (RFC 9293, section 3.1).

use crate::{bytes::Bytes, reject::Reject};

/// No more data from the sender.
pub const FIN: u8 = 0x01;
/// Synchronise sequence numbers.
pub const SYN: u8 = 0x02;
/// Reset the connection.
pub const RST: u8 = 0x04;
/// Push.
pub const PSH: u8 = 0x08;
/// The acknowledgement field is significant.
pub const ACK: u8 = 0x10;
/// The urgent pointer is significant.
pub const URG: u8 = 0x20;

/// Length of a header without options, in bytes.
pub const MIN_HEADER_LEN: u16 = 20;

const DATA_OFFSET: usize = 12;

const WINDOW: usize = 14;
/// Length of a header without options, in 32-bit words.
const MIN_WORDS: u8 = 5;

/// What netmon keeps of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The flag byte.
    pub flags: u8,
    /// Length of the header as it claims it, in bytes.
    pub claimed_len: u8,
    /// Whether the window field is 0; not where the frame ends before it, nor
    /// where the header claims to be too short for one.
    pub zero_window: bool,
    /// Source and destination port.
    pub ports: [u16; 2],
}

impl Header {
    #[inline(always)]
    fn of(ports: u32, offset: u8, flags: u8, window: [u8; 2]) -> Self {
        let words = offset >> 4;
        let [high, low] = window;
        Self {
            flags,
            claimed_len: words.wrapping_mul(4),
            zero_window: high == 0 && words >= MIN_WORDS && low == 0,
            ports: halves(ports),
        }
    }
}

/// Both halves of a word, the upper one first.
#[inline(always)]
const fn halves(word: u32) -> [u16; 2] {
    let [a, b, c, d] = word.to_be_bytes();
    [u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])]
}

/// Reads the header at `at`. It is enough that the frame reaches up to the
/// flags: a capture's snap length often ends soon after.
#[inline(always)]
pub fn parse<B: Bytes + ?Sized>(bytes: &B, at: usize) -> Result<Header, Reject> {
    let [offset, flags] = bytes.array(at.wrapping_add(DATA_OFFSET)).ok_or(Reject::Truncated)?;
    // Forgotten, so that the offset is checked on its own: what the compiler knows
    // of it from the read before, the verifier does not.
    let window = bytes.array(bytes.forget_offset(at.wrapping_add(WINDOW))).unwrap_or([1, 1]);
    let ports = bytes.be32(at).ok_or(Reject::Truncated)?;
    Ok(Header::of(ports, offset, flags, window))
}

/// Reads the header at `at`, up to the window, by one check of its length.
#[inline(always)]
pub fn parse_whole<B: Bytes + ?Sized>(bytes: &B, at: usize) -> Result<Header, Reject> {
    let [ports, rest] = bytes.be32s_at(at, [0, DATA_OFFSET]).ok_or(Reject::Truncated)?;
    let [offset, flags, window @ ..] = rest.to_be_bytes();
    Ok(Header::of(ports, offset, flags, window))
}

//! UDP (RFC 768).

use crate::{bytes::Bytes, reject::Reject};

/// Length of the header, in bytes.
pub const HEADER_LEN: u16 = 8;

/// Ports of services that answer over UDP with far more than they are asked with, and
/// ask nobody first whether he is who he says: CISA's alert TA14-017A. DNS is not among
/// them, its messages are read. Sorted; names are IANA's.
pub const AMPLIFIERS: [u16; 7] = [CHARGEN, NTP, SNMP, CLDAP, SSDP, WS_DISCOVERY, MEMCACHED];

/// Character generator (RFC 864).
pub const CHARGEN: u16 = 19;
/// Network time (RFC 5905).
pub const NTP: u16 = 123;
/// Network management: agents (RFC 3417).
pub const SNMP: u16 = 161;
/// Directories without a connection: LDAP (RFC 4511) over UDP, as [MS-ADTS] has it.
pub const CLDAP: u16 = 389;
/// Discovery of UPnP devices (UPnP Device Architecture 2.0).
pub const SSDP: u16 = 1900;
/// Discovery of web services (OASIS WS-Discovery 1.1).
pub const WS_DISCOVERY: u16 = 3702;
/// The cache memcached.
pub const MEMCACHED: u16 = 11211;

/// A bit for each eight ports, modulo 512, that one of [`AMPLIFIERS`] is among. Of the
/// ports that carry much (443, 500, 4500, 4789, 51820) none has its bit set.
const SIEVE: u64 = {
    let [a, b, c, d, e, f, g] = AMPLIFIERS;
    sieve_bit(a)
        | sieve_bit(b)
        | sieve_bit(c)
        | sieve_bit(d)
        | sieve_bit(e)
        | sieve_bit(f)
        | sieve_bit(g)
};

const fn sieve_bit(port: u16) -> u64 {
    1_u64.wrapping_shl(port as u32 >> 3)
}

/// Whether a port is one of [`AMPLIFIERS`].
#[inline(always)]
const fn is_amplifier(port: u16) -> bool {
    matches!(port, CHARGEN | NTP | SNMP | CLDAP | SSDP | WS_DISCOVERY | MEMCACHED)
}

/// The header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Source port.
    pub source: u16,
    /// Destination port.
    pub destination: u16,
    /// Length of the payload as the header claims it, in bytes.
    pub claimed_payload_len: u16,
}

impl Header {
    /// Whether either side uses this port.
    #[inline(always)]
    pub const fn has_port(&self, port: u16) -> bool {
        self.source == port || self.destination == port
    }

    /// Whether either side may use one of [`AMPLIFIERS`]: nearly always no, by three
    /// instructions for each.
    #[inline(always)]
    pub const fn may_amplify(&self) -> bool {
        let source = SIEVE.wrapping_shr(self.source as u32 >> 3);
        let destination = SIEVE.wrapping_shr(self.destination as u32 >> 3);
        (source | destination) & 1 != 0
    }

    /// Whether the source port is one of [`AMPLIFIERS`].
    #[inline(always)]
    pub const fn is_from_amplifier(&self) -> bool {
        is_amplifier(self.source)
    }

    /// Whether the destination port is one of [`AMPLIFIERS`].
    #[inline(always)]
    pub const fn is_to_amplifier(&self) -> bool {
        is_amplifier(self.destination)
    }
}

/// Reads the header at `at`.
#[inline(always)]
pub fn parse<B: Bytes + ?Sized>(bytes: &B, at: usize) -> Result<Header, Reject> {
    let [s0, s1, d0, d1, l0, l1, _, _] = bytes.array(at).ok_or(Reject::Truncated)?;
    Ok(Header {
        source: u16::from_be_bytes([s0, s1]),
        destination: u16::from_be_bytes([d0, d1]),
        claimed_payload_len: u16::from_be_bytes([l0, l1]).saturating_sub(HEADER_LEN),
    })
}

//! How far away an address is.

use crate::abi::labels::labels;

labels! {
    /// The reach of an address, by the special-purpose registries (RFC 6890).
    pub enum Scope {
        /// Everything else, and frames without an IP address.
        Public = "public",
        /// 127.0.0.0/8 and `::1`.
        Loopback = "loopback",
        /// 169.254.0.0/16 and `fe80::/10`.
        LinkLocal = "link_local",
        /// RFC 1918, shared space 100.64.0.0/10 (RFC 6598) and `fc00::/7`.
        Private = "private",
        /// 224.0.0.0/4, 240.0.0.0/4 (limited broadcast and reserved) and `ff00::/8`.
        Multicast = "multicast",
    }
}

/// The scope of an IPv4 address, of which two octets decide.
#[inline(always)]
pub const fn of_ipv4(first: u8, second: u8) -> Scope {
    match first {
        127 => Scope::Loopback,
        10 => Scope::Private,
        192 if second == 168 => Scope::Private,
        172 if second & 0xf0 == 16 => Scope::Private,
        100 if second & 0xc0 == 64 => Scope::Private,
        169 if second == 254 => Scope::LinkLocal,
        // 240.0.0.0/4 is reserved but for the limited broadcast address, which
        // is the only part of it that is ever seen.
        224..=255 => Scope::Multicast,
        _ => Scope::Public,
    }
}

/// The scope of an IPv6 address.
#[inline(always)]
pub const fn of_ipv6(address: &[u8; 16]) -> Scope {
    // What is routed between networks: nearly all there is, so it goes first.
    if let [0x20..=0x3f, ..] = address {
        return Scope::Public;
    }
    match address {
        [0xff, ..] => Scope::Multicast,
        [0xfe, second, ..] if *second & 0xc0 == 0x80 => Scope::LinkLocal,
        [0xfc | 0xfd, ..] => Scope::Private,
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1] => Scope::Loopback,
        _ => Scope::Public,
    }
}

//! How far away an address is.

use crate::abi::labels::labels;

labels! {
    /// The reach of an address, by the special-purpose registries (RFC 6890) and
    /// by the networks that the configuration names.
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
        /// Networks of containers, as far as the configuration names them.
        Container = "container",
    }
}

impl Scope {
    /// The scope of an index; [`Scope::Public`] where there is none.
    #[inline(always)]
    pub const fn from_index(index: usize) -> Self {
        match index {
            1 => Self::Loopback,
            2 => Self::LinkLocal,
            3 => Self::Private,
            4 => Self::Multicast,
            5 => Self::Container,
            _ => Self::Public,
        }
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

/// The scope of an IPv6 address; of one that maps an IPv4 address, the scope of
/// that.
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
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, first, second, ..] => of_ipv4(*first, *second),
        _ => Scope::Public,
    }
}

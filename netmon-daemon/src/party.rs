//! Who takes part in what a detector speaks of.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
};

/// Somebody, or something, that can be told apart from others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Party {
    /// A host.
    Address(IpAddr),
    /// All hosts whose addresses begin with so many bits of this one: who owns one IPv6
    /// address usually owns 2^64 of them.
    Network(IpAddr, u8),
    /// What runs in a control group: a unit of systemd, or a container.
    Workload(String),
    /// A network device.
    Device(String),
}

impl Party {
    /// Whoever can send from an address: an IPv4 host, or a network of IPv6 with 64 bits.
    pub fn behind(address: IpAddr) -> Self {
        const BITS: u8 = 64;
        match address.to_canonical() {
            IpAddr::V6(address) => {
                let network = address.to_bits() >> BITS << BITS;
                Self::Network(Ipv6Addr::from_bits(network).into(), BITS)
            }
            address @ IpAddr::V4(_) => Self::Address(address),
        }
    }

    /// The address, or the first one of the network.
    pub const fn address(&self) -> Option<IpAddr> {
        match self {
            Self::Address(address) | Self::Network(address, _) => Some(*address),
            Self::Workload(_) | Self::Device(_) => None,
        }
    }
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => write!(f, "{address}"),
            Self::Network(address, bits) => write!(f, "{address}/{bits}"),
            Self::Workload(name) | Self::Device(name) => f.write_str(name),
        }
    }
}

impl From<IpAddr> for Party {
    fn from(address: IpAddr) -> Self {
        Self::Address(address)
    }
}

impl From<&IpAddr> for Party {
    fn from(address: &IpAddr) -> Self {
        Self::Address(*address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_behind_an_address() {
        for (address, expected) in [
            ("192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("::1", "::/64"),
        ] {
            let found = address.parse().map(|it| Party::behind(it).to_string());
            assert_eq!(found, Ok(expected.to_owned()), "{address}");
        }
    }
}

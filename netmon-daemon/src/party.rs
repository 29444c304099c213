//! Who takes part in what a detector speaks of.

use std::{fmt, net::IpAddr};

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

//! A socket that waits for connections.

use std::net::IpAddr;

use netmon_common::abi::labels::IpVersion;

/// A listening socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Its port.
    pub port: u16,
    /// The IP version of its address. One that listens on `::` may take IPv4
    /// connections as well.
    pub family: IpVersion,
    /// From where it can be reached.
    pub address: AddressClass,
    /// Connections that wait to be accepted. It may be one more than the most
    /// that may wait.
    pub backlog: u32,
    /// The most connections that may wait to be accepted.
    pub backlog_max: u32,
    /// Handshakes that it dropped, modulo 2^32; none where the kernel does not
    /// say.
    pub drops: Option<u32>,
    /// What tells it from every other socket since the host booted, those that
    /// are gone included.
    pub cookie: u64,
    /// The inode of its file, by which `/proc/<pid>/fd` names it.
    pub inode: u32,
}

/// What kind of address a listener waits at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AddressClass {
    /// All addresses of the host.
    Any,
    /// An address that only the host itself reaches.
    Loopback,
    /// One address.
    Specific,
}

impl AddressClass {
    /// Label value.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Loopback => "loopback",
            Self::Specific => "specific",
        }
    }

    /// The class of an address that is not an IPv4 address in IPv6's clothes.
    pub(super) const fn of(address: IpAddr) -> Self {
        if address.is_unspecified() {
            Self::Any
        } else if address.is_loopback() {
            Self::Loopback
        } else {
            Self::Specific
        }
    }
}

//! Addresses as tables keep and hash them: 16 octets, whatever the version.

use std::net::{IpAddr, Ipv6Addr};

/// An address; one of IPv4 is mapped into IPv6.
pub(crate) type Octets = [u8; 16];

/// The octets of an address.
pub(crate) const fn octets(address: IpAddr) -> Octets {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}

/// The address of octets.
pub(crate) fn address(octets: Octets) -> IpAddr {
    IpAddr::from(Ipv6Addr::from(octets)).to_canonical()
}

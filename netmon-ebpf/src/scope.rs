//! How far away an address is, by what is built in and by the networks that the
//! configuration names.

use netmon_common::{
    abi::networks::{Address, Networks},
    scope::{self, Scope},
};

use crate::maps::NETWORKS;

/// The networks that the configuration names.
#[inline(always)]
pub(crate) fn networks() -> Option<&'static Networks> {
    NETWORKS.get(0)
}

/// The scope of an IPv4 address.
#[inline(always)]
pub(crate) fn of_ipv4(address: [u8; 4]) -> Scope {
    let [first, second, ..] = address;
    configured(Address::of_ipv4(address)).unwrap_or_else(|| scope::of_ipv4(first, second))
}

/// The scope of an IPv6 address; of one that maps an IPv4 address, the scope of
/// that.
#[inline(always)]
pub(crate) fn of_ipv6(address: &[u8; 16]) -> Scope {
    configured(Address::of_ipv6(address)).unwrap_or_else(|| scope::of_ipv6(address))
}

/// The scope that the configuration gives an address.
#[inline(always)]
fn configured(address: Address) -> Option<Scope> {
    networks()?.scope_of(address)
}

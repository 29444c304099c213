//! The attacks, by what they are made of: tables of scenarios.

mod flood;
mod habit;
mod name;
mod scan;
mod trouble;

use std::net::{IpAddr, SocketAddr};

use crate::{traffic::Traffic, trial::Attack};

/// Every attack.
pub(crate) fn all() -> Vec<&'static Attack> {
    [scan::ALL, flood::ALL, name::ALL, trouble::ALL, habit::ALL].into_iter().flatten().collect()
}

/// Who attacks, and what the flags call it where it is a network.
const ATTACKER: &str = "203.0.113.66";
const ATTACKER_V6: &str = "2001:db8:66::66";
const ATTACKER_NETWORK: &str = "2001:db8:66::/64";
/// Whom it attacks: a host within.
const VICTIM: &str = "10.0.0.5";
const VICTIM_V6: &str = "fd00::5";
/// Another host within, and its resolver.
const INSIDER: &str = "10.0.0.7";
const RESOLVER: &str = "10.0.0.53";

/// An address.
pub(crate) fn host(address: &str) -> IpAddr {
    address.parse().unwrap()
}

/// An end of a connection.
pub(crate) fn end(address: &str, port: u16) -> SocketAddr {
    SocketAddr::new(host(address), port)
}

/// Some public address with some port.
fn anybody(traffic: &mut Traffic) -> SocketAddr {
    let mut octet = |from: u8, values: u64| from + u8::try_from(traffic.below(values)).unwrap();
    let address = [octet(11, 80), octet(0, 256), octet(0, 256), octet(1, 250)];
    SocketAddr::new(address.into(), traffic.port())
}

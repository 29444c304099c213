//! How far away an address is, for whoever is not in the kernel.

use std::net::IpAddr;

use netmon_common::{
    abi::networks::{Address, Networks},
    scope::{Scope, of_ipv4, of_ipv6},
};

/// The scopes that a configuration gives to networks, and those that are built in.
#[derive(Clone, Debug)]
pub struct Scopes(pub Networks);

impl Scopes {
    /// The scope of an address.
    pub fn of(&self, address: IpAddr) -> Scope {
        let address = address.to_canonical();
        let (place, built_in) = match address {
            IpAddr::V4(it) => {
                let [first, second, ..] = it.octets();
                (Address::of_ipv4(it.octets()), of_ipv4(first, second))
            }
            IpAddr::V6(it) => (Address::of_ipv6(&it.octets()), of_ipv6(&it.octets())),
        };
        self.0.scope_of(place).unwrap_or(built_in)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use super::*;
    use crate::config;

    #[test]
    fn the_configuration_decides_then_the_registries() {
        let list = |text: &str| vec![text.parse().unwrap()];
        let config = config::Scopes {
            container: list("10.244.0.0/16"),
            private: list("2001:db8::/32"),
            public: list("192.168.7.0/24"),
        };
        let scopes = Scopes(config.networks());
        for (address, scope) in [
            ("10.0.0.1", Scope::Private),
            ("10.244.3.1", Scope::Container),
            ("192.168.7.7", Scope::Public),
            ("::ffff:192.168.8.7", Scope::Private),
            ("192.0.2.1", Scope::Public),
            ("2001:db8::1", Scope::Private),
            ("2001:db9::1", Scope::Public),
            ("::1", Scope::Loopback),
            ("fe80::1", Scope::LinkLocal),
        ] {
            assert_eq!(scopes.of(address.parse().unwrap()), scope, "{address}");
        }
    }
}

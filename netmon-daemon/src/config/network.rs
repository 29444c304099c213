//! Networks by address and prefix length, and the table that scopes make of them.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use netmon_common::{
    abi::networks::{Address, MAX_NETWORKS, Networks},
    scope::Scope,
};

use super::{
    Scopes,
    setting::{quoted, textual},
};

/// Bits before an IPv4 address where it is mapped into IPv6.
const MAPPED: u32 = 96;

/// All addresses that share their first bits: an IPv4 or IPv6 network. The other
/// bits of its address are 0, and a network of IPv6 holds no address of IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Network {
    address: IpAddr,
    prefix_len: u32,
}

impl Network {
    /// The network around an address.
    fn around(address: IpAddr, prefix_len: u32) -> Self {
        let address = match address {
            IpAddr::V4(address) => {
                let mask = u32::MAX.checked_shl(32 - prefix_len).unwrap_or(0);
                Ipv4Addr::from_bits(address.to_bits() & mask).into()
            }
            IpAddr::V6(address) => {
                let mask = u128::MAX.checked_shl(128 - prefix_len).unwrap_or(0);
                Ipv6Addr::from_bits(address.to_bits() & mask).into()
            }
        };
        Self { address, prefix_len }
    }

    /// Whether all addresses that begin with so many bits of this one are in it. An
    /// address of IPv4 must not be mapped into IPv6.
    pub fn holds(self, address: IpAddr, prefix_len: u32) -> bool {
        prefix_len >= self.prefix_len
            && address.is_ipv4() == self.address.is_ipv4()
            && Self::around(address, self.prefix_len).address == self.address
    }

    /// The same where addresses of IPv4 are mapped into IPv6: address and length
    /// of the prefix.
    fn mapped(self) -> (Ipv6Addr, u32) {
        match self.address {
            IpAddr::V4(address) => (address.to_ipv6_mapped(), MAPPED + self.prefix_len),
            IpAddr::V6(address) => (address, self.prefix_len),
        }
    }
}

/// Bits of an address of this kind.
const fn bits(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix_len)
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = quoted(text);
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let Ok(address) = address.parse::<IpAddr>() else {
            return Err(format!(
                "{found} is no network: write one such as \"10.244.0.0/16\" or \"fd00::/8\""
            ));
        };
        let bits = bits(address);
        let Some(length) = length else {
            return Err(format!("{found} has no prefix length: write \"{address}/{bits}\""));
        };
        let Some(prefix_len) = length.parse().ok().filter(|length| *length <= bits) else {
            return Err(format!(
                "{found} has no prefix length from 0 to {bits}: write one such as \
                 \"{address}/{bits}\""
            ));
        };
        let network = Self::around(address, prefix_len);
        if network.address != address {
            return Err(format!("{found} has bits behind its prefix: write \"{network}\""));
        }
        let IpAddr::V6(address) = address else { return Ok(network) };
        match (address.to_ipv4_mapped(), prefix_len.checked_sub(MAPPED)) {
            (Some(address), Some(prefix_len)) => {
                let network = Self::around(address.into(), prefix_len);
                Err(format!("{found} is a network of IPv4: write \"{network}\""))
            }
            _ if Self::around(Ipv4Addr::UNSPECIFIED.to_ipv6_mapped().into(), prefix_len)
                == network =>
            {
                Err(format!(
                    "{found} holds every address of IPv4 too: write the parts that you mean, \
                     such as \"2000::/3\" and \"0.0.0.0/0\""
                ))
            }
            _ => Ok(network),
        }
    }
}

textual!(Network, "a network such as \"10.244.0.0/16\" or \"fd00::/8\"");

impl Scopes {
    /// The networks by the key that they stand under.
    fn by_key(&self) -> [(&'static str, Scope, &[Network]); 3] {
        [
            ("container", Scope::Container, &self.container),
            ("private", Scope::Private, &self.private),
            ("public", Scope::Public, &self.public),
        ]
    }

    /// The networks as the kernel reads them.
    pub fn networks(&self) -> Networks {
        let mut table = Networks::NONE;
        for (_, scope, networks) in self.by_key() {
            for (address, prefix_len) in networks.iter().map(|network| network.mapped()) {
                // There is room for all of them: that was checked.
                let _ = table.add(Address::of_ipv6(&address.octets()), prefix_len, scope);
            }
        }
        table
    }

    /// Whether the lists fit together: each network stands once, and there is
    /// room for all of them.
    ///
    /// # Errors
    ///
    /// The keys that do not, the one to blame first, and why.
    pub(super) fn check(&self) -> Result<(), (Vec<&'static str>, String)> {
        let lists = self.by_key();
        let entries = || {
            lists.iter().flat_map(|(key, _, list)| list.iter().map(move |network| (*key, *network)))
        };
        for (position, (key, network)) in entries().enumerate() {
            let Some((first, _)) = entries().take(position).find(|(_, it)| *it == network) else {
                continue;
            };
            let why = if first == key {
                format!("\"scopes.{key}\" has {network} twice: leave one of them out")
            } else {
                format!(
                    "\"scopes.{key}\" has {network}, and so has \"scopes.{first}\": an address has \
                     one scope, so leave one of them out"
                )
            };
            return Err((vec![key, first], why));
        }
        let count = entries().count();
        if count > MAX_NETWORKS {
            let keys = lists.iter().filter(|(.., list)| !list.is_empty()).map(|(key, ..)| *key);
            let why = format!(
                "[scopes] has {count} networks, and there is room for {MAX_NETWORKS}: write wider \
                 ones"
            );
            return Err((keys.collect(), why));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_written_as_they_are_read() {
        for text in [
            "10.0.0.0/8",
            "0.0.0.0/0",
            "192.0.2.1/32",
            "fd00::/8",
            "2000::/3",
            "::1/128",
            "::/97",
            "::/128",
            "8000::/1",
        ] {
            let network = text.parse::<Network>().map(|network| network.to_string());
            assert_eq!(network.as_deref(), Ok(text));
        }
    }

    #[test]
    fn what_is_no_network_is_refused_with_advice() {
        for (text, hint) in [
            ("", "\"10.244.0.0/16\""),
            ("pods", "\"10.244.0.0/16\""),
            ("10.0.0/8", "\"10.244.0.0/16\""),
            ("010.0.0.0/8", "\"10.244.0.0/16\""),
            ("fe80::1%eth0/64", "\"10.244.0.0/16\""),
            ("10.0.0.1", "\"10.0.0.1/32\""),
            ("fd00::1", "\"fd00::1/128\""),
            ("10.0.0.0/33", "0 to 32"),
            ("10.0.0.0/-1", "0 to 32"),
            ("10.0.0.0/", "0 to 32"),
            ("10.0.0.0/8/8", "0 to 32"),
            ("fd00::/129", "0 to 128"),
            ("10.1.2.3/8", "\"10.0.0.0/8\""),
            ("128.0.0.0/0", "\"0.0.0.0/0\""),
            ("fd00::1/64", "\"fd00::/64\""),
            ("::ffff:10.0.0.0/104", "\"10.0.0.0/8\""),
            ("::ffff:0:0/96", "\"0.0.0.0/0\""),
            ("::/0", "every address of IPv4"),
            ("::/80", "every address of IPv4"),
            ("::fffe:0:0/95", "every address of IPv4"),
        ] {
            let refusal = text.parse::<Network>().err().unwrap_or_default();
            assert!(refusal.contains(hint), "{text:?}: {refusal}");
        }
    }

    #[test]
    fn the_table_is_what_the_lists_say() {
        let list = |texts: &[&str]| texts.iter().flat_map(|text| text.parse()).collect();
        let scopes = Scopes {
            container: list(&["10.244.0.0/16", "fd00:1::/32"]),
            private: list(&["192.0.2.0/24"]),
            public: list(&["10.0.0.0/8", "::/127"]),
        };
        assert_eq!(scopes.check(), Ok(()));
        let table = scopes.networks();
        for (address, scope) in [
            ("10.244.1.1", Some(Scope::Container)),
            ("10.243.1.1", Some(Scope::Public)),
            ("192.0.2.255", Some(Scope::Private)),
            ("192.0.3.0", None),
            ("fd00:1:2::", Some(Scope::Container)),
            ("fd00:2::", None),
            ("::1", Some(Scope::Public)),
            ("0.0.0.1", None),
        ] {
            let address = match address.parse() {
                Ok(IpAddr::V4(address)) => Address::of_ipv4(address.octets()),
                Ok(IpAddr::V6(address)) => Address::of_ipv6(&address.octets()),
                Err(error) => unreachable!("{address}: {error}"),
            };
            assert_eq!(table.scope_of(address), scope, "{address:?}");
        }
    }

    #[test]
    fn there_is_room_for_so_many() {
        let container =
            (0..32).map(|number| Network::around(Ipv4Addr::new(10, number, 0, 0).into(), 16));
        let mut scopes = Scopes { container: container.collect(), ..Scopes::default() };
        assert_eq!(scopes.check(), Ok(()));
        let last = Address::of_ipv4([10, 31, 0, 1]);
        assert_eq!(scopes.networks().scope_of(last), Some(Scope::Container));
        scopes.public.push(Network::around(Ipv4Addr::UNSPECIFIED.into(), 0));
        let (keys, why) = scopes.check().err().unwrap_or_default();
        assert_eq!(keys, ["container", "public"]);
        assert!(why.contains("33 networks"), "{why}");
    }
}

//! The table of networks: the longest prefix decides, whatever the order, and a
//! table that is full says so.

use std::net::{IpAddr, Ipv6Addr};

use netmon_common::{
    abi::networks::{Address, Full, MAX_NETWORKS, Networks},
    scope::Scope,
};
use proptest::{collection::vec, prelude::*, sample::select};

/// An address as it is written; nothing but a test writes a wrong one.
fn address(text: &str) -> Address {
    match text.parse() {
        Ok(IpAddr::V4(address)) => Address::of_ipv4(address.octets()),
        Ok(IpAddr::V6(address)) => Address::of_ipv6(&address.octets()),
        Err(error) => unreachable!("{text}: {error}"),
    }
}

/// A table of these networks; a prefix of IPv4 counts from its mapped address.
fn table(networks: &[(&str, u32, Scope)]) -> Networks {
    let mut table = Networks::NONE;
    for (network, prefix_len, scope) in networks {
        let mapped = if network.contains(':') { 0 } else { 96 };
        assert_eq!(table.add(address(network), mapped + prefix_len, *scope), Ok(()));
    }
    table
}

#[test]
fn the_longest_prefix_decides() {
    let mut networks = vec![
        ("10.0.0.0", 8, Scope::Public),
        ("10.244.0.0", 16, Scope::Container),
        ("10.244.7.7", 32, Scope::LinkLocal),
        ("fd00::", 8, Scope::Public),
        ("fd00:1::", 64, Scope::Container),
        ("fd00:1::7", 128, Scope::Private),
        ("203.0.113.128", 25, Scope::Private),
    ];
    for _ in 0..networks.len() {
        networks.rotate_left(1);
        let table = table(&networks);
        for (text, scope) in [
            ("10.0.0.1", Some(Scope::Public)),
            ("10.243.255.255", Some(Scope::Public)),
            ("10.244.0.0", Some(Scope::Container)),
            ("10.244.255.255", Some(Scope::Container)),
            ("10.244.7.7", Some(Scope::LinkLocal)),
            ("::ffff:10.244.7.8", Some(Scope::Container)),
            ("11.0.0.0", None),
            ("203.0.113.127", None),
            ("203.0.113.128", Some(Scope::Private)),
            ("fcff::", None),
            ("fd00:0:0:1::", Some(Scope::Public)),
            ("fd00:1::1", Some(Scope::Container)),
            ("fd00:1:0:1::1", Some(Scope::Public)),
            ("fd00:1::7", Some(Scope::Private)),
            ("::10.244.0.1", None),
            ("2001:db8::1", None),
        ] {
            assert_eq!(table.scope_of(address(text)), scope, "{text} in {networks:?}");
        }
    }
}

#[test]
fn no_network_is_no_scope() {
    assert!(Networks::NONE.is_empty());
    for text in ["0.0.0.0", "::", "10.0.0.1", "ffff::"] {
        assert_eq!(Networks::NONE.scope_of(address(text)), None, "{text}");
    }
    assert_eq!(Networks::NONE.words(), [0; Networks::WORDS], "an empty map is an empty table");
}

#[test]
fn a_network_of_everything() {
    let table = table(&[("0.0.0.0", 0, Scope::Private), ("::", 0, Scope::Multicast)]);
    assert!(!table.is_empty());
    assert_eq!(table.scope_of(address("255.255.255.255")), Some(Scope::Private));
    assert_eq!(table.scope_of(address("2001:db8::1")), Some(Scope::Multicast));
}

#[test]
fn a_full_table_stays_as_it_is() {
    let mut table = Networks::NONE;
    for number in 0..MAX_NETWORKS {
        let address = Address::of_ipv6(&Ipv6Addr::from_bits(number as u128).octets());
        assert_eq!(table.add(address, 128, Scope::Container), Ok(()), "{number}");
    }
    let full = table;
    assert_eq!(table.add(address("10.0.0.1"), 128, Scope::Private), Err(Full));
    assert_eq!(table, full);
    for number in 0..MAX_NETWORKS {
        let address = Address::of_ipv6(&Ipv6Addr::from_bits(number as u128).octets());
        assert_eq!(table.scope_of(address), Some(Scope::Container), "{number}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Bit by bit over all networks, the longest that holds the address decides;
    /// of equal ones the first.
    #[test]
    fn as_slow_and_plain_as_can_be(
        networks in vec((any::<u8>(), 0..130_u32, select(Scope::ALL)), 0..MAX_NETWORKS),
        addresses in vec(any::<u8>(), 16),
    ) {
        // Few bits differ, so that there are many networks in one another.
        let spread = |bits: u8| u128::from(bits & 0x55) << 120 | u128::from(bits & 0xaa) << 60;
        let mut table = Networks::NONE;
        for (bits, prefix_len, scope) in &networks {
            let address = Address::of_ipv6(&spread(*bits).to_be_bytes());
            prop_assert_eq!(table.add(address, *prefix_len, *scope), Ok(()));
        }
        for address in addresses.into_iter().map(spread) {
            let holds = |bits: u8, len: u32| {
                (0..len.min(128)).all(|bit| (spread(bits) ^ address) >> (127 - bit) & 1 == 0)
            };
            let mut best: Option<(u32, Scope)> = None;
            for (bits, len, scope) in &networks {
                let len = (*len).min(128);
                if holds(*bits, len) && best.is_none_or(|(longest, _)| len > longest) {
                    best = Some((len, *scope));
                }
            }
            let found = table.scope_of(Address::of_ipv6(&address.to_be_bytes()));
            prop_assert_eq!(found, best.map(|(_, scope)| scope), "{:#034x}", address);
        }
    }
}

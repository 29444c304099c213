//! The scope of an address at every boundary of the special-purpose
//! registries (RFC 6890 and the RFCs that it names).

use std::net::{Ipv4Addr, Ipv6Addr};

use netmon_common::scope::{Scope, of_ipv4, of_ipv6};

/// First and last address of a block, and its scope.
const IPV4_BLOCKS: &[(&str, &str, Scope)] = &[
    ("0.0.0.0", "9.255.255.255", Scope::Public),
    ("10.0.0.0", "10.255.255.255", Scope::Private),
    ("11.0.0.0", "100.63.255.255", Scope::Public),
    ("100.64.0.0", "100.127.255.255", Scope::Private),
    ("100.128.0.0", "126.255.255.255", Scope::Public),
    ("127.0.0.0", "127.255.255.255", Scope::Loopback),
    ("128.0.0.0", "169.253.255.255", Scope::Public),
    ("169.254.0.0", "169.254.255.255", Scope::LinkLocal),
    ("169.255.0.0", "172.15.255.255", Scope::Public),
    ("172.16.0.0", "172.31.255.255", Scope::Private),
    ("172.32.0.0", "192.167.255.255", Scope::Public),
    ("192.168.0.0", "192.168.255.255", Scope::Private),
    ("192.169.0.0", "223.255.255.255", Scope::Public),
    // Multicast, then reserved space with the limited broadcast address.
    ("224.0.0.0", "239.255.255.255", Scope::Multicast),
    ("240.0.0.0", "255.255.255.255", Scope::Multicast),
];

const IPV6_BLOCKS: &[(&str, &str, Scope)] = &[
    ("::", "::", Scope::Public),
    ("::1", "::1", Scope::Loopback),
    ("::2", "::fffe:ffff:ffff", Scope::Public),
    // From ::ffff:0:0 to ::ffff:ffff:ffff are the addresses of IPv4.
    ("::1:0:0:0", "fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Scope::Public),
    ("fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Scope::Private),
    ("fe00::", "fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Scope::Public),
    ("fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Scope::LinkLocal),
    // Site-local addresses are deprecated (RFC 3879) and treated as global.
    ("fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Scope::Public),
    ("ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Scope::Multicast),
];

#[test]
fn ipv4_blocks_cover_everything() -> Result<(), std::net::AddrParseError> {
    let mut next = Some(0_u32);
    for (first, last, scope) in IPV4_BLOCKS {
        let (first, last): (Ipv4Addr, Ipv4Addr) = (first.parse()?, last.parse()?);
        assert_eq!(next, Some(first.to_bits()), "gap before {first}");
        next = last.to_bits().checked_add(1);
        // Every pair of leading octets in the block, and so every boundary.
        for pair in first.to_bits() >> 16..=last.to_bits() >> 16 {
            let [_, _, a, b] = pair.to_be_bytes();
            assert_eq!(of_ipv4(a, b), *scope, "{a}.{b}.0.0");
        }
    }
    assert_eq!(next, None, "the table ends early");
    Ok(())
}

#[test]
fn ipv6_blocks_cover_everything() -> Result<(), std::net::AddrParseError> {
    let mut next = Some(0_u128);
    for (first, last, scope) in IPV6_BLOCKS {
        let (first, last): (Ipv6Addr, Ipv6Addr) = (first.parse()?, last.parse()?);
        if next == Some(0xffff_0000_0000) {
            next = Some(0x1_0000_0000_0000);
        }
        assert_eq!(next, Some(first.to_bits()), "gap before {first}");
        next = last.to_bits().checked_add(1);
        let middle = first.to_bits() / 2 + last.to_bits() / 2;
        let (low, high) = (first.to_bits(), last.to_bits());
        for bits in [low, low.saturating_add(1).min(high), middle.clamp(low, high), high] {
            let address = Ipv6Addr::from_bits(bits);
            assert_eq!(of_ipv6(&address.octets()), *scope, "{address}");
        }
    }
    assert_eq!(next, None, "the table ends early");
    Ok(())
}

#[test]
fn an_address_that_maps_one_of_ipv4_is_judged_as_that() -> Result<(), std::net::AddrParseError> {
    for (first, last, scope) in IPV4_BLOCKS {
        for address in [first, last] {
            let mapped = address.parse::<Ipv4Addr>()?.to_ipv6_mapped();
            assert_eq!(of_ipv6(&mapped.octets()), *scope, "{mapped}");
        }
    }
    let mapped = Ipv4Addr::LOCALHOST.to_ipv6_mapped().to_bits();
    for bit in 32..128 {
        let near = Ipv6Addr::from_bits(mapped ^ 1 << bit);
        assert_ne!(of_ipv6(&near.octets()), Scope::Loopback, "{near}");
    }
    Ok(())
}

#[test]
fn loopback_of_ipv6_is_one_address() {
    for bit in 1..128 {
        let near = Ipv6Addr::from_bits(1 | 1 << bit);
        assert_ne!(of_ipv6(&near.octets()), Scope::Loopback, "{near}");
    }
}

#[test]
fn every_scope_is_found_by_its_index() {
    for scope in Scope::ALL {
        assert_eq!(Scope::from_index(scope.index()), *scope);
    }
    for beyond in [Scope::COUNT, usize::MAX] {
        assert_eq!(Scope::from_index(beyond), Scope::Public);
    }
}

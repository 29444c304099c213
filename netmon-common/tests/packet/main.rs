//! Parser and counting rules against the second opinion, over seeds, all their
//! truncations, and random frames.

#![expect(clippy::expect_used, reason = "tests")]

mod generate;
#[path = "../oracle/mod.rs"]
mod oracle;
#[path = "../seed/mod.rs"]
mod seed;

use std::collections::BTreeSet;

use netmon_common::{
    abi::{
        labels::{Class, Family},
        tally::Tally,
    },
    account::{Volume, account},
    packet::{Link, Remote, network, parse, shortcut},
    reject::Reject,
};
use proptest::prelude::*;

#[test]
fn seeds_and_all_their_truncations() {
    for seed in seed::all() {
        for len in 0..=seed.bytes.len() {
            for remote in [Remote::Source, Remote::Destination] {
                let volume = Volume::packet(seed.bytes.len() as u64);
                oracle::check(&seed.bytes[..len], seed.link, remote, &volume);
            }
        }
    }
}

#[test]
fn seeds_of_another_link_type() {
    for seed in seed::all() {
        for link in Link::ALL {
            oracle::check(&seed.bytes, *link, Remote::Source, &Volume::packet(60));
        }
    }
}

#[test]
fn seeds_have_unique_names_and_reach_every_outcome() {
    let mut names = BTreeSet::new();
    let mut classes = BTreeSet::new();
    let mut rejects = BTreeSet::new();
    for seed in seed::all() {
        assert!(seed.name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'), "{}", seed.name);
        for len in 0..=seed.bytes.len() {
            let packet = parse(&seed.bytes[..len], seed.link, Remote::Source);
            match packet.reject() {
                None => classes.insert(packet.class()),
                Some(reject) => rejects.insert(reject),
            };
        }
        assert!(names.insert(seed.name.clone()), "{} twice", seed.name);
    }
    assert_eq!(classes, Class::ALL.iter().copied().collect());
    assert_eq!(rejects, Reject::ALL.iter().copied().collect());
}

#[test]
fn a_packet_shows_itself_in_words() {
    let seeds = seed::all();
    let shown = |name: &str| {
        let seed = seeds.iter().find(|seed| seed.name == name);
        seed.map(|seed| format!("{:?}", parse(seed.bytes.as_slice(), seed.link, Remote::Source)))
            .unwrap_or_default()
    };
    for (name, words) in [
        ("ipv4_tcp_flags_02", "class: Ipv4Tcp"),
        ("ipv6_dns_query", "transport: DnsQuery"),
        ("ipv4_from_private", "scope: Private"),
        ("ipv6_chain_9", "reject: Some(ExtHeaderLimit)"),
    ] {
        assert!(shown(name).contains(words), "{name}: {}", shown(name));
    }
}

/// What a packet remembers of where its IP header stands is what its frame says, with a
/// tag in it or beside it.
#[test]
fn a_packet_knows_where_its_ip_header_stands() {
    let mut seen = BTreeSet::new();
    for seed in seed::all() {
        let packet = parse(seed.bytes.as_slice(), seed.link, Remote::Source);
        let version_6 = match packet.family() {
            Family::Ipv4 => 0,
            Family::Ipv6 => 1,
            Family::Other => continue,
        };
        if !matches!(seed.link, Link::Ethernet | Link::Raw) {
            continue;
        }
        let there = network(seed.bytes.as_slice(), seed.link).map(|payload| payload.at as u64);
        for beside in [0, 1] {
            let packet = packet.with_outer_tags(beside);
            let at = packet.network(seed.link.index(), beside);
            assert_eq!(Some(at), there, "{} with {beside} tags beside it", seed.name);
            assert_eq!(packet.version_6(), version_6, "{}", seed.name);
        }
        seen.insert((seed.link.index(), packet.vlan_tags(), version_6));
    }
    assert!(seen.len() >= 7, "{seen:?}");
}

/// Which frames go the short way is a matter of speed only; that it takes the
/// common ones is what makes it fast, and that it leaves those alone of which
/// the kernel may have more bytes elsewhere makes it right.
#[test]
fn shortcut_takes_what_is_common_and_whole() {
    let seeds = seed::all();
    for (name, wanted) in [
        ("ipv4_tcp_data", true),
        ("ipv6_tcp_data", true),
        ("ipv4_tcp_flags_02", true),
        ("ipv6_tcp_flags_14", true),
        ("ipv4_udp", true),
        ("ipv4_dns_query", true),
        ("ipv6_dns_response_0", true),
        ("ipv4_dns_empty", false),
        ("icmp_8_0", true),
        ("arp", true),
        ("tags_8100_1", true),
        ("tags_8100_2", false),
        ("ipv4_options", false),
        ("ipv4_fragment_later", false),
        ("ipv6_chain_8", false),
    ] {
        let seed = seeds.iter().find(|seed| seed.name == name).expect("a seed of this name");
        let taken = shortcut(seed.bytes.as_slice(), Remote::Source).is_some();
        assert_eq!(taken, wanted, "{name}");
        let cut = &seed.bytes[..seed.bytes.len().min(33)];
        assert_eq!(shortcut(cut, Remote::Source).is_some(), name == "arp", "{name} cut");
    }
}

/// A cut frame may say more when it is whole; one that is not cut says all.
#[test]
fn cut_is_what_more_bytes_would_change() {
    for seed in seed::all() {
        let whole = parse(seed.bytes.as_slice(), seed.link, Remote::Source);
        for len in 0..seed.bytes.len() {
            let packet = parse(&seed.bytes[..len], seed.link, Remote::Source);
            assert!(packet == whole || packet.is_cut_at(len), "{} at {len}", seed.name);
        }
        assert!(!whole.is_cut_at(usize::MAX) || whole.reject().is_some(), "{}", seed.name);
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 4096,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn random_frames((frame, link, remote) in generate::frame(), volume in generate::volume()) {
        oracle::check(&frame, link, remote, &volume);
    }

    #[test]
    fn counting_many_is_the_sum_of_counting_each(
        frames in proptest::collection::vec((generate::frame(), generate::volume()), 1..12),
    ) {
        let mut together = Tally::ZERO;
        let mut sum = Tally::ZERO;
        let mut segments = 0;
        for ((frame, link, remote), volume) in frames {
            let packet = parse(frame.as_slice(), link, remote);
            let mut alone = Tally::ZERO;
            account(&mut alone, packet, &volume);
            account(&mut together, packet, &volume);
            sum.add(&alone);
            segments += volume.segments;
        }
        prop_assert_eq!(together, sum);
        prop_assert_eq!(together.unexplained(), 0);
        prop_assert_eq!(together.packets(), segments);
    }

    #[test]
    fn bytes_behind_the_headers_change_nothing(
        (frame, link, remote) in generate::frame(),
        tail in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let packet = parse(frame.as_slice(), link, remote);
        // A DNS message may be cut before its response code and a TCP header before
        // its window; anything else that was classed was read whole.
        if packet.reject().is_some() || packet.is_dns() || packet.is_cut_at(frame.len()) {
            return Ok(());
        }
        let longer = [frame.as_slice(), &tail].concat();
        prop_assert_eq!(parse(longer.as_slice(), link, remote), packet);
    }
}

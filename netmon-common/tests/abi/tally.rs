//! The sums that metrics and replay are made of.

use netmon_common::{
    abi::{
        histogram::DNS_SIZE_BOUNDS,
        labels::{Class, Family, Protocol, TcpFlag},
        tally::{Tally, host_cell},
    },
    reject::Reject,
    scope::Scope,
};

/// A tally in which every cell that a sum could take holds another power of
/// two, so that a sum shows what went into it.
fn distinct() -> Tally {
    let mut tally = Tally::ZERO;
    for (cell, count) in tally.host_packets.iter_mut().enumerate() {
        *count = 1 << cell;
    }
    for (cell, count) in tally.rejected_families.iter_mut().enumerate() {
        *count = 1 << (54 + cell);
    }
    for (cell, count) in tally.unread_transport.iter_mut().enumerate() {
        *count = 1 << (57 + cell);
    }
    tally
}

#[test]
fn host_cells_are_the_whole_array() {
    let mut cells: Vec<usize> = Vec::new();
    for scope in Scope::ALL {
        cells.extend(Class::ALL.iter().map(|class| host_cell(scope.index(), class.index())));
    }
    assert_eq!(cells, (0..Tally::ZERO.host_packets.len()).collect::<Vec<_>>());
    assert_eq!(Tally::ZERO.host_bytes.len(), Tally::ZERO.host_packets.len());
}

#[test]
fn classed_picks_by_scope_and_class() {
    let tally = distinct();
    for scope in Scope::ALL {
        for class in Class::ALL {
            let picked = tally.classed(|s, c| (s, c) == (*scope, *class));
            assert_eq!(picked, 1 << host_cell(scope.index(), class.index()), "{scope:?} {class:?}");
        }
    }
    assert_eq!(tally.classed(|_, _| true), (1 << 54) - 1);
    assert_eq!(tally.classed(|_, _| false), 0);
}

#[test]
fn families_and_protocols_count_what_was_rejected_too() {
    let tally = distinct();
    for (position, family) in Family::ALL.iter().enumerate() {
        let classed = tally.classed(|_, class| class.family() == *family);
        assert_eq!(tally.family_packets(*family), classed + (1 << (54 + position)), "{family:?}");
    }
    for (position, protocol) in Protocol::ALL.iter().enumerate() {
        let classed = tally.classed(|_, class| class.protocol() == *protocol);
        let expected = classed + (1 << (57 + position));
        assert_eq!(tally.protocol_packets(*protocol), expected, "{protocol:?}");
    }
}

#[test]
fn unexplained_shows_both_signs() {
    let mut tally = Tally::ZERO;
    assert_eq!(tally.unexplained(), 0);
    tally.packet_size_bytes.buckets[2] = 10;
    tally.packet_size_bytes.sum = 2_000;
    assert_eq!((tally.packets(), tally.bytes(), tally.unexplained()), (10, 2_000, 10));
    tally.host_packets[3] = 6;
    tally.rejected_packets[Reject::Truncated.index()] = 3;
    assert_eq!((tally.rejected(), tally.unexplained()), (3, 1));
    tally.rejected_packets[Reject::LinkType.index()] = 3;
    assert_eq!((tally.rejected(), tally.unexplained()), (6, 2));
}

#[test]
fn flags_by_name() {
    let mut tally = Tally::ZERO;
    for (position, count) in tally.tcp_flags.iter_mut().enumerate() {
        *count = position as u64 + 1;
    }
    for (position, flag) in TcpFlag::ALL.iter().enumerate() {
        assert_eq!(tally.flag(*flag), position as u64 + 1, "{flag:?}");
    }
}

#[test]
fn dns_messages_longer_than_a_bound() {
    let mut tally = Tally::ZERO;
    for size in [1, 64, 65, 512, 513, 1232, 1233, 65_535] {
        tally.dns_message_bytes.observe(&DNS_SIZE_BOUNDS, size);
    }
    for (bound, longer) in [(64, 6), (128, 5), (512, 4), (1232, 2), (4096, 1), (65_535, 0)] {
        assert_eq!(tally.dns_longer_than(bound), longer, "{bound}");
    }
}

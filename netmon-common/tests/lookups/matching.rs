//! Which response belongs to which query.

use netmon_common::{
    abi::{dns::dns_tally, labels::Direction, slot::INTERNAL},
    dns::{Identity, Lookup, server_hash},
};
use proptest::prelude::*;

use crate::{
    IN, OUT, SECOND,
    books::Seen,
    frame::{Ipv4, Ipv6, udp},
    keys, ledger,
    said::{BACK, PORTS, RESPONSE, Way, message},
};

const SYN_LESS: u8 = 0x18;

/// Makes a frame that travels in some way.
type Make<'a> = &'a dyn Fn(Way) -> Vec<u8>;

/// A message behind its length, as TCP carries it.
fn framed(message: &[u8]) -> Vec<u8> {
    [&(message.len() as u16).to_be_bytes()[..], message].concat()
}

#[test]
fn a_response_answers_its_query_and_no_other() {
    let other_vantage = Seen { vantage: INTERNAL, ..IN };
    let response =
        |ends, ports, id| move |way: Way| way.datagram(ends, ports, &message(id, RESPONSE, 1));
    let over_tcp =
        |way: Way| way.segment([1, 200], BACK, 1, SYN_LESS, &framed(&message(7, RESPONSE, 1)));
    let cases: [(&str, Make, Seen, u64); 9] = [
        ("its own", &response([1, 200], BACK, 7), IN, 1),
        ("on its way out", &response([1, 200], BACK, 7), OUT, 1),
        ("another ID", &response([1, 200], BACK, 8), IN, 0),
        ("another port of the client", &response([1, 200], [53, 40_001], 7), IN, 0),
        ("another client", &response([1, 201], BACK, 7), IN, 0),
        ("another server", &response([2, 200], BACK, 7), IN, 0),
        ("the way of the query", &response([200, 1], PORTS, 7), IN, 0),
        ("another vantage", &response([1, 200], BACK, 7), other_vantage, 0),
        ("another transport", &over_tcp, IN, 0),
    ];
    for way in Way::ALL {
        for (what, make, seen, answered) in &cases {
            let mut ledger = ledger();
            let query = way.datagram([200, 1], PORTS, &message(7, 0x0100, 1));
            ledger.pass(&query, way.link(), OUT);
            ledger.now += SECOND / 1000;
            ledger.pass(&make(way), way.link(), *seen);
            let events = &ledger.lookups.events;
            assert_eq!((events.asked, events.answered), (1, *answered), "{what}, {way:?}");
            let tally = &ledger.tallies[dns_tally(seen.vantage, seen.direction) as usize];
            assert_eq!(tally.unmatched, 1 - answered, "{what}, {way:?}");
            assert_eq!(ledger.lookups.pending.iter().sum::<u64>(), 1 - answered, "{what}");
            let times = &ledger.times[16].nanoseconds;
            assert_eq!(times.total(), *answered, "{what}, {way:?}");
            assert!(times.sum.abs_diff(answered * SECOND / 1000) < 2048, "{what}, {way:?}");
        }
    }
}

#[test]
fn a_response_over_tcp_answers_a_query_over_tcp() {
    for way in Way::ALL {
        let mut ledger = ledger();
        let query = framed(&message(7, 0x0100, 1));
        ledger.pass(&way.segment([200, 1], PORTS, 1, SYN_LESS, &query), way.link(), OUT);
        let response = framed(&message(7, RESPONSE, 1));
        ledger.pass(&way.segment([1, 200], BACK, 1, SYN_LESS, &response), way.link(), IN);
        let events = &ledger.lookups.events;
        assert_eq!((events.asked, events.answered), (1, 1), "{way:?}");
        assert_eq!(ledger.times[17].nanoseconds.total(), 1, "{way:?}");
        let tally = &ledger.tallies[dns_tally(IN.vantage, Direction::Ingress) as usize];
        assert_eq!(tally.unmatched, 0, "{way:?}");
    }
}

#[test]
fn both_answers_to_a_query_that_was_sent_twice_are_one_and_one_without() {
    let mut ledger = ledger();
    for _ in 0..2 {
        let query = Way::V4.datagram([200, 1], PORTS, &message(7, 0x0100, 1));
        ledger.pass(&query, Way::V4.link(), OUT);
    }
    for _ in 0..2 {
        let response = Way::V4.datagram([1, 200], BACK, &message(7, RESPONSE, 1));
        ledger.pass(&response, Way::V4.link(), IN);
    }
    let events = &ledger.lookups.events;
    assert_eq!((events.asked, events.answered), (1, 1));
    assert_eq!(ledger.tallies.iter().map(|tally| tally.unmatched).sum::<u64>(), 1);
    assert_eq!(ledger.due.len(), 4, "whoever asks for other names may reuse what is the same");
}

/// The lookup of a packet that begins with an IP header.
fn read(packet: &[u8], version_6: bool, id: u16, response: bool, kind: u16) -> Lookup {
    let identity = Identity { id, response, kind };
    let transport = if version_6 { 40 } else { 20 };
    Lookup::read(packet, 0, version_6, transport, identity, &keys(1)).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_directions_of_ipv4_are_one_lookup(
        ends in any::<[[u8; 4]; 2]>(),
        ports in any::<[u16; 2]>(),
        id in any::<u16>(),
        kind in 0..8_u16,
        bit in 0..96_usize,
    ) {
        let packet = |addresses, ports| {
            Ipv4 { addresses, ..Ipv4::of(17) }.packet(&udp(ports, None, &[]))
        };
        let (there, back) = (packet(ends, ports), packet([ends[1], ends[0]], [ports[1], ports[0]]));
        let query = read(&there, false, id, false, kind);
        prop_assert_eq!(query, read(&back, false, id, true, kind));
        let server = [0, 0, 0, u32::from_be_bytes(ends[1])];
        prop_assert_eq!(query.server, server_hash(server, &keys(1)));
        prop_assert_ne!(query.hash, read(&there, false, id ^ 1 << (bit % 16), false, kind).hash);
        prop_assert_ne!(query.hash, read(&there, false, id, false, kind ^ 1 << (bit % 3)).hash);
        let mut other = there;
        other[12 + bit / 8] ^= 1 << (bit % 8);
        prop_assert_ne!(query.hash, read(&other, false, id, false, kind).hash);
    }

    #[test]
    fn both_directions_of_ipv6_are_one_lookup(
        ends in any::<[[u8; 16]; 2]>(),
        ports in any::<[u16; 2]>(),
        id in any::<u16>(),
        bit in 0..288_usize,
    ) {
        let packet = |addresses, ports| {
            Ipv6 { addresses, ..Ipv6::of(17) }.packet(&udp(ports, None, &[]))
        };
        let (there, back) = (packet(ends, ports), packet([ends[1], ends[0]], [ports[1], ports[0]]));
        let query = read(&there, true, id, false, 2);
        prop_assert_eq!(query, read(&back, true, id, true, 2));
        let words: Vec<u32> =
            ends[1].chunks(4).map(|word| u32::from_be_bytes(word.try_into().unwrap())).collect();
        let server = server_hash(words.try_into().unwrap(), &keys(1));
        prop_assert_eq!(query.server, server);
        let mut other = there;
        other[8 + bit / 8] ^= 1 << (bit % 8);
        prop_assert_ne!(query.hash, read(&other, true, id, false, 2).hash);
    }
}

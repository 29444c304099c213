//! What is counted of one message over UDP, whatever headers stand before it.

use netmon_common::{
    abi::{
        dns::{DnsTally, LARGE_SERVERS, LookupEvents, dns_tally},
        labels::{Direction, DnsTransport, IpVersion, QueryType, Resolver},
        slot::BOUNDARY,
    },
    dns::{LARGE_ANSWER, Malformed, server_hash},
};

use crate::{
    IN, OUT,
    books::{Ledger, Seen},
    ledger,
    said::{BACK, PORTS, RESPONSE, TRUNCATED, Way, asks, header, message, name},
};

const CLIENT: u8 = 200;
const SERVER: u8 = 1;

/// Books after one query that leaves, and what of it was counted.
fn asked(way: Way, message: &[u8]) -> (Ledger, DnsTally) {
    let mut ledger = ledger();
    ledger.pass(&way.datagram([CLIENT, SERVER], PORTS, message), way.link(), OUT);
    let tally = tally(&ledger, Direction::Egress);
    (ledger, tally)
}

fn answer(ledger: &mut Ledger, way: Way, message: &[u8]) {
    ledger.pass(&way.datagram([SERVER, CLIENT], BACK, message), way.link(), IN);
}

fn tally(ledger: &Ledger, direction: Direction) -> DnsTally {
    ledger.tallies[dns_tally(BOUNDARY, direction) as usize]
}

/// A tally with one query over UDP.
fn one_query(way: Way, qtype: QueryType) -> DnsTally {
    let version = if way.is_version_6() { IpVersion::V6 } else { IpVersion::V4 };
    let mut tally = DnsTally::ZERO;
    tally.queries[version.index() * QueryType::COUNT + qtype.index()] = 1;
    tally
}

#[test]
fn query_types() {
    for (number, qtype) in [
        (1, QueryType::A),
        (2, QueryType::Ns),
        (5, QueryType::Cname),
        (6, QueryType::Soa),
        (10, QueryType::Null),
        (12, QueryType::Ptr),
        (15, QueryType::Mx),
        (16, QueryType::Txt),
        (28, QueryType::Aaaa),
        (33, QueryType::Srv),
        (65, QueryType::Https),
        (255, QueryType::Any),
        (0, QueryType::Other),
        (64, QueryType::Other),
        (252, QueryType::Other),
        (257, QueryType::Other),
        (65_535, QueryType::Other),
    ] {
        for way in Way::ALL {
            let query = message(7, 0x0100, number);
            let (ledger, tally) = asked(way, &query);
            assert_eq!(tally, one_query(way, qtype), "{number}, {way:?}");
            assert_eq!(ledger.lookups.events, LookupEvents { asked: 1, ..LookupEvents::ZERO });
            assert_eq!(ledger.lookups.pending.iter().sum::<u64>(), 1, "{number}, {way:?}");
            assert_eq!(ledger.due, [query], "{number}, {way:?}");
        }
    }
}

#[test]
fn responses_are_counted_with_the_packets() {
    for way in Way::ALL {
        for code in 0..16 {
            let mut ledger = ledger();
            answer(&mut ledger, way, &message(7, RESPONSE | code, 1));
            let expected = DnsTally { unmatched: 1, ..DnsTally::ZERO };
            assert_eq!(tally(&ledger, Direction::Ingress), expected, "{way:?}, {code}");
            assert_eq!(ledger.lookups.events, LookupEvents::ZERO);
            assert_eq!(ledger.due.len(), 1);
        }
    }
}

/// Messages and what is wrong with them.
fn damaged() -> Vec<(&'static str, Vec<u8>, Option<Malformed>)> {
    let question = [&name(&[7, 3])[..], &[0, 1, 0, 1]].concat();
    let with = |questions, rest: &[u8]| [&header(7, 0x0100, questions), rest].concat();
    let whole = with(1, &question);
    let named = |labels: &[u8]| asks(7, 0x0100, &name(labels), 1);
    vec![
        ("whole", whole.clone(), None),
        ("cut in the header", whole[..11].to_vec(), Some(Malformed::Short)),
        ("nothing but the flags", whole[..4].to_vec(), Some(Malformed::Short)),
        ("nothing but a header", whole[..12].to_vec(), Some(Malformed::Cut)),
        ("cut in a label", whole[..15].to_vec(), Some(Malformed::Cut)),
        ("cut before the root", whole[..24].to_vec(), Some(Malformed::Cut)),
        ("cut in the type", whole[..26].to_vec(), Some(Malformed::Cut)),
        ("cut in the class", whole[..28].to_vec(), Some(Malformed::Cut)),
        ("longer than it need be", [whole, vec![0; 40]].concat(), None),
        ("no question", with(0, &[]), Some(Malformed::Questions)),
        ("no question, says it", with(0, &question), Some(Malformed::Questions)),
        ("two questions", with(2, &question.repeat(2)), Some(Malformed::Questions)),
        ("many questions", with(65_535, &question), Some(Malformed::Questions)),
        ("the root", named(&[]), None),
        ("63 bytes", named(&[63]), None),
        ("64 bytes", with(1, &[64, 0, 1, 0, 1]), Some(Malformed::Label)),
        ("a reserved type", with(1, &[0x80, 0, 1, 0, 1]), Some(Malformed::Label)),
        ("a pointer", with(1, &[0xc0, 12, 0, 1, 0, 1]), Some(Malformed::Pointer)),
        ("a pointer behind a label", with(1, &[1, 97, 255, 12, 0, 1]), Some(Malformed::Pointer)),
        ("255 bytes", named(&[63, 63, 63, 61]), None),
        ("256 bytes", named(&[63, 63, 63, 62]), Some(Malformed::Name)),
        ("127 labels", named(&[1; 127]), None),
        ("128 labels", named(&[1; 128]), Some(Malformed::Name)),
        ("a long name that is cut", named(&[63, 63, 63, 63])[..80].to_vec(), Some(Malformed::Cut)),
    ]
}

#[test]
fn damaged_queries() {
    for way in Way::ALL {
        for (what, query, fault) in damaged() {
            let (ledger, tally) = asked(way, &query);
            let qtype = if fault.is_some() { QueryType::Other } else { QueryType::A };
            let mut expected = one_query(way, qtype);
            if let Some(fault) = fault {
                expected.malformed[fault.index()] = 1;
            }
            assert_eq!(tally, expected, "{what}, {way:?}");
            // Whoever has a header can be answered.
            let asked = u64::from(query.len() >= 12);
            assert_eq!(ledger.lookups.events, LookupEvents { asked, ..LookupEvents::ZERO });
            assert_eq!(ledger.due.len() as u64, asked, "{what}, {way:?}");
        }
    }
}

#[test]
fn bytes_behind_a_datagram_do_not_belong_to_it() {
    let whole = message(7, 0x0100, 1);
    for len in 4..whole.len() {
        let mut frame = Way::V4.datagram([CLIENT, SERVER], PORTS, &whole);
        // UDP claims less than IP holds.
        frame[38..40].copy_from_slice(&(8 + len as u16).to_be_bytes());
        let mut ledger = ledger();
        ledger.pass(&frame, Way::V4.link(), OUT);
        let fault = if len < 12 { Malformed::Short } else { Malformed::Cut };
        let tally = tally(&ledger, Direction::Egress);
        assert_eq!(tally.malformed[fault.index()], 1, "{len}");
        assert_eq!(tally.malformed.iter().sum::<u64>(), 1, "{len}");
    }
}

#[test]
fn what_stands_behind_a_cut_question_is_not_read() {
    // Root, pointer, and what is neither.
    for behind in [0, 0xc0, 0x40, 1] {
        let query = asks(7, 0x0100, &[3, 97, 97, 97, behind, 0, 0, 0, 0], 1);
        let mut frame = Way::V4.datagram([CLIENT, SERVER], PORTS, &query);
        frame[38..40].copy_from_slice(&(8 + 12 + 4_u16).to_be_bytes());
        let mut ledger = ledger();
        ledger.pass(&frame, Way::V4.link(), OUT);
        let tally = tally(&ledger, Direction::Egress);
        assert_eq!(tally.malformed[Malformed::Cut.index()], 1, "{behind:#x}");
    }
}

#[test]
fn responses_may_have_one_question_or_none() {
    for (questions, fault) in [(0, 0), (1, 0), (2, 1), (65_535, 1)] {
        let mut ledger = ledger();
        answer(&mut ledger, Way::V4, &[header(7, RESPONSE, questions), vec![0; 40]].concat());
        let tally = tally(&ledger, Direction::Ingress);
        assert_eq!(tally.malformed[Malformed::Questions.index()], fault, "{questions}");
        assert_eq!(tally.malformed.iter().sum::<u64>(), fault, "{questions}");
    }
    let mut ledger = ledger();
    for len in [3, 4, 11] {
        answer(&mut ledger, Way::V6, &message(7, RESPONSE, 1)[..len]);
    }
    let tally = tally(&ledger, Direction::Ingress);
    assert_eq!(tally.malformed[Malformed::Short.index()], 3);
    assert_eq!(tally.unmatched, 0, "nobody knows what they answer");
}

#[test]
fn merged_datagrams_are_no_lookups() {
    let seen = Seen { times: 40, ..OUT };
    for way in Way::ALL {
        let mut ledger = ledger();
        ledger.pass(&way.datagram([CLIENT, SERVER], PORTS, &message(7, 0, 1)), way.link(), seen);
        ledger.pass(&way.datagram([CLIENT, SERVER], PORTS, &header(7, 0, 9)), way.link(), seen);
        let tally = tally(&ledger, Direction::Egress);
        let family = usize::from(way.is_version_6()) * QueryType::COUNT;
        assert_eq!(tally.queries[family + QueryType::A.index()], 40);
        assert_eq!(tally.queries[family + QueryType::Other.index()], 40);
        assert_eq!(tally.malformed[Malformed::Questions.index()], 40);
        assert_eq!(ledger.lookups.events, LookupEvents::ZERO);
        assert!(ledger.due.is_empty());
    }
}

#[test]
fn answers_that_are_cut_or_large_count_by_their_server() {
    for (flags, len, truncated, large) in [
        (0, LARGE_ANSWER, 0, 0),
        (0, LARGE_ANSWER + 1, 0, 1),
        (TRUNCATED, 40, 1, 0),
        (TRUNCATED, 1400, 1, 1),
    ] {
        for known in [false, true] {
            let mut ledger = ledger();
            let server = server_hash([0, 0, 0, 0x0a00_0001], &ledger.keys);
            if known {
                ledger.settings.resolvers[4] = server;
            }
            let query = Way::V4.datagram([CLIENT, SERVER], PORTS, &message(7, 0x0100, 1));
            ledger.pass(&query, Way::V4.link(), OUT);
            let mut response = message(7, RESPONSE | flags, 1);
            response.resize(len, 0);
            answer(&mut ledger, Way::V4, &response);
            let place = if known { 4 } else { Resolver::Other.index() };
            let events = &ledger.lookups.events;
            assert_eq!(events.truncated[place], truncated, "{flags:x}, {len}");
            assert_eq!(events.truncated.iter().sum::<u64>(), truncated, "{flags:x}, {len}");
            let bucket = (server >> 32) as usize % LARGE_SERVERS;
            assert_eq!(ledger.lookups.large[bucket], large, "{flags:x}, {len}");
            assert_eq!(ledger.lookups.large.iter().sum::<u64>(), large, "{flags:x}, {len}");
            let udp = ledger.times[place * 2 + DnsTransport::Udp.index()].nanoseconds.total();
            assert_eq!((udp, events.answered), (1, 1), "{flags:x}, {len}");
        }
    }
}

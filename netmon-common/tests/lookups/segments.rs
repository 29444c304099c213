//! Messages in streams, however segments cut them, are what they are one by one.

use netmon_common::{
    abi::{
        dns::{DnsTally, dns_tally},
        labels::{Direction, IpVersion},
        slot::BOUNDARY,
    },
    dns::{LARGE_MESSAGE, Malformed},
    wire::dns::Ports,
};
use proptest::{collection::vec, prelude::*, sample::select};

use crate::{
    OUT,
    books::Ledger,
    conversation::{Cut, FIN, PUSH, RST, Talk, counted, cuts, headers, messages, stream},
    ledger,
    said::{RESPONSE, Way, asks, header, message, name},
};

const TALK: Talk = Talk { way: Way::V4, client: 200, first: 1 };

fn pass(ledger: &mut Ledger, talk: Talk, stream: &[u8], cut: &Cut) -> usize {
    ledger.pass(&talk.frame(stream, cut), talk.way.link(), OUT)
}

fn tally(ledger: &Ledger) -> DnsTally {
    ledger.tallies[dns_tally(BOUNDARY, Direction::Egress) as usize]
}

fn version(way: Way) -> IpVersion {
    if way.is_version_6() { IpVersion::V6 } else { IpVersion::V4 }
}

/// Fails where not all messages were counted, each of them once.
fn check(ledger: &Ledger, expected: &DnsTally, messages: &[Vec<u8>]) -> Result<(), TestCaseError> {
    let asked = headers(messages).filter(|(response, _)| !response).count() as u64;
    let unmatched = headers(messages).count() as u64 - asked;
    prop_assert_eq!(tally(ledger), DnsTally { unmatched, ..*expected });
    let events = &ledger.lookups.events;
    prop_assert_eq!(events.asked, asked);
    // The names of each are due, or it is said that they came in pieces.
    prop_assert_eq!(
        ledger.due.len() as u64 + events.names_split + events.answers_split,
        asked + unmatched
    );
    let mut whole = messages.iter();
    for due in &ledger.due {
        prop_assert!(whole.any(|message| message == due), "{due:02x?} is no message, or late");
    }
    Ok(())
}

fn way() -> impl Strategy<Value = Way> {
    select(Way::ALL.to_vec())
}

/// How long segments are.
fn lengths() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![
        1 => Just(vec![1]),
        1 => Just(vec![2, 1]),
        3 => vec(1..40_usize, 1..20),
        3 => vec(prop_oneof![1..40_usize, 500..1449_usize], 1..20),
        1 => Just(vec![60_000]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn in_order(
        messages in messages(30),
        lengths in lengths(),
        way in way(),
        first in prop_oneof![any::<u32>(), u32::MAX - 300..=u32::MAX],
    ) {
        let (mut ledger, bytes) = (ledger(), stream(&messages));
        let talk = Talk { way, first, ..TALK };
        for cut in cuts(bytes.len(), &lengths) {
            pass(&mut ledger, talk, &bytes, &cut);
        }
        pass(&mut ledger, talk, &bytes, &Cut { from: bytes.len(), to: bytes.len(), flags: FIN });
        check(&ledger, &counted(&messages, version(way)), &messages)?;
    }

    #[test]
    fn sent_again_and_overlapping(
        messages in messages(20),
        lengths in lengths(),
        again in vec((0..4_usize, 0..200_usize, 0..200_usize), 1..20),
        way in way(),
    ) {
        let (mut ledger, bytes) = (ledger(), stream(&messages));
        let talk = Talk { way, ..TALK };
        let cuts = cuts(bytes.len(), &lengths);
        for (cut, (times, back, on)) in cuts.iter().zip(again.iter().cycle()) {
            // It may begin earlier than it need, and end later, and come several times.
            let from = cut.from.saturating_sub(*back);
            let on = bytes.len().min(cut.to + on);
            pass(&mut ledger, talk, &bytes, &Cut { from, to: on, flags: PUSH });
            for _ in 0..*times {
                pass(&mut ledger, talk, &bytes, cut);
            }
        }
        check(&ledger, &counted(&messages, version(way)), &messages)?;
    }

    #[test]
    fn several_connections_at_once(
        talks in vec((messages(8), lengths(), way(), any::<u32>()), 1..5),
        order in vec(0..5_usize, 1..40),
    ) {
        let mut ledger = ledger();
        let mut expected = DnsTally::ZERO;
        let mut open = Vec::new();
        let mut responses = 0;
        for (client, (messages, lengths, way, first)) in talks.into_iter().enumerate() {
            expected.add(&counted(&messages, version(way)));
            responses += headers(&messages).filter(|(response, _)| *response).count() as u64;
            let bytes = stream(&messages);
            let mut cuts = cuts(bytes.len(), &lengths);
            cuts.reverse();
            open.push((Talk { way, client: client as u8 + 100, first }, bytes, cuts));
        }
        let mut order = order.iter().cycle();
        while open.iter().any(|(.., cuts)| !cuts.is_empty()) {
            let next = *order.next().unwrap();
            // Where that one is done, the next that is not.
            let mut places = (0..open.len()).map(|more| (next + more) % open.len());
            let place = places.find(|place| !open[*place].2.is_empty()).unwrap();
            let (talk, bytes, cuts) = &mut open[place];
            let cut = cuts.pop().unwrap();
            pass(&mut ledger, *talk, bytes, &cut);
        }
        prop_assert_eq!(tally(&ledger), DnsTally { unmatched: responses, ..expected });
    }
}

#[test]
fn a_segment_holds_any_number_of_messages() {
    for count in [1, 2, 31, 32, 33, 34, 40, 300] {
        let messages: Vec<_> = (0..count).map(|id| message(id, 0x0100, 28)).collect();
        let (mut ledger, bytes) = (ledger(), stream(&messages));
        let cut = Cut { from: 0, to: bytes.len(), flags: PUSH };
        assert_eq!(pass(&mut ledger, TALK, &bytes, &cut), usize::from(count), "one turn each");
        check(&ledger, &counted(&messages, IpVersion::V4), &messages).unwrap();
        let events = &ledger.lookups.events;
        assert_eq!([events.names_split, events.answers_split], [0, 0]);
    }
}

#[test]
fn who_may_not_read_on_says_so() {
    let messages: Vec<_> = (0..9).map(|id| message(id, 0x0100, 28)).collect();
    let (mut ledger, bytes) = (ledger(), stream(&messages));
    ledger.turns = 4;
    pass(&mut ledger, TALK, &bytes, &Cut { from: 0, to: bytes.len(), flags: PUSH });
    let lost = DnsTally { streams_lost: 1, ..counted(&messages[..4], IpVersion::V4) };
    check(&ledger, &lost, &messages[..4]).unwrap();
}

#[test]
fn long_names_take_several_turns() {
    for (labels, turns) in [(1, 1), (8, 1), (30, 3), (60, 5), (127, 9)] {
        let query = asks(7, 0x0100, &name(&vec![1; labels]), 28);
        let (mut ledger, bytes) = (ledger(), stream(std::slice::from_ref(&query)));
        let cut = Cut { from: 0, to: bytes.len(), flags: PUSH };
        assert_eq!(pass(&mut ledger, TALK, &bytes, &cut), turns, "{labels} labels");
        let queries = [query];
        check(&ledger, &counted(&queries, IpVersion::V4), &queries).unwrap();
    }
}

#[test]
fn a_connection_that_ends_within_a_message_cuts_it() {
    let whole = message(7, 0x0100, 1);
    let bytes = stream(&[whole.clone(), whole.clone()]);
    for flags in [FIN, RST, FIN | RST] {
        for end in 0..=bytes.len() {
            let mut ledger = ledger();
            pass(&mut ledger, TALK, &bytes, &Cut { from: 0, to: end, flags: PUSH });
            pass(&mut ledger, TALK, &bytes, &Cut { from: end, to: end, flags });
            let one = bytes.len() / 2;
            let cut = u64::from(end % one != 0);
            let tally = tally(&ledger);
            let place = Malformed::COUNT + Malformed::Cut.index();
            assert_eq!(tally.malformed[place], cut, "{flags:#x} at {end}");
            assert_eq!(tally.tcp_message_bytes.total(), (end / one) as u64, "{flags:#x} at {end}");
            assert_eq!(tally.streams_lost, 0, "{flags:#x} at {end}");
            // What comes next on the same ports is another connection.
            let next = Talk { first: 1 << 31, ..TALK };
            pass(&mut ledger, next, &bytes, &Cut { from: 0, to: one, flags: PUSH | FIN });
            assert_eq!(self::tally(&ledger).tcp_message_bytes.total(), (end / one) as u64 + 1);
            assert_eq!(self::tally(&ledger).streams_lost, 0, "{flags:#x} at {end}");
        }
    }
}

#[test]
fn what_is_sent_again_after_the_end_does_not_count_again() {
    let messages = [message(7, 0x0100, 1), message(8, 0x8180, 28), message(9, 0x0100, 1)];
    let bytes = stream(&messages);
    let third = bytes.len() / 3;
    for flags in [FIN, FIN | RST] {
        let mut ledger = ledger();
        let segments = [
            Cut { from: 0, to: third, flags: PUSH },
            Cut { from: third, to: bytes.len(), flags },
            Cut { from: 0, to: third, flags: PUSH },
            Cut { from: third, to: bytes.len(), flags },
            Cut { from: bytes.len(), to: bytes.len(), flags },
        ];
        for cut in segments {
            pass(&mut ledger, TALK, &bytes, &cut);
        }
        check(&ledger, &counted(&messages, IpVersion::V4), &messages).unwrap();
        // Another connection on the same ports begins anywhere.
        for first in [TALK.first + (1 << 22), 1 << 31] {
            let next = Talk { first, ..TALK };
            let before = tally(&ledger).tcp_message_bytes.total();
            for cut in &cuts(bytes.len(), &[9]) {
                pass(&mut ledger, next, &bytes, cut);
            }
            pass(&mut ledger, next, &bytes, &Cut { from: bytes.len(), to: bytes.len(), flags });
            let after = tally(&ledger);
            let found = (after.tcp_message_bytes.total(), after.streams_lost);
            assert_eq!(found, (before + 3, 0), "{flags:#x}, {first}");
        }
    }
}

#[test]
fn large_messages_are_those_of_no_zone_transfer() {
    let long = |mut message: Vec<u8>, len| {
        message.resize(len, 0);
        message
    };
    let more = header(7, RESPONSE, 0);
    for (what, first, large) in [
        ("an address", message(7, RESPONSE, 1), 1),
        ("text", message(7, RESPONSE, 16), 1),
        ("a transfer", message(7, RESPONSE, 252), 0),
        ("an incremental transfer", message(7, RESPONSE, 251), 0),
        ("a query", message(7, 0x0100, 16), 0),
    ] {
        for (len, is_large) in [(LARGE_MESSAGE - 1, 0), (LARGE_MESSAGE, 1), (65_535, 1)] {
            let mut ledger = ledger();
            let bytes = stream(&[long(first.clone(), len)]);
            for cut in cuts(bytes.len(), &[1448]) {
                pass(&mut ledger, TALK, &bytes, &cut);
            }
            assert_eq!(tally(&ledger).large_tcp, large * is_large, "{what}, {len}");
        }
        // A transfer goes on in messages without a question, until the connection ends.
        let mut ledger = ledger();
        let bytes = stream(&[first, long(more.clone(), LARGE_MESSAGE)]);
        for cut in cuts(bytes.len(), &[1448]) {
            pass(&mut ledger, TALK, &bytes, &cut);
        }
        let goes_on = u64::from(!what.contains("transfer"));
        assert_eq!(tally(&ledger).large_tcp, goes_on, "{what}, and more");
        pass(&mut ledger, TALK, &bytes, &Cut { from: bytes.len(), to: bytes.len(), flags: FIN });
        let (bytes, next) =
            (stream(&[long(more.clone(), LARGE_MESSAGE)]), Talk { first: 1 << 31, ..TALK });
        for cut in cuts(bytes.len(), &[1448]) {
            pass(&mut ledger, next, &bytes, &cut);
        }
        assert_eq!(tally(&ledger).large_tcp, goes_on + 1, "{what}, and another connection");
    }
}

#[test]
fn dns_on_another_port_is_read_where_it_is_configured() {
    let bytes = stream(&[message(7, 0x0100, 1)]);
    let frame = Way::V6.segment([200, 1], [40_000, 5300], 1, PUSH, &bytes);
    for (ports, read) in [(Ports::STANDARD, 0), (Ports::with([853, 5300]), 1)] {
        let mut ledger = ledger();
        ledger.settings.ports = ports;
        ledger.pass(&frame, Way::V6.link(), OUT);
        assert_eq!(tally(&ledger).tcp_message_bytes.total(), read, "{ports:?}");
    }
}

//! Streams of which segments are missing, bytes cannot be read, or too many are open.

use std::sync::Arc;

use netmon_common::{
    abi::{
        dns::{DnsTally, dns_tally},
        labels::{Direction, IpVersion},
        slot::BOUNDARY,
    },
    dns::{Keys, Place, STREAM_WAYS, Segment, Sighting},
};
use proptest::{collection::vec, prelude::*};

use crate::{
    OUT, SECOND,
    books::{Ledger, Seen},
    conversation::{Cut, PUSH, Talk, counted, cuts, headers, messages, stream},
    ledger,
    said::{Way, message},
};

const TALK: Talk = Talk { way: Way::V4, client: 200, first: 1 };

/// Keys by which all streams to one server fall into one set, and are told apart by the
/// client.
const ONE_SET: Keys = [0, 0, 1 << 22, 0, 0, 0, 0, 0, 0, 0];

fn pass(ledger: &mut Ledger, talk: Talk, stream: &[u8], cut: &Cut) {
    ledger.pass(&talk.frame(stream, cut), talk.way.link(), OUT);
}

fn tally(ledger: &Ledger) -> DnsTally {
    ledger.tallies[dns_tally(BOUNDARY, Direction::Egress) as usize]
}

fn whole(ledger: &Ledger) -> u64 {
    tally(ledger).tcp_message_bytes.total()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_comes_behind_a_gap_is_counted_from_the_next_segment_on(
        parts in vec((messages(4), any::<bool>()), 1..12),
        first in any::<u32>(),
    ) {
        // Segments that begin with a message each, of which some are missing.
        let mut ledger = ledger();
        let (mut expected, mut lost, mut unmatched) = (DnsTally::ZERO, 0, 0);
        let (mut at, mut next) = (first, None);
        for (messages, is_missing) in parts {
            let bytes = stream(&messages);
            if !is_missing && !bytes.is_empty() {
                lost += u64::from(next.is_some_and(|next| next != at));
                unmatched += headers(&messages).filter(|(response, _)| *response).count() as u64;
                expected.add(&counted(&messages, IpVersion::V4));
                let talk = Talk { first: at, ..TALK };
                for cut in cuts(bytes.len(), &[1400]) {
                    pass(&mut ledger, talk, &bytes, &cut);
                }
                next = Some(at.wrapping_add(bytes.len() as u32));
            }
            at = at.wrapping_add(bytes.len() as u32);
        }
        // A zone transfer lasts until another question, which may be missing.
        let large_tcp = tally(&ledger).large_tcp;
        let expected = DnsTally { streams_lost: lost, unmatched, large_tcp, ..expected };
        prop_assert_eq!(tally(&ledger), expected);
    }

    #[test]
    fn no_byte_counts_twice(
        messages in messages(20),
        lengths in vec(1..300_usize, 1..10),
        missing in vec(any::<bool>(), 1..30),
        start in 0..100_usize,
    ) {
        let (mut ledger, bytes) = (ledger(), stream(&messages));
        let (mut gaps, mut seen, mut next) = (0, 0, None);
        let cuts = cuts(bytes.len(), &lengths);
        for (cut, missing) in cuts.iter().zip(missing.iter().cycle()) {
            // The beginning of the connection was not seen.
            if *missing || cut.from < start {
                continue;
            }
            gaps += u64::from(next.is_some_and(|next| next != cut.from));
            pass(&mut ledger, TALK, &bytes, cut);
            seen += cut.to - cut.from;
            next = Some(cut.to);
        }
        let tally = tally(&ledger);
        prop_assert_eq!(tally.streams_lost, gaps);
        let sizes = &tally.tcp_message_bytes;
        let spoilt = sizes.sum + 2 * sizes.total();
        prop_assert!(spoilt <= seen as u64, "{spoilt} of {seen} bytes");
    }
}

#[test]
fn what_stands_behind_a_packet_does_not_belong_to_it() {
    for way in Way::ALL {
        let bytes = stream(&[message(7, 0x0100, 1), message(8, 0x0100, 1)]);
        let mut ledger = ledger();
        let talk = Talk { way, ..TALK };
        for cut in cuts(bytes.len(), &[5]) {
            let mut frame = talk.frame(&bytes, &cut);
            frame.extend([0; 9]);
            ledger.pass(&frame, way.link(), OUT);
        }
        assert_eq!((whole(&ledger), tally(&ledger).streams_lost), (2, 0), "{way:?}");
    }
}

#[test]
fn a_segment_of_which_bytes_are_missing_is_lost() {
    let one = stream(&[message(7, 0x0100, 1)]);
    let bytes = one.repeat(3);
    let frame = Way::V4.segment([200, 1], [40_000, 53], 1, PUSH, &bytes);
    let at = frame.len() - bytes.len();
    let transport = at - 32;
    let place =
        Place { network: 14, version_6: 0, transport, sighting: Sighting::FIRST, vantage: 1 };
    for kept in 0..bytes.len() {
        let mut ledger = ledger();
        let cut: Arc<[u8]> = frame[..at + kept].into();
        let segment = Segment { sequence: 1, flags: PUSH, at, end: frame.len(), direction: 1 };
        ledger.read_on(&cut, &place, &segment);
        let tally = ledger.tallies[0];
        // Behind the question nothing is looked at but the length: there it may be cut.
        let read = (kept + 2) / one.len();
        assert_eq!(tally.tcp_message_bytes.total(), read as u64, "{kept}");
        assert_eq!(tally.streams_lost, u64::from(read < 3), "{kept}");
        // The next one is read from its beginning.
        let whole: Arc<[u8]> = frame.clone().into();
        let sequence = 1 + bytes.len() as u32;
        ledger.read_on(&whole, &place, &Segment { sequence, ..segment });
        let after = ledger.tallies[0];
        assert_eq!(after.tcp_message_bytes.total(), read as u64 + 3, "{kept}");
        assert_eq!(after.streams_lost, tally.streams_lost, "{kept}");
    }
}

#[test]
fn the_stream_that_was_used_least_lately_gives_way() {
    let bytes = stream(&[message(7, 0x0100, 1)]);
    let half = bytes.len() / 2;
    let begin = Cut { from: 0, to: half, flags: PUSH };
    let rest = Cut { from: half, to: bytes.len(), flags: PUSH };
    let all = Cut { from: 0, to: bytes.len(), flags: PUSH };
    let talk = |client: usize| Talk { client: client as u8, ..TALK };
    for (first, lost) in [(&begin, 1), (&all, 0)] {
        let mut ledger = Ledger::new(ONE_SET);
        for client in 0..STREAM_WAYS {
            pass(&mut ledger, talk(client), &bytes, first);
            ledger.now += 2 * SECOND;
        }
        // The first one speaks again, so that the second one is the oldest.
        pass(&mut ledger, talk(0), &bytes, &begin);
        ledger.now += 2 * SECOND;
        pass(&mut ledger, talk(STREAM_WAYS), &bytes, &begin);
        assert_eq!(tally(&ledger).streams_lost, lost);
        let before = whole(&ledger);
        for client in (0..=STREAM_WAYS).filter(|client| *client != 1) {
            pass(&mut ledger, talk(client), &bytes, &rest);
        }
        assert_eq!(tally(&ledger).streams_lost, lost);
        let more = if lost == 1 { STREAM_WAYS } else { 1 };
        assert_eq!(whole(&ledger), before + more as u64);
    }
}

#[test]
fn directions_and_vantages_are_streams_of_their_own() {
    let bytes = stream(&[message(7, 0x0100, 1)]);
    let half = bytes.len() / 2;
    let mut ledger = ledger();
    let seen = Direction::ALL
        .iter()
        .flat_map(|direction| (1..4).map(|vantage| Seen { direction: *direction, vantage, ..OUT }));
    for cut in
        [Cut { from: 0, to: half, flags: PUSH }, Cut { from: half, to: bytes.len(), flags: PUSH }]
    {
        let frame = TALK.frame(&bytes, &cut);
        for seen in seen.clone() {
            ledger.pass(&frame, TALK.way.link(), seen);
        }
    }
    for seen in seen {
        let tally = ledger.tallies[dns_tally(seen.vantage, seen.direction) as usize];
        let found = (tally.tcp_message_bytes.total(), tally.streams_lost);
        assert_eq!(found, (1, 0), "{seen:?}");
    }
}

//! Connections of a capture: what a tracker makes of segments, however they come, is what
//! was said.

mod conversation;

use std::time::Duration;

use netmon_common::{
    abi::{
        labels::{CloseReason, FailReason, Role},
        networks::Networks,
    },
    wire::tcp::{ACK, FIN, RST, SYN},
};
use proptest::{collection::vec, prelude::*};

use self::conversation::{Conversation, conversation};
use super::{segment::Segment, tracker::Tracker};
use crate::{
    flows::{End, Record},
    key::Key,
};

/// What a tracker tells of segments, and of silence for so long after them.
fn tracked(segments: &[Segment], silence: Duration) -> (Vec<Record>, u64) {
    let (mut tracker, mut records) = (Tracker::new(Key::FIXED), Vec::new());
    let mut last = Duration::ZERO;
    for segment in segments {
        last = segment.at;
        tracker.take(segment, &Networks::NONE, |record| records.push(*record));
    }
    tracker.expire(last + silence, &Networks::NONE, |record| records.push(*record));
    (records, tracker.evicted)
}

/// A client in the Internet, and a server here.
const CLIENT: ([u8; 4], u16) = ([203, 0, 113, 7], 40_000);
const SERVER: ([u8; 4], u16) = ([10, 0, 0, 1], 22);

/// How it ended, bytes of client and server, and milliseconds of life and handshake.
type Told = (End, [u64; 2], u64, Option<u64>);

/// A segment of the client, or of the server: milliseconds, flags, number, bytes.
type Row = (bool, u64, u8, u32, u32);

fn segments(rows: &[Row]) -> Vec<Segment> {
    let [client, server] = [CLIENT, SERVER].map(|(address, port)| (address.into(), port));
    let segment = |(by_server, at, flags, sequence, payload): &Row| {
        let [from, to] = if *by_server { [server, client] } else { [client, server] };
        let at = Duration::from_millis(*at);
        Segment { at, from, to, sequence: *sequence, flags: *flags, payload: *payload }
    };
    rows.iter().map(segment).collect()
}

const SYNACK: u8 = SYN | ACK;
const FINACK: u8 = FIN | ACK;
const HOUR: Duration = Duration::from_secs(3600);

#[test]
#[rustfmt::skip]
fn every_way_to_end() {
    use CloseReason::{Fin, ResetReceived, ResetSent};
    const OPEN: [Row; 3] = [(false, 0, SYN, 9, 0), (true, 10, SYNACK, 99, 0), (false, 20, ACK, 10, 0)];
    let open = |rest: &[Row]| [&OPEN[..], rest].concat();
    let closed = End::Closed;
    // What is seen; the end, bytes of client and server, milliseconds, handshake.
    let cases: [(&str, Vec<Row>, Option<Told>); 17] = [
        ("nothing but a request", vec![(false, 0, SYN, 9, 0)], Some((End::Failed(FailReason::Timeout), [0, 0], 0, None))),
        ("a request sent again", vec![(false, 0, SYN, 9, 0), (false, 1000, SYN, 9, 0)], Some((End::Failed(FailReason::Timeout), [0, 0], 1000, None))),
        ("refused", vec![(false, 0, SYN, 9, 0), (true, 5, RST | ACK, 0, 0)], Some((End::Failed(FailReason::Refused), [0, 0], 5, None))),
        ("given up by the client", vec![(false, 0, SYN, 9, 0), (false, 5, RST, 10, 0)], Some((End::Failed(FailReason::Local), [0, 0], 5, None))),
        ("half open", vec![(false, 0, SYN, 9, 0), (true, 5, SYNACK, 99, 0), (false, 6, RST, 10, 0)], Some((End::Failed(FailReason::Reset), [0, 0], 6, Some(5)))),
        ("still open", open(&[]), None),
        ("closed by both", open(&[(false, 30, ACK, 10, 50), (true, 40, FINACK, 100, 7), (false, 50, FINACK, 60, 0), (true, 60, ACK, 108, 0)]), Some((closed(Fin), [50, 7], 50, Some(10)))),
        ("closed by the client alone, long ago", open(&[(false, 30, FINACK, 10, 3)]), Some((closed(Fin), [3, 0], 30, Some(10)))),
        ("reset by the client", open(&[(true, 30, ACK, 100, 7), (false, 40, RST, 10, 0)]), Some((closed(ResetReceived), [0, 7], 40, Some(10)))),
        ("reset by the server", open(&[(false, 30, ACK, 10, 50), (true, 40, RST, 100, 0)]), Some((closed(ResetSent), [50, 0], 40, Some(10)))),
        ("sent again", open(&[(false, 30, ACK, 10, 50), (false, 35, ACK, 10, 50), (true, 40, RST, 100, 0)]), Some((closed(ResetSent), [50, 0], 40, Some(10)))),
        ("out of order", open(&[(false, 30, ACK, 60, 50), (false, 35, ACK, 10, 50), (true, 40, RST, 100, 0)]), Some((closed(ResetSent), [100, 0], 40, Some(10)))),
        ("the end before the last bytes", open(&[(false, 30, FINACK, 60, 0), (true, 40, FINACK, 100, 0), (false, 50, ACK, 10, 50)]), Some((closed(Fin), [50, 0], 40, Some(10)))),
        ("the end twice, and late segments", open(&[(false, 30, FINACK, 10, 0), (false, 35, FINACK, 10, 0), (true, 40, FINACK, 100, 0), (false, 41, ACK, 11, 0), (true, 42, RST, 101, 0)]), Some((closed(Fin), [0, 0], 40, Some(10)))),
        ("in the middle", vec![(true, 5, ACK, 500, 100), (false, 6, ACK, 70, 0), (true, 7, FINACK, 600, 20), (false, 8, FINACK, 70, 0)], Some((closed(Fin), [0, 120], 3, None))),
        ("from the answer on", vec![(true, 5, SYNACK, 99, 0), (false, 6, ACK, 10, 4), (false, 8, RST, 14, 0)], Some((closed(ResetReceived), [4, 0], 3, None))),
        ("a reset out of nowhere", vec![(true, 5, RST, 99, 0)], None),
    ];
    for (name, rows, expected) in cases {
        let (records, evicted) = tracked(&segments(&rows), HOUR);
        assert_eq!((records.len(), evicted), (usize::from(expected.is_some()), 0), "{name}: {records:?}");
        let Some((end, bytes, millis, handshake)) = expected else { continue };
        let record = records[0];
        assert_eq!((record.end, record.role), (end, Role::Passive), "{name}");
        assert_eq!([record.client_bytes, record.server_bytes], bytes, "{name}");
        assert_eq!(record.ended.saturating_sub(record.began).as_millis(), u128::from(millis), "{name}");
        assert_eq!(record.handshake, handshake.map(Duration::from_millis), "{name}");
        assert_eq!(record.seen_to_open, rows[0].2 == SYN, "{name}");
        assert_eq!((record.client, record.client_port), (CLIENT.0.into(), CLIENT.1), "{name}");
        assert_eq!((record.server, record.service_port), (SERVER.0.into(), SERVER.1), "{name}");
    }
}

#[test]
fn ports_are_used_again() {
    let first = [(false, 0, SYN, 9, 0), (true, 1, SYNACK, 99, 0), (false, 2, ACK, 10, 5)];
    let second = [
        (false, 1000, SYN, 70_000, 0),
        (true, 1001, SYNACK, 5, 0),
        (false, 1002, ACK, 70_001, 8),
        (true, 1003, RST, 6, 0),
    ];
    let (records, _) = tracked(&segments(&[&first[..], &second].concat()), HOUR);
    let told: Vec<_> = records.iter().map(|it| (it.end, it.client_bytes)).collect();
    let ends = [CloseReason::Timeout, CloseReason::ResetSent].map(End::Closed);
    assert_eq!(told, [(ends[0], 5), (ends[1], 8)]);
}

#[test]
fn who_this_host_is() {
    let outside = [203, 0, 113, 7];
    for (client, server, expected) in [
        (outside, [10, 0, 0, 1], &[Role::Passive][..]),
        ([10, 0, 0, 1], outside, &[Role::Active]),
        (outside, [198, 51, 100, 1], &[Role::Passive]),
        ([10, 0, 0, 1], [192, 168, 0, 1], &[Role::Passive, Role::Active]),
        ([127, 0, 0, 1], [127, 0, 0, 1], &[Role::Passive, Role::Active]),
    ] {
        let talk = Conversation {
            ends: [(client.into(), 1), (server.into(), 2)],
            ..Conversation::short()
        };
        let (records, _) = tracked(&talk.segments(), HOUR);
        let roles: Vec<_> = records.iter().map(|it| it.role).collect();
        assert_eq!(roles, expected, "{client:?} to {server:?}");
    }
}

#[test]
fn a_flood_of_requests_pushes_no_open_connection_out() {
    let open = segments(&[(false, 0, SYN, 9, 0), (true, 1, SYNACK, 99, 0), (false, 2, ACK, 10, 5)]);
    let end = segments(&[(false, 9000, FINACK, 15, 0), (true, 9001, FINACK, 100, 0)]);
    let flood = (0..60_000_u32).map(|number| {
        let [_, a, b, c] = number.to_be_bytes();
        let from = ([198, 18 + a, b, c].into(), 999);
        Segment { at: Duration::from_millis(5), from, flags: SYN, payload: 0, ..open[0] }
    });
    let all: Vec<_> = open.iter().copied().chain(flood).chain(end).collect();
    let (records, evicted) = tracked(&all, Duration::ZERO);
    assert_eq!(records.len(), 1, "the open one, which was closed");
    assert_eq!(records[0].end, End::Closed(CloseReason::Fin));
    assert!((40_000..60_000).contains(&evicted), "{evicted}");
}

proptest! {
    #[test]
    fn conversations_are_told_as_they_were(talks in vec(conversation(), 1..12)) {
        let mut segments: Vec<Segment> = Vec::new();
        let mut expected: Vec<Record> = Vec::new();
        for (number, talk) in (0..).zip(&talks) {
            let mut talk = talk.clone();
            // No two of them have the same ends.
            talk.ends[0].1 = 20_000 + number;
            segments.extend(talk.segments());
            expected.extend(talk.told());
        }
        segments.sort_by_key(|segment| segment.at);
        let (mut found, evicted) = tracked(&segments, HOUR * 24);
        prop_assert_eq!(evicted, 0);
        let order = |record: &Record| (record.client_port, record.role);
        found.sort_by_key(order);
        expected.sort_by_key(order);
        prop_assert_eq!(found, expected);
    }
}

#[test]
fn hostile_numbers_do_no_harm() {
    let mut rows = vec![(false, 0, SYN, u32::MAX, 0), (true, 1, SYNACK, u32::MAX - 1, 0)];
    for (sequence, payload) in [(0, 9), (1 << 31, 100), (u32::MAX, u32::MAX), (9, 65_535)] {
        for flags in [ACK, 0, SYNACK, SYN | FIN, !RST] {
            rows.push((rows.len() % 2 == 0, 5, flags, sequence, payload));
        }
    }
    let (records, _) = tracked(&segments(&rows), HOUR);
    assert!(records.iter().all(|it| it.client_bytes < 1 << 40), "{records:?}");
}

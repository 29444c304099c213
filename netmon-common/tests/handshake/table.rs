//! What becomes of the entries of a set.

use netmon_common::{
    handshake::{Entry, Flow, Set, Step},
    packet::Link,
};

use crate::{frame::Ipv4, frame::tcp, keys};

const MILLISECOND: u64 = 1_000_000;
const SECOND: u64 = 1_000 * MILLISECOND;
/// The unit of times in entries.
const UNIT: u64 = 1024;

/// Flows that differ.
fn flow(number: u8) -> Flow {
    let packet = Ipv4 { addresses: [[10, 0, 0, number], [10, 0, 1, 1]], ..Ipv4::of(6) };
    let frame = packet.packet(&tcp(5, 0x02));
    Flow::read(&*frame, Link::Raw, Step::Request, &keys(1)).unwrap()
}

fn ask(set: &mut Set, flow: Flow, at: u64) -> Option<usize> {
    let (place, entry) = flow.requested(*set, at)?;
    set[place] = entry.to_word();
    Some(place)
}

/// Where the request is, and how long ago it came.
fn answer(set: &Set, flow: Flow, at: u64) -> Option<(usize, Option<u64>)> {
    let (place, entry) = flow.answered(*set)?;
    Some((place, entry.age(at)))
}

#[test]
fn a_request_is_found_by_its_answer_and_no_other() {
    for began in [0, 1, UNIT, 5 * SECOND, u64::MAX / 2, u64::MAX - SECOND] {
        for took in [0, UNIT, 50_000, 10 * MILLISECOND, SECOND / 2, 60 * SECOND] {
            let mut set = Set::default();
            assert_eq!(ask(&mut set, flow(1), began), Some(0));
            let (place, age) = answer(&set, flow(1), began.wrapping_add(took)).unwrap();
            assert_eq!(place, 0);
            // As exact as the unit.
            assert!(age.unwrap().abs_diff(took) <= UNIT, "{began} {took}: {age:?}");
            assert_eq!(answer(&set, flow(2), began), None, "nobody asked");
            set[0] = Entry::EMPTY.to_word();
            assert_eq!(answer(&set, flow(1), began), None, "answered before");
        }
    }
}

#[test]
fn a_request_that_is_sent_again_keeps_its_time() {
    let mut set = Set::default();
    ask(&mut set, flow(1), 0);
    for again in [1, 3, 7, 19, 35, 60] {
        assert_eq!(ask(&mut set, flow(1), again * SECOND), None, "{again} s");
    }
    assert!(answer(&set, flow(1), 61 * SECOND).unwrap().1.unwrap() > 60 * SECOND);
}

#[test]
fn a_request_that_was_given_up_is_forgotten() {
    let mut set = Set::default();
    ask(&mut set, flow(1), 0);
    assert_eq!(answer(&set, flow(1), 70 * SECOND), Some((0, None)), "too old to be meant");
    assert_eq!(ask(&mut set, flow(1), 70 * SECOND), Some(0), "asked anew, in the same place");
    assert_eq!(answer(&set, flow(1), 71 * SECOND), Some((0, Some(SECOND / UNIT * UNIT))));
}

#[test]
fn empty_entries_go_first_then_the_oldest() {
    // Also where times wrap, 73 minutes after the machine started.
    for start in [SECOND, (1 << 42) - 2 * SECOND, 1 << 50] {
        let mut set = Set::default();
        for number in 0..4 {
            let at = start + u64::from(number) * SECOND;
            assert_eq!(ask(&mut set, flow(number), at), Some(number.into()), "room");
        }
        set[2] = Entry::EMPTY.to_word();
        assert_eq!(ask(&mut set, flow(10), start + 4 * SECOND), Some(2), "what was answered");
        for (number, place) in [(11, 0), (12, 1), (13, 3), (14, 2)] {
            let at = start + u64::from(number) * SECOND;
            assert_eq!(ask(&mut set, flow(number), at), Some(place), "the oldest: {number}");
        }
        for number in 0..4 {
            assert_eq!(answer(&set, flow(number), start + 20 * SECOND), None, "displaced");
        }
        assert_eq!(answer(&set, flow(14), start + 14 * SECOND).unwrap().0, 2);
    }
}

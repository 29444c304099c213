//! DNS messages over UDP and TCP, one behind the other: what is remembered of the ones
//! before must be the same in the kernel and in user space, too.

use netmon_common::{abi::labels::Direction, packet::Link};
use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, TestRunner},
};

use crate::{
    conversation::{Cut, FIN, PUSH, RST, Talk, cuts, messages, stream},
    message,
    programs::{LOOPBACK, Merged, programs},
    said::{self, BACK, PORTS, RESPONSE, TRUNCATED, Way},
    trial::{SLOT, Trial},
};

/// The largest frame that a trial takes is a page without head and tail room.
const LARGEST: usize = 1400;

impl Trial {
    /// Forgets all that was said, on a device whose frames begin so.
    fn anew(&mut self, link: Link) {
        self.programs.lookups.forget();
        self.programs.enter(LOOPBACK, SLOT, Some(link));
    }

    /// A frame behind others that belong to it.
    fn hear(&mut self, frame: &[u8], link: Link, direction: Direction) -> Result<(), String> {
        self.compare_on(SLOT, frame, link, direction, Merged::default())
    }
}

/// Messages that are whole, and some that are not.
fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let mut seeds = message::all();
    for (name, labels) in [
        ("longest", vec![63, 63, 63, 61]),
        ("too_long", vec![63, 63, 63, 62]),
        ("most_labels", vec![1; 127]),
        ("too_many_labels", vec![1; 128]),
    ] {
        seeds.push((name, said::asks(7, 0x0100, &said::name(&labels), 28)));
    }
    seeds
}

#[test]
fn every_cut_of_every_message_over_udp() {
    let mut trial = Trial::of(programs!());
    for (name, message) in seeds() {
        // Every cut by the sender, and every cut of the frame.
        for way in Way::ALL {
            for ports in [PORTS, BACK] {
                for len in 0..=message.len() {
                    let whole = way.datagram([200, 1], ports, &message);
                    let cut = &whole[..whole.len() - len];
                    let shorter = way.datagram([200, 1], ports, &message[..len]);
                    for (frame, direction) in
                        [(&shorter[..], Direction::Egress), (cut, Direction::Ingress)]
                    {
                        trial.anew(way.link());
                        let same = trial.hear(frame, way.link(), direction);
                        assert_eq!(same, Ok(()), "{name}, {len}, {way:?}");
                    }
                }
            }
        }
    }
    assert!(trial.compared() > 10_000, "{}", trial.compared());
}

#[test]
fn every_message_over_tcp_in_two_segments() {
    let mut trial = Trial::of(programs!());
    for (name, message) in seeds() {
        let bytes = stream(&[message.clone(), message]);
        for way in [Way::V4Options, Way::V6Tagged] {
            let talk = Talk { way, client: 200, first: u32::MAX - 20 };
            for at in 1..bytes.len() {
                trial.anew(way.link());
                for cut in [
                    Cut { from: 0, to: at, flags: PUSH },
                    Cut { from: at, to: bytes.len(), flags: PUSH | FIN },
                ] {
                    let frame = talk.frame(&bytes, &cut);
                    let same = trial.hear(&frame, way.link(), Direction::Egress);
                    assert_eq!(same, Ok(()), "{name}, cut at {at}, {way:?}");
                }
            }
        }
    }
}

#[test]
fn more_messages_than_programs_may_call_one_another() {
    let mut trial = Trial::of(programs!());
    for way in Way::ALL {
        for count in [1, 5, 31, 33, 126, 127, 128, 129, 130, 140] {
            trial.anew(way.link());
            let messages: Vec<_> = (0..count).map(|id| said::message(id, 0x0100, 1)).collect();
            let bytes = stream(&messages);
            let talk = Talk { way, client: 200, first: 1 };
            let cut = Cut { from: 0, to: bytes.len(), flags: PUSH };
            for talk in [talk, Talk { first: 1 + bytes.len() as u32, ..talk }] {
                let frame = talk.frame(&bytes, &cut);
                let same = trial.hear(&frame, way.link(), Direction::Egress);
                assert_eq!(same, Ok(()), "{count} messages, {way:?}");
            }
        }
    }
}

#[test]
fn queries_and_their_responses() {
    let mut trial = Trial::of(programs!());
    for way in Way::ALL {
        trial.anew(way.link());
        // More than a set holds, some of them sent again, in both directions.
        for id in (0..300_u16).chain(200..250) {
            for (ends, ports, flags, direction) in [
                ([200, 2], PORTS, 0x0100, Direction::Egress),
                ([201, 2], PORTS, 0x0100, Direction::Ingress),
                ([2, 200], BACK, RESPONSE | (TRUNCATED * (id & 1)), Direction::Ingress),
                ([2, 201], BACK, RESPONSE, Direction::Egress),
            ] {
                if flags & RESPONSE != 0 && id % 3 == 0 {
                    continue;
                }
                let mut message = said::message(id, flags, 1);
                if id % 5 == 0 {
                    message.resize(1300, 0);
                }
                let datagram = way.datagram(ends, ports, &message);
                let segment = way.segment(ends, ports, u32::from(id), PUSH, &stream(&[message]));
                for frame in [datagram, segment] {
                    let same = trial.hear(&frame, way.link(), direction);
                    assert_eq!(same, Ok(()), "{id}, {ends:?}, {way:?}");
                }
            }
        }
    }
    let events = &trial.programs.lookups.ledger.lookups.events;
    assert!(events.answered > 1000 && events.asked > events.answered, "{events:?}");
}

/// What comes next in a conversation: of which client, how many segments back or on, and
/// whether the connection ends.
type Turn = (usize, usize, bool, u8);

#[test]
fn random_conversations() {
    let mut trial = Trial::of(programs!());
    let talk =
        (messages(12), vec(1..LARGEST, 1..8), 0..Way::ALL.len(), any::<u32>(), any::<bool>());
    let turns = vec((0..4_usize, 0..4_usize, any::<bool>(), any::<u8>()), 1..60);
    let cell = std::cell::RefCell::new(&mut trial);
    let config = Config { cases: 600, failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config).run(&(vec(talk, 1..4), turns), |(talks, turns)| {
        let mut trial = cell.borrow_mut();
        trial.anew(Link::Ethernet);
        let mut speakers: Vec<_> = talks
            .into_iter()
            .enumerate()
            .map(|(number, (messages, lengths, way, first, leaves))| {
                let way = if Way::ALL[way].link() == Link::Raw { Way::V6 } else { Way::ALL[way] };
                let bytes = stream(&messages);
                let cuts = cuts(bytes.len(), &lengths);
                (Talk { way, client: 100 + number as u8, first }, bytes, cuts, 0, leaves)
            })
            .collect();
        for (who, back, on, flags) in turns as Vec<Turn> {
            let count = speakers.len();
            let (talk, bytes, cuts, at, leaves) = &mut speakers[who % count];
            // Sent again, in order, or with a gap.
            *at = if on { *at + back / 3 } else { at.saturating_sub(back) };
            let Some(cut) = cuts.get(*at) else { continue };
            let flags = match flags {
                0..8 => FIN,
                8..12 => RST,
                _ => PUSH,
            };
            let cut = Cut { flags, ..cut.clone() };
            *at += 1;
            let direction = if *leaves { Direction::Egress } else { Direction::Ingress };
            let frame = talk.frame(bytes, &cut);
            trial.hear(&frame, Link::Ethernet, direction).map_err(TestCaseError::fail)?;
            // The same bytes as a datagram.
            let payload = bytes.get(cut.from + 2..cut.to).unwrap_or_default();
            for ports in [PORTS, BACK] {
                let frame = talk.way.datagram([talk.client, 1], ports, payload);
                trial.hear(&frame, Link::Ethernet, direction).map_err(TestCaseError::fail)?;
            }
        }
        Ok(())
    });
    assert!(outcome.is_ok(), "{}", outcome.unwrap_err());
    println!("{:?}", trial.programs.lookups.ledger.lookups.events);
    assert!(trial.compared() > 10_000, "{}", trial.compared());
}

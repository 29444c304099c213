//! How workloads of this host talk over connections that are open: how many small
//! segments go back and forth, how often the direction turns, and what that costs.
//!
//! Must not know how much is too much. Invariant: what is said of a span of ten seconds
//! is said when all that is known of it has come; a chat is spread over the spans in
//! which it was.

use std::{net::IpAddr, time::Duration};

use super::{
    report::{Chatter as Found, PARTS, Wasted},
    waste::Waste,
};
use crate::{
    key::{Dice, Key},
    octets::{Octets, address, octets},
    ring::Ring,
    table::{Found as Place, Row, Table},
};

/// Groups of connections that are followed: a workload, an address and a service.
const GROUPS: usize = 256;

/// Seconds of a part of the window.
const PART: u32 = 10;

/// Parts of the window.
const WINDOW: u32 = 6;
const _: () = assert!(WINDOW as usize == PARTS);

/// Payload of a segment, in bytes on average, below which messages are small.
pub(super) const SMALL: u64 = 128;

/// Turns in a second from which small messages of a connection count as waste.
const BUSY: u64 = 100;

/// After so much time without a list of sockets, or a packet, nothing was said.
const STALE: Duration = Duration::from_secs(60);

const SECOND: u64 = 1_000_000_000;

/// What went over one open connection that this host asked for, within a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chat {
    /// Control group of the client, 0 where it is not known.
    pub workload: u64,
    /// The end of this host.
    pub client: IpAddr,
    /// The other one.
    pub server: IpAddr,
    /// Its port.
    pub port: u16,
    /// When the while began, in the time of records.
    pub from: Duration,
    /// When it ended.
    pub to: Duration,
    /// Segments with payload, of both ends.
    pub packets: u64,
    /// Their payload, in bytes.
    pub bytes: u64,
    /// How often a segment with payload came from the other end than the one before.
    pub turns: u64,
    /// The time to the other end and back.
    pub round_trip: Option<Duration>,
}

/// What went over all connections of a group within ten seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Part {
    packets: u64,
    bytes: u64,
    turns: u64,
    /// In nanoseconds.
    waste: u64,
}

/// A workload, an address and a service.
#[derive(Clone, Debug, Default)]
struct Group {
    tag: u32,
    last: u32,
    port: u16,
    workload: u64,
    client: Octets,
    server: Octets,
    parts: Ring<Part, { PARTS + 1 }>,
}

/// All groups.
#[derive(Debug)]
pub(super) struct Chatter {
    groups: Table<Group>,
    waste: Waste,
    /// Up to when all chats have come.
    heard: Duration,
}

impl Chat {
    /// Time that was spent on waiting, in nanoseconds: a round trip for each turn, and no
    /// more than there was.
    fn waste(&self) -> u64 {
        let waited = nanoseconds(self.round_trip.unwrap_or_default()).saturating_mul(self.turns);
        waited.min(self.lasted())
    }

    fn lasted(&self) -> u64 {
        nanoseconds(self.to).saturating_sub(nanoseconds(self.from))
    }

    /// Whether messages are small and many.
    const fn is_chatty(&self, lasted: u64) -> bool {
        let is_small = self.bytes < SMALL.saturating_mul(self.packets);
        is_small && self.turns.saturating_mul(SECOND) >= BUSY.saturating_mul(lasted)
    }
}

impl Row for Group {
    fn tag(&self) -> u32 {
        self.tag
    }

    fn is_over(&self, now: u32) -> bool {
        (now / PART).saturating_sub(self.parts.newest()) > WINDOW
    }

    fn worth(&self) -> u64 {
        let parts = self.parts.up_to(self.parts.newest(), WINDOW + 1);
        // Of few turns nobody wants to know, so that they make way at once.
        parts.map(|part| part.turns).fold(0, u64::saturating_add) / 1024
    }

    fn last(&self) -> u32 {
        self.last
    }
}

impl Chatter {
    /// Nobody talked yet.
    pub(super) fn new() -> Self {
        Self { groups: Table::new(GROUPS), waste: Waste::default(), heard: Duration::ZERO }
    }

    /// All chats up to this moment have come.
    pub(super) fn hear(&mut self, at: Duration) {
        self.heard = self.heard.max(at);
    }

    /// Takes note of what went over a connection.
    pub(super) fn observe(&mut self, chat: &Chat, key: &Key, dice: &mut Dice) {
        // To oneself a turn costs nothing.
        if chat.turns == 0 || chat.server.is_loopback() {
            return;
        }
        if chat.is_chatty(chat.lasted()) {
            self.waste.add(chat.workload, chat.waste());
        }
        let (client, server) = (octets(chat.client), octets(chat.server));
        let Chat { workload, port, .. } = *chat;
        // Where nobody knows what it is, it is whoever has the address.
        let whose = if workload == 0 { client } else { Octets::default() };
        let tag = key.tag(&[&workload.to_be_bytes(), &whose, &server, &port.to_be_bytes()]);
        let second = super::whole(chat.to.as_secs());
        let at = match self.groups.place(tag, second, dice) {
            None => return,
            Some(Place::Known(at)) => at,
            Some(Place::New(at, _)) => {
                if let Some(row) = self.groups.get_mut(at) {
                    *row = Group { tag, port, workload, server, ..Group::default() };
                }
                at
            }
        };
        if let Some(group) = self.groups.get_mut(at) {
            (group.last, group.client) = (second, client);
            spread(&mut group.parts, chat);
        }
    }

    /// Groups that talked, as they did in the last parts of which all is known.
    pub(super) fn candidates(&self, now: Duration) -> Vec<Found> {
        let is_stale = now.saturating_sub(self.heard) > STALE;
        let until = if is_stale { now } else { now.min(self.heard) };
        let Some(over) = (super::whole(until.as_secs()) / PART).checked_sub(1) else {
            return Vec::new();
        };
        let found = self.groups.iter().map(|group| {
            let mut found = Found {
                workload: group.workload,
                client: address(group.client),
                server: address(group.server),
                port: group.port,
                packets: [0; PARTS],
                bytes: [0; PARTS],
                turns: [0; PARTS],
                waste: [0; PARTS],
            };
            let Found { packets, bytes, turns, waste, .. } = &mut found;
            let places = packets.iter_mut().zip(bytes).zip(turns).zip(waste);
            for ((((packets, bytes), turns), waste), part) in
                places.zip(group.parts.up_to(over, WINDOW))
            {
                (*packets, *bytes) = (part.packets, part.bytes);
                (*turns, *waste) = (part.turns, part.waste);
            }
            found
        });
        found.filter(|it| it.turns.iter().any(|turns| *turns > 0)).collect()
    }

    /// Everybody's waste.
    pub(super) fn wasted(&self) -> Vec<Wasted> {
        self.waste.list()
    }

    /// Groups that had to go.
    pub(super) const fn evicted(&self) -> u64 {
        self.groups.evicted
    }

    /// Bytes that all of it takes.
    pub(super) fn bytes(&self) -> usize {
        self.groups.bytes() + self.waste.bytes()
    }
}

/// Adds a chat to the parts in which it was, to each by its share of the time.
fn spread(parts: &mut Ring<Part, { PARTS + 1 }>, chat: &Chat) {
    const LONG: u64 = PART as u64 * SECOND;
    let to = nanoseconds(chat.to);
    let from = nanoseconds(chat.from).min(to);
    let last = to / LONG;
    // What is older is kept nowhere.
    let first = (from / LONG).max(last.saturating_sub(u64::from(WINDOW)));
    let total = u128::from(to - from);
    for number in first..=last {
        let begin = from.max(number.saturating_mul(LONG));
        let end = to.min(number.saturating_add(1).saturating_mul(LONG));
        let within = u128::from(end.saturating_sub(begin));
        let share = |count: u64| match total {
            0 => count,
            _ => u64::try_from(u128::from(count) * within / total).unwrap_or(u64::MAX),
        };
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        if let Some(part) = parts.at(number) {
            part.packets = part.packets.saturating_add(share(chat.packets));
            part.bytes = part.bytes.saturating_add(share(chat.bytes));
            part.turns = part.turns.saturating_add(share(chat.turns));
            part.waste = part.waste.saturating_add(share(chat.waste()));
        }
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn chat(from: u64, to: u64, packets: u64) -> Chat {
        let [from, to] = [from, to].map(Duration::from_millis);
        Chat {
            workload: 0,
            client: [192, 0, 2, 1].into(),
            server: [192, 0, 2, 63].into(),
            port: 5432,
            from,
            to,
            packets,
            bytes: packets * 40,
            turns: packets,
            round_trip: Some(Duration::from_millis(1)),
        }
    }

    fn observe(chats: &[Chat]) -> Chatter {
        let (key, mut chatter) = (Key::FIXED, Chatter::new());
        let mut dice = key.dice();
        for chat in chats {
            chatter.observe(chat, &key, &mut dice);
        }
        chatter
    }

    #[test]
    fn a_chat_counts_where_it_was() {
        for (from, to, expected) in [
            (0, 5000, [1000, 0, 0, 0, 0, 0]),
            (8000, 13_000, [400, 600, 0, 0, 0, 0]),
            (5000, 55_000, [100, 200, 200, 200, 200, 100]),
            (27_000, 27_000, [0, 0, 1000, 0, 0, 0]),
        ] {
            let mut chatter = observe(&[chat(from, to, 1000)]);
            let at = Duration::from_secs(60);
            chatter.hear(at);
            let mut packets = chatter.candidates(at).remove(0).packets;
            packets.reverse();
            assert_eq!(packets, expected, "{from} to {to}");
        }
    }

    #[test]
    fn what_is_not_heard_of_yet_is_not_told() {
        let mut chatter = observe(&[chat(1000, 9000, 900)]);
        let told = |chatter: &Chatter, at| chatter.candidates(Duration::from_secs(at)).len();
        chatter.hear(Duration::from_secs(9));
        assert_eq!([9, 12, 69].map(|at| told(&chatter, at)), [0; 3]);
        chatter.hear(Duration::from_secs(10));
        assert_eq!([9, 12, 69].map(|at| told(&chatter, at)), [0, 1, 1]);
        // Nobody told of anything for long.
        assert_eq!(told(&chatter, 90), 0);
    }

    #[test]
    fn waste_is_no_more_than_there_was() {
        for (name, chat, expected) in [
            ("a fifth", chat(0, 1000, 200), 200_000_000),
            ("all of it", chat(0, 1000, 5000), 1_000_000_000),
            ("few turns", chat(0, 1000, 99), 0),
            ("large messages", Chat { bytes: 200 * 128, ..chat(0, 1000, 200) }, 0),
            ("nobody knows", Chat { round_trip: None, ..chat(0, 1000, 200) }, 0),
            ("to oneself", Chat { server: [127, 0, 0, 1].into(), ..chat(0, 1000, 200) }, 0),
        ] {
            let wasted = observe(&[chat]).wasted();
            assert_eq!(wasted.iter().map(|it| it.nanoseconds).sum::<u64>(), expected, "{name}");
        }
    }

    proptest! {
        #[test]
        fn memory_is_bounded_and_nothing_is_made_up(
            chats in prop::collection::vec(
                (any::<u16>(), 0_u64..200_000, 0_u64..90_000, 0_u64..1 << 20), 1..600,
            ),
        ) {
            let all: Vec<Chat> = chats
                .iter()
                .map(|(port, from, took, packets)| Chat {
                    port: *port,
                    ..chat(*from, from + took, *packets)
                })
                .collect();
            let mut chatter = observe(&all);
            let at = Duration::from_secs(300);
            chatter.hear(at);
            prop_assert!(chatter.bytes() <= 128 << 10, "{}", chatter.bytes());
            for until in (0..300).step_by(10) {
                for found in chatter.candidates(Duration::from_secs(until)) {
                    let seen = all.iter().filter(|chat| chat.port == found.port);
                    let most: u64 = seen.map(|chat| chat.packets).sum();
                    prop_assert!(found.packets.iter().sum::<u64>() <= most);
                }
            }
        }
    }

    #[test]
    fn a_crowd_does_not_hide_who_talks_on() {
        let mut chats = Vec::new();
        for second in 0..60 {
            chats.push(chat(second * 1000, second * 1000 + 1000, 600));
            chats.extend(
                (0..2000).map(|port| Chat { port, ..chat(second * 1000, second * 1000 + 1000, 2) }),
            );
        }
        let mut chatter = observe(&chats);
        chatter.hear(Duration::from_secs(60));
        let found = chatter.candidates(Duration::from_secs(60));
        let worst = found.iter().find(|it| it.port == 5432).map(|it| it.turns);
        assert!(worst.is_some_and(|turns| turns[..5].iter().all(|it| *it >= 6000)), "{worst:?}");
        assert!(found.len() <= GROUPS);
    }
}

//! Every lookup that counts ends in exactly one way: answered, out of time, or forgotten.

use std::collections::{HashMap, VecDeque};

use netmon_common::{
    abi::labels::Resolver,
    dns::{Keys, Sighting, TIMEOUT, Timeouts, WAYS, server_hash},
    packet::Link,
};
use proptest::{collection::vec, prelude::*, sample::select};

use crate::{
    OUT, SECOND, UNIT,
    books::{Ledger, Seen},
    keys,
    said::{BACK, PORTS, RESPONSE, Way, message},
};

const GIVEN_UP: u64 = 1 << 34;

/// Servers that are asked; the first two have figures of their own.
const SERVERS: u8 = 3;

/// Keys by which all lookups fall into one set, and are told apart by ID and vantage; the
/// hash of a server is its address.
const ONE_SET: Keys = [0, 1 << 30, 0, 1, 0, 0, 0, 1, 1, 1];

#[derive(Clone, Copy, Debug)]
enum Step {
    Ask(u16, Sighting),
    Answer(u16),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let sighting = prop_oneof![4 => Just(Sighting::FIRST), 1 => Just(Sighting::ELSEWHERE)];
    let units = prop_oneof![
        6 => 0..1_000_000_u64,
        3 => select(vec![1, 4_882_811, 4_882_812, 4_882_813, 5_800_000, 16_777_215, 16_777_216]),
        1 => select(vec![60_000_000, 1_000_000_000]),
    ];
    prop_oneof![
        6 => (0..24_u16, sighting).prop_map(|(id, sighting)| Step::Ask(id, sighting)),
        3 => (0..24_u16).prop_map(Step::Answer),
        4 => units.prop_map(|units| Step::Wait(units * UNIT)),
    ]
}

/// An open lookup of the model.
#[derive(Clone, Copy)]
struct Entry {
    id: u16,
    counts: bool,
    since: u64,
}

/// What there was.
#[derive(Default)]
struct Model {
    open: VecDeque<Entry>,
    /// How many lookups one set holds, if all are in one.
    room: Option<usize>,
    asked: u64,
    answered: u64,
    late: u64,
    forgotten: u64,
    /// When lookups that count ran out of time or will, by resolver.
    ends: HashMap<usize, Vec<u64>>,
    unmatched: u64,
}

impl Model {
    fn ask(&mut self, id: u16, counts: bool, now: u64) {
        if let Some(at) = self.open.iter().position(|entry| entry.id == id) {
            if now - self.open[at].since < GIVEN_UP {
                return;
            }
            let entry = self.open.remove(at).unwrap();
            self.out_of_time(entry);
        }
        if self.room == Some(self.open.len()) {
            let oldest = self.open.pop_front().unwrap();
            if now - oldest.since > TIMEOUT {
                self.out_of_time(oldest);
            } else {
                self.forgotten += u64::from(oldest.counts);
            }
        }
        self.asked += u64::from(counts);
        self.open.push_back(Entry { id, counts, since: now });
    }

    fn answer(&mut self, id: u16, now: u64) {
        let at = self.open.iter().position(|entry| entry.id == id);
        let Some(entry) = at.and_then(|at| self.open.remove(at)) else {
            self.unmatched += 1;
            return;
        };
        if now - entry.since > TIMEOUT {
            self.late += u64::from(entry.counts);
            self.out_of_time(entry);
        } else {
            self.answered += u64::from(entry.counts);
        }
    }

    fn out_of_time(&mut self, entry: Entry) {
        if entry.counts {
            let end = entry.since + TIMEOUT;
            self.ends.entry(resolver(entry.id)).or_default().push(end);
        }
    }

    /// Lookups at a resolver that ran out of time before a moment.
    fn ended(&self, resolver: usize, before: u64) -> u64 {
        let closed = self.ends.get(&resolver).into_iter().flatten().copied();
        let open =
            self.open.iter().filter(|entry| entry.counts && self::resolver(entry.id) == resolver);
        let ends = closed.chain(open.map(|entry| entry.since + TIMEOUT));
        ends.filter(|end| *end < before).count() as u64
    }
}

/// The number of the server that is asked by messages with this ID.
fn server(id: u16) -> u8 {
    1 + (id % u16::from(SERVERS)) as u8
}

/// The place of that server.
fn resolver(id: u16) -> usize {
    let server = usize::from(server(id));
    if server < usize::from(SERVERS) { server - 1 } else { Resolver::Other.index() }
}

/// Both, and who looks at the counters from time to time.
struct Trial {
    ledger: Ledger,
    model: Model,
    timeouts: Timeouts,
    period: u64,
    next: u64,
}

impl Trial {
    fn new(keys: Keys, room: Option<usize>, period: u64) -> Self {
        let mut ledger = Ledger::new(keys);
        let address = |end: u8| [0, 0, 0, u32::from_be_bytes([10, 0, 0, end])];
        for (place, end) in ledger.settings.resolvers.iter_mut().zip(1..SERVERS) {
            *place = server_hash(address(end), &keys);
        }
        let next = ledger.now + period;
        let model = Model { room, ..Model::default() };
        Self { ledger, model, timeouts: Timeouts::default(), period, next }
    }

    fn pass(&mut self, step: Step) -> Result<(), TestCaseError> {
        let now = self.ledger.now;
        match step {
            Step::Ask(id, sighting) => {
                let frame = Way::V4.datagram([200, server(id)], PORTS, &message(id, 0x0100, 1));
                self.ledger.pass(&frame, Link::Ethernet, Seen { sighting, ..OUT });
                self.model.ask(id, sighting == Sighting::FIRST, now);
            }
            Step::Answer(id) => {
                let frame = Way::V4.datagram([server(id), 200], BACK, &message(id, RESPONSE, 1));
                self.ledger.pass(&frame, Link::Ethernet, OUT);
                self.model.answer(id, now);
            }
            Step::Wait(time) => self.wait(time)?,
        }
        Ok(())
    }

    /// Lets time pass, in which the counters are looked at as often as they would be.
    fn wait(&mut self, time: u64) -> Result<(), TestCaseError> {
        let end = self.ledger.now + time;
        while self.next <= end {
            self.ledger.now = self.next;
            self.take()?;
            self.next += self.period;
        }
        self.ledger.now = end;
        Ok(())
    }

    fn take(&mut self) -> Result<(), TestCaseError> {
        let before = *self.timeouts.counts();
        let now = self.ledger.now;
        self.timeouts.take(&self.ledger.lookups.pending, now);
        for (resolver, (count, before)) in self.timeouts.counts().iter().zip(before).enumerate() {
            prop_assert!(*count >= before, "they do not go back: {before}, then {count}");
            let most = self.model.ended(resolver, now);
            prop_assert!(*count <= most, "{count} at {resolver}, but only {most} ran out of time");
        }
        Ok(())
    }

    /// Nothing more happens, until all is settled.
    fn settle(&mut self) -> Result<(), TestCaseError> {
        self.wait(60 * SECOND)?;
        self.take()?;
        self.ledger.now += 60 * SECOND;
        self.take()?;
        let (ledger, model) = (&self.ledger, &self.model);
        let events = &ledger.lookups.events;
        let found = (events.asked, events.answered, events.late, events.forgotten);
        prop_assert_eq!(found, (model.asked, model.answered, model.late, model.forgotten));
        let counts = self.timeouts.counts();
        for (resolver, count) in counts.iter().enumerate() {
            prop_assert_eq!(*count, model.ended(resolver, ledger.now), "at {}", resolver);
        }
        let out_of_time: u64 = counts.iter().sum();
        prop_assert_eq!(events.asked, events.answered + out_of_time + events.forgotten);
        let unmatched: u64 = ledger.tallies.iter().map(|tally| tally.unmatched).sum();
        prop_assert_eq!(unmatched, model.unmatched);
        let timed: u64 = ledger.times.iter().map(|times| times.nanoseconds.total()).sum();
        prop_assert_eq!(timed, events.answered + events.late);
        Ok(())
    }
}

fn period() -> impl Strategy<Value = u64> {
    select(vec![
        SECOND / 10,
        SECOND,
        9 * SECOND,
        11 * SECOND,
        17 * SECOND,
        60 * SECOND,
        1000 * SECOND,
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn lookups_of_one_set(steps in vec(step(), 1..150), period in period()) {
        let mut trial = Trial::new(ONE_SET, Some(WAYS), period);
        for step in steps {
            trial.pass(step)?;
        }
        trial.settle()?;
    }

    #[test]
    fn lookups_of_many_sets(steps in vec(step(), 1..150), period in period()) {
        let mut trial = Trial::new(keys(5), None, period);
        for step in steps {
            trial.pass(step)?;
        }
        trial.settle()?;
    }
}

#[test]
fn who_looks_rarely_does_not_count_what_is_open() {
    for gap in [1_u16, 6, 10, 11, 12, 16, 17, 60, 1000] {
        let mut trial = Trial::new(keys(5), None, u64::MAX / 4);
        trial.take().unwrap();
        for second in 0..gap {
            trial.ledger.now += SECOND;
            trial.pass(Step::Ask(second, Sighting::FIRST)).unwrap();
        }
        trial.take().unwrap();
        for id in (0..gap).rev().take(4) {
            trial.pass(Step::Answer(id)).unwrap();
        }
        trial.take().unwrap();
        trial.settle().unwrap();
    }
}

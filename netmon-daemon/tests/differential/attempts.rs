//! Attempts to connect, one behind the other: who stands where, what he asked for and what
//! agreed must be the same in the kernel and in user space.

use std::fmt::Write as _;

use aya::{
    Ebpf,
    maps::{Array, MapData, PerCpuArray},
};
use netmon_common::{
    abi::{attempts::AttemptEvents, labels::Direction},
    attempts::{
        Askers, Attempt, Crowd, Ledger as _, Probe, Suspect, TAGS, To, answer, ask, is_of, place_of,
    },
    packet::{Link, Remote, network, parse},
};

use crate::{
    frame::{Ipv4, Ipv6, link, tcp},
    ledger::{Book, mix},
    programs::{LOOPBACK, Merged, Programs, programs},
    trial::{SLOT, Trial},
};

/// What the keys of both sides are made of.
pub(crate) const SEED: u64 = 11;

/// Who asks for connections, in the kernel.
pub(crate) struct Attempts {
    window: Array<MapData, u64>,
    tags: Array<MapData, [u64; TAGS]>,
    suspects: Array<MapData, [u64; Suspect::WORDS]>,
    events: PerCpuArray<MapData, [u64; AttemptEvents::WORDS]>,
    crowd: PerCpuArray<MapData, [u64; Crowd::WORDS]>,
}

impl Attempts {
    pub(crate) fn open(ebpf: &mut Ebpf) -> Self {
        let mut map = |name| ebpf.take_map(name).unwrap();
        Self {
            window: Array::try_from(map("ATTEMPT_WINDOW")).unwrap(),
            tags: Array::try_from(map("ATTEMPT_TAGS")).unwrap(),
            suspects: Array::try_from(map("SUSPECTS")).unwrap(),
            events: PerCpuArray::try_from(map("ATTEMPT_EVENTS")).unwrap(),
            crowd: PerCpuArray::try_from(map("ATTEMPT_CROWD")).unwrap(),
        }
    }

    fn turn(&mut self, window: u32) {
        self.window.set(0, u64::from(window), 0).unwrap();
    }

    /// In what both sides differ in a window; empty if in nothing.
    fn compare(&self, book: &mut Book, window: u32) -> String {
        let (bank, mut lines) = (window & 1, String::new());
        let kernel = self.tags.get(&bank, 0).unwrap();
        let user = *book.tags(bank).unwrap();
        for at in (0..TAGS).filter(|at| is_of(kernel[*at], window) || is_of(user[*at], window)) {
            if kernel[at] != user[at] {
                write!(lines, "\n  tag {at}: {:#x} {:#x}", kernel[at], user[at]).unwrap();
                continue;
            }
            let found = Suspect::from_words(&self.suspects.get(&place_of(bank, at), 0).unwrap());
            // Whose socket it was, only the kernel knows.
            let found = Suspect { workload: 0, ..found };
            let expected = *book.suspect(bank, at).unwrap();
            if found != expected {
                write!(lines, "\n  suspect {at}: {found:?} {expected:?}").unwrap();
            }
        }
        lines
    }

    /// Those who asked in a window, on all CPUs.
    fn askers(&self, window: u32) -> Askers {
        let mut all = Askers::EMPTY;
        for words in self.crowd.get(&0, 0).unwrap().iter() {
            all.merge(&Crowd::from_words(words).of(window));
        }
        all
    }

    fn events(&self) -> AttemptEvents {
        let mut sum = AttemptEvents::ZERO;
        for words in self.events.get(&0, 0).unwrap().iter() {
            sum.add(&AttemptEvents::from_words(words));
        }
        sum
    }
}

/// What a device at the boundary sees is of this host if it leaves, unless it answers.
fn take(book: &mut Book, frame: &[u8], direction: Direction) {
    let packet = parse(frame, Link::Ethernet, Remote::Source);
    let Some(probe) = Probe::of(packet) else { return };
    let at = network(frame, Link::Ethernet).unwrap().at;
    let attempt = Attempt::read(frame, at, packet.version_6() == 1, probe);
    match (attempt, probe) {
        (None, _) => book.events.unread += 1,
        (Some(attempt), Probe::Answer) => {
            let to = if direction == Direction::Ingress { To::Either } else { To::Outside };
            answer(book, &attempt, to);
        }
        (Some(attempt), Probe::Request | Probe::Stealth) => {
            let stealth = probe == Probe::Stealth;
            ask(book, &attempt, direction == Direction::Egress, stealth, 0);
        }
    }
}

/// A segment of one of a few clients to one of many ports of a few servers, or back.
fn segment(number: u64) -> Vec<u8> {
    let bits = mix(number);
    let pick = |shift: u32, of: u64| (bits >> shift) % of;
    let client = u8::try_from(pick(0, 40)).unwrap();
    let server = u8::try_from(pick(8, 5)).unwrap();
    let port = u16::try_from(1 + pick(16, 3000)).unwrap().to_be_bytes();
    // Requests mostly, in their forms; answers; what no stack sends; and what says nothing.
    let flags = [0x02, 0x02, 0xc2, 0x02, 0x12, 0x52, 0x00, 0x29, 0x03, 0x01, 0x10, 0x04];
    let flags = flags[usize::try_from(pick(32, 12)).unwrap()];
    let is_back = flags & 0x12 == 0x12;
    let mut segment = tcp(5, flags);
    segment[2..4].copy_from_slice(&port);
    if is_back {
        segment.swap(0, 2);
        segment.swap(1, 3);
    }
    let swap = |(one, other)| if is_back { [other, one] } else { [one, other] };
    match pick(40, 8) {
        0..=4 => {
            let addresses = swap(([10, 1, 0, client], [10, 2, 0, server]));
            let options = if pick(50, 4) == 0 { vec![1; 8] } else { Vec::new() };
            let header = Ipv4 { options, addresses, ..Ipv4::of(6) };
            link(Link::Ethernet, &[], 0x0800, &header.packet(&segment))
        }
        5 => {
            let addresses = swap(([10, 1, 0, client], [10, 2, 0, server]));
            let header = Ipv4 { addresses, fragment: 0x2000, ..Ipv4::of(6) };
            link(Link::Ethernet, &[], 0x0800, &header.packet(&segment[..8]))
        }
        _ => {
            let mut addresses = Ipv6::of(6).addresses;
            addresses[0][7] = client;
            addresses[1][15] = server;
            if is_back {
                addresses.swap(0, 1);
            }
            let chain = if pick(50, 8) == 0 { vec![(0, 0, 0)] } else { Vec::new() };
            let header = Ipv6 { chain, addresses, ..Ipv6::of(6) };
            link(Link::Ethernet, &[0x8100], 0x86dd, &header.packet(&segment))
        }
    }
}

#[test]
fn suspects_are_the_same_on_both_sides() {
    let mut trial = Trial::of(programs!());
    let mut book = Book::new(SEED);
    trial.programs.enter(LOOPBACK, SLOT, Some(Link::Ethernet));
    for number in 0..20_000 {
        let window = 1 + number / 500;
        if number % 500 == 0 {
            book.window = window;
            trial.programs.attempts.turn(window);
        }
        let frame = segment(number.into());
        let direction = if mix((number + 7).into()).is_multiple_of(4) {
            Direction::Egress
        } else {
            Direction::Ingress
        };
        trial.compare_on(SLOT, &frame, Link::Ethernet, direction, Merged::default()).unwrap();
        take(&mut book, &frame, direction);
        if number % 100 == 99 {
            let Programs { attempts, .. } = &trial.programs;
            let differences = [window, window - 1].map(|it| attempts.compare(&mut book, it));
            assert_eq!(differences, [const { String::new() }; 2], "after {number} frames");
            assert_eq!(attempts.events(), book.events, "after {number} frames");
            assert_eq!(attempts.askers(window), book.crowd.of(window), "after {number} frames");
        }
    }
    let AttemptEvents { requests, answers, admitted, unread, .. } = book.events;
    assert!(requests > 10_000 && answers > 1000 && admitted > 1000 && unread > 100);
}

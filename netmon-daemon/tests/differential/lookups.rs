//! What the programs count of DNS beyond the packets, and the same books kept in user
//! space.

use std::{fmt::Write as _, time::Instant};

use aya::{
    Ebpf,
    maps::{Array, MapData, PerCpuArray, ProgramArray, RingBuf},
    programs::{ProgramError, SchedClassifier},
};
use netmon::kernel::HANDED_ON;
use netmon_common::{
    abi::{
        counters::Counter,
        dns::{
            self, DnsSettings, DnsTally, LOOKUP_TIMES, LookupEvents, LookupTimes, NAMES_KEPT,
            NameEvent, dns_tally,
        },
        labels::Direction,
    },
    dns::{Keys, Note, STREAM_SET_WORDS, Sighting, WAYS, server_hash},
    packet::Link,
};

use crate::books::{Ledger, Seen};

/// Numbers as good as random ones, which both sides know.
pub(crate) const KEYS: Keys = [
    0x9e37_79b9_7f4a_7c15,
    0xbf58_476d_1ce4_e5b9,
    0x94d0_49bb_1331_11eb,
    0xd6e8_feb8_6659_fd93,
    0xa076_1d64_78bd_642f,
    0xe703_7ed1_a0b4_28db,
    0x8ebc_6af0_9c88_c6e3,
    0x5899_65cc_7537_4cc3,
    0x1d8e_4e27_c47d_124f,
    0xeb44_acca_b455_d165,
];

/// Servers with figures of their own.
const SERVERS: [[u32; 4]; 2] = [[0, 0, 0, 0xc633_6402], [0x2001_0db8, 0, 0, 2]];

/// How often programs may call one another (`MAX_TAIL_CALL_CNT` of the kernel), without
/// the one call that leads to a segment; each of them reads four times.
const TURNS: usize = 32 * 4;

/// The maps of the programs, and the books of user space.
pub(crate) struct Lookups {
    tallies: PerCpuArray<MapData, [u64; DnsTally::WORDS]>,
    events: PerCpuArray<MapData, [u64; dns::Lookups::WORDS]>,
    times: PerCpuArray<MapData, [u64; LookupTimes::WORDS]>,
    sets: Array<MapData, [u64; WAYS]>,
    streams: Array<MapData, [u64; STREAM_SET_WORDS]>,
    names: RingBuf<MapData>,
    /// What keeps the programs in the map.
    _programs: ProgramArray<MapData>,
    pub(crate) ledger: Ledger,
    since: Instant,
    /// Notes of user space that were compared.
    compared: usize,
}

impl Lookups {
    /// Loads the programs that read DNS.
    ///
    /// # Errors
    ///
    /// What the kernel says of one of them.
    pub(crate) fn load(ebpf: &mut Ebpf) -> Result<Self, ProgramError> {
        let mut programs = ProgramArray::try_from(ebpf.take_map("PROGRAMS").unwrap()).unwrap();
        for (index, name) in (0..).zip(HANDED_ON) {
            let program: &mut SchedClassifier = ebpf.program_mut(name).unwrap().try_into().unwrap();
            program.load()?;
            programs.set(index, program.fd()?, 0).unwrap();
        }
        let mut ledger = Ledger::new(KEYS);
        ledger.turns = TURNS;
        ledger.settings = DnsSettings { names: 1, ..DnsSettings::QUIET };
        for (place, server) in ledger.settings.resolvers.iter_mut().zip(SERVERS) {
            *place = server_hash(server, &KEYS);
        }
        let mut map = |name| ebpf.take_map(name).unwrap();
        let mut settings: Array<_, [u64; DnsSettings::WORDS]> =
            Array::try_from(map("DNS_SETTINGS")).unwrap();
        settings.set(0, ledger.settings.words(), 0).unwrap();
        Ok(Self {
            tallies: PerCpuArray::try_from(map("DNS_TALLIES_BY_VANTAGE")).unwrap(),
            events: PerCpuArray::try_from(map("DNS_LOOKUPS")).unwrap(),
            times: PerCpuArray::try_from(map("DNS_TIMES")).unwrap(),
            sets: Array::try_from(map("DNS_LOOKUP_SETS")).unwrap(),
            streams: Array::try_from(map("DNS_STREAMS")).unwrap(),
            names: RingBuf::try_from(map("DNS_NAMES")).unwrap(),
            _programs: programs,
            ledger,
            since: Instant::now(),
            compared: 0,
        })
    }

    /// Forgets open lookups and streams on both sides. Else one of them could find a query
    /// too old an instant before the other.
    pub(crate) fn forget(&mut self) {
        let [sets, streams] = self.ledger.forget();
        for position in sets {
            self.sets.set(position, [0; WAYS], 0).unwrap();
        }
        for position in streams {
            self.streams.set(position, [0; STREAM_SET_WORDS], 0).unwrap();
        }
    }

    /// Takes the frame that the kernel just took, and says in what all that was counted so
    /// far differs then; empty if in nothing.
    pub(crate) fn compare(
        &mut self,
        frame: &[u8],
        link: Link,
        direction: Direction,
        vantage: u32,
        segments: u16,
    ) -> String {
        let ledger = &mut self.ledger;
        let timed = |ledger: &Ledger| ledger.lookups.events.answered + ledger.lookups.events.late;
        let before = timed(ledger);
        ledger.now = (1 << 50) + u64::try_from(self.since.elapsed().as_nanos()).unwrap();
        let sighting = if vantage == 0 { Sighting::AGAIN } else { Sighting::FIRST };
        ledger.pass(frame, link, Seen { direction, vantage, sighting, times: segments.into() });
        let mut lines = String::new();
        let position = dns_tally(vantage, direction);
        let kernel = summed(&self.tallies, position);
        let user = self.ledger.tallies[position as usize].words();
        differ(&mut lines, DnsTally::COUNTERS, &kernel, &user);
        self.compare_lookups(frame, &mut lines);
        if timed(&self.ledger) != before {
            self.compare_times(&mut lines);
        }
        lines
    }

    fn compare_lookups(&mut self, frame: &[u8], lines: &mut String) {
        let kernel = dns::Lookups::from_words(&summed(&self.events, 0));
        let user = &self.ledger.lookups;
        // Whether there was room for names is another question.
        let events = |events: &LookupEvents| {
            let nothing = LookupEvents::ZERO;
            let names = events.names_sent + events.names_skipped + events.names_lost;
            let events = LookupEvents {
                names_sent: nothing.names_sent,
                names_skipped: nothing.names_skipped,
                names_lost: nothing.names_lost,
                ..*events
            };
            (events.words(), names)
        };
        let (found, names) = events(&kernel.events);
        differ(lines, LookupEvents::COUNTERS, &found, &events(&user.events).0);
        if names != self.ledger.notes.len() as u64 {
            write!(lines, "\n  names: kernel {names}, user {}", self.ledger.notes.len()).unwrap();
        }
        // The clocks are not the same: neither is the span in which a lookup begins.
        let open = |lookups: &dns::Lookups| -> Vec<u64> {
            let spans = lookups.pending.chunks(netmon_common::dns::COHORTS);
            spans
                .map(|spans| spans.iter().fold(0_u64, |sum, open| sum.wrapping_add(*open)))
                .collect()
        };
        if open(&kernel) != open(user) {
            write!(lines, "\n  open: kernel {:?}, user {:?}", open(&kernel), open(user)).unwrap();
        }
        if kernel.large != user.large {
            write!(lines, "\n  large: kernel {:?}, user {:?}", kernel.large, user.large).unwrap();
        }
        let LookupEvents { names_sent, names_skipped, names_lost, .. } = kernel.events;
        self.compare_names(frame, names_sent, names_skipped + names_lost, lines);
    }

    /// The names that were handed on for this frame.
    fn compare_names(&mut self, frame: &[u8], sent: u64, left_out: u64, lines: &mut String) {
        let mut found = Vec::new();
        while let Some(item) = self.names.next() {
            // When it was, and the control group, only the kernel knows.
            found.push(item[16..].to_vec());
        }
        self.ledger.lookups.events.names_sent += found.len() as u64;
        if self.ledger.lookups.events.names_sent != sent {
            write!(lines, "\n  names in the ring: {found:02x?}").unwrap();
        }
        let notes = self.ledger.notes[self.compared..].iter();
        let expected: Vec<_> = notes.filter_map(|note| handed_on(frame, *note)).collect();
        // Some may have been left out, which was counted; the others are in order.
        let mut others = expected.iter();
        let ordered = found.iter().all(|event| others.any(|other| other == event));
        if !ordered || (found.len() < expected.len() && left_out == 0) {
            write!(lines, "\n  names: kernel {found:02x?}, user {expected:02x?}").unwrap();
        }
        self.compared = self.ledger.notes.len();
    }

    fn compare_times(&self, lines: &mut String) {
        for position in 0..LOOKUP_TIMES {
            let kernel =
                LookupTimes::from_words(&summed(&self.times, position)).nanoseconds.total();
            let user = self.ledger.times[position as usize].nanoseconds.total();
            if kernel != user {
                write!(lines, "\n  times[{position}]: kernel {kernel}, user {user}").unwrap();
            }
        }
    }
}

/// The event of a message behind when it was and who sent it; none where the frame ends
/// before it does.
fn handed_on(frame: &[u8], note: Note) -> Option<Vec<u8>> {
    let kept = note.len().min(NAMES_KEPT);
    let message = frame.get(note.start()..note.start() + kept)?;
    let (at, len) = if note.is_version_6() { (8, 16) } else { (12, 4) };
    let end = |number: usize| {
        let mapped =
            if note.is_version_6() { vec![] } else { [vec![0; 10], vec![255; 2]].concat() };
        [&mapped[..], &frame[note.network() + at + number * len..][..len]].concat()
    };
    let ends = if note.is_response() { [end(1), end(0)] } else { [end(0), end(1)] };
    let event = [&ends.concat()[..], &(note.len() as u64).to_ne_bytes(), message].concat();
    assert_eq!(event.len() + 16, NameEvent::LEN + kept);
    Some(event)
}

/// A value of a map, summed over CPUs.
fn summed<const N: usize>(map: &PerCpuArray<MapData, [u64; N]>, position: u32) -> [u64; N] {
    let mut sum = [0_u64; N];
    for words in map.get(&position, 0).unwrap().iter() {
        for (sum, word) in sum.iter_mut().zip(words) {
            *sum = sum.wrapping_add(*word);
        }
    }
    sum
}

/// Writes down in which counters two tables differ.
fn differ(lines: &mut String, counters: &[Counter], kernel: &[u64], user: &[u64]) {
    for counter in counters {
        let words = counter.offset..counter.offset + counter.words;
        for at in words.filter(|at| kernel[*at] != user[*at]) {
            let (name, word) = (counter.name, at - counter.offset);
            write!(lines, "\n  {name}[{word}]: kernel {}, user {}", kernel[at], user[at]).unwrap();
        }
    }
}

//! Who asks for connections and is not answered, over minutes and an hour.
//!
//! The kernel, or a replay, says for each window who asked for what and what agreed; here
//! that becomes a memory of sources. The same code judges live traffic and captures, in
//! the time of the packets. Must not know a threshold: what it reports, detectors judge.
//! Invariant: at most [`SOURCES`] sources are remembered, whatever is sent; whoever asked
//! once gives way to whoever keeps asking.

pub mod report;
mod source;
#[cfg(test)]
pub(crate) mod tests;

use std::{sync::Arc, time::Duration};

use netmon_common::{
    abi::attempts::AttemptEvents,
    attempts::{Askers, Kind, Suspect, octets as words},
};

pub use self::report::{Report, Suspicion};
use self::{report::MOST, source::Source};
use crate::{
    estimate::distinct,
    key::{Dice, Key},
    octets::{address, octets},
    party::Party,
    table::{Found, Row, Table},
};

/// Sources that are remembered.
pub const SOURCES: usize = 2048;

/// Seconds after which a source that is silent is forgotten.
const FORGOTTEN: u32 = 3600;

/// Sources by what they asked for.
#[derive(Debug)]
pub struct Attempts {
    key: Key,
    dice: Dice,
    sources: Table<Slot>,
    /// When somebody asked last, and how many did.
    askers: Option<(u32, f64)>,
    /// What whoever looks at packets lost.
    lost: u64,
    /// The last report and its second.
    last: Option<(u32, Arc<Report>)>,
}

/// A place for a source.
#[derive(Clone, Debug, Default)]
struct Slot {
    tag: u32,
    /// When it was last seen, in seconds.
    last: u32,
    /// What failed within an hour, when it was last seen.
    failures: u32,
    source: Option<Box<Source>>,
}

impl Row for Slot {
    fn tag(&self) -> u32 {
        self.tag
    }

    fn is_over(&self, now: u32) -> bool {
        now.saturating_sub(self.last) > FORGOTTEN
    }

    fn worth(&self) -> u64 {
        u64::from(self.failures)
    }

    fn last(&self) -> u32 {
        self.last
    }
}

impl Attempts {
    /// Nobody asked yet.
    pub fn new(key: Key) -> Self {
        let sources = Table::new(SOURCES);
        Self { key, dice: key.dice(), sources, askers: None, lost: 0, last: None }
    }

    /// Takes note of what somebody did in a window that ended at this time.
    pub fn observe(&mut self, at: Duration, suspect: &Suspect) {
        let Some(kind) = suspect.kind() else { return };
        let second = whole(at);
        let tag = self.tag(kind, suspect);
        let is_harmless =
            suspect.asked.without(&suspect.answered).ones() == 0 && suspect.stealth() == 0;
        if is_harmless && self.sources.find(tag).is_none() {
            return;
        }
        let at = match self.sources.place(tag, second, &mut self.dice) {
            None => return,
            Some(Found::Known(at) | Found::New(at, _)) => at,
        };
        let Some(slot) = self.sources.get_mut(at) else { return };
        slot.tag = tag;
        slot.last = second;
        let source = slot.source.get_or_insert_with(|| Box::new(Source::new(kind, *suspect)));
        source.observe(second, suspect);
        let [.., hour] = source.failures(second);
        slot.failures = hour;
    }

    /// Takes note of all who asked in a window that ended at this time.
    pub fn ask_all(&mut self, at: Duration, askers: &Askers) {
        self.askers = Some((whole(at), distinct(askers.registers(), Askers::MOST)));
    }

    /// Takes note of what became of all attempts until now.
    pub fn sum_up(&mut self, events: &AttemptEvents) {
        let lost = [events.displaced, events.refused, events.unread];
        self.lost = lost.into_iter().fold(0, u64::wrapping_add);
    }

    /// Who asks in vain at a moment, to the second.
    pub fn report(&mut self, at: Duration) -> Arc<Report> {
        let second = whole(at);
        if let Some((of, report)) = &self.last
            && *of == second
        {
            return Arc::clone(report);
        }
        let sources = self.sources.iter().filter(|slot| !slot.is_over(second));
        let suspicions = sources.filter_map(|slot| slot.source.as_deref());
        let suspicions = suspicions.map(|source| suspicion(source, second));
        let suspicions = suspicions.filter(|it| it.failures != [0; 3] || it.stealth > 0);
        let mut all: Vec<Suspicion> = suspicions.collect();
        // Of a crowd that is gone nothing is to be said.
        let askers = self.askers.filter(|(at, _)| second.saturating_sub(*at) <= 2);
        let askers = askers.map(|(_, askers)| askers);
        let counts = all.iter().filter(|it| matches!(it.kind, Kind::Outside | Kind::Along));
        let stealth = counts.map(|it| u64::from(it.stealth)).sum();
        let report = Arc::new(Report {
            suspicions: Kind::ALL.iter().flat_map(|kind| worst(&mut all, *kind)).collect(),
            stealth,
            askers,
            lost: self.lost.wrapping_add(self.sources.evicted),
        });
        self.last = Some((second, Arc::clone(&report)));
        report
    }

    fn tag(&self, kind: Kind, suspect: &Suspect) -> u32 {
        let client = owner(kind, suspect).address().map_or([0; 16], octets);
        let server = if kind == Kind::Along { words(suspect.server) } else { [0; 16] };
        let port = if kind == Kind::Across { suspect.port() } else { 0 };
        self.key.tag(&[&[kind as u8], &client, &server, &port.to_be_bytes()])
    }
}

/// The worst of a kind by each figure, each of them once.
fn worst(all: &mut Vec<Suspicion>, kind: Kind) -> Vec<Suspicion> {
    let figures: [fn(&Suspicion) -> f64; 5] = [
        |it| f64::from(it.failures[0]),
        |it| f64::from(it.failures[1]),
        |it| f64::from(it.failures[2]),
        |it| it.excess,
        |it| f64::from(it.stealth),
    ];
    let mut of_kind: Vec<Suspicion> = all.extract_if(.., |it| it.kind == kind).collect();
    let mut worst = Vec::new();
    for figure in figures {
        // Of equals always the same, however they stand in the table.
        of_kind.sort_by(|one, other| {
            figure(other).total_cmp(&figure(one)).then_with(|| one.source.cmp(&other.source))
        });
        worst.extend(of_kind.drain(..of_kind.len().min(MOST)));
    }
    worst
}

fn suspicion(source: &Source, second: u32) -> Suspicion {
    Suspicion {
        kind: source.kind,
        source: owner(source.kind, &source.last),
        target: address(words(source.last.server)),
        port: source.last.port(),
        workload: source.last.workload,
        failures: source.failures(second),
        excess: f64::from(source.walk),
        stealth: source.stealth(second),
    }
}

/// Who asks: from outside whoever is behind the address, from inside the address itself.
fn owner(kind: Kind, suspect: &Suspect) -> Party {
    let client = address(words(suspect.client));
    match kind {
        Kind::Outside | Kind::Udp => Party::behind(client),
        Kind::Across | Kind::Along => Party::Address(client),
    }
}

/// Seconds as a number of 32 bits, which is enough for a century.
fn whole(at: Duration) -> u32 {
    u32::try_from(at.as_secs()).unwrap_or(u32::MAX)
}

//! Names that are asked for again although the answer still holds, and by whom.
//!
//! Must not hold text. Invariant: a query that was sent again because its answer did
//! not come is no lookup of its own, so it counts neither as a query nor as a repeat.

use std::net::IpAddr;

use crate::{
    key::{Dice, Key, tag},
    octets::{Octets, address, octets},
    table::{Found, Row, Table},
};

/// Names whose answers are remembered, and who asks.
const NAMES: usize = 4096;
const ASKERS: usize = 256;

/// Who asked what last, for answers that do not say for whom they are.
const ASKED: u16 = 512;

/// Tenths of a second after which a query without an answer is given up, and after
/// which the same ID stands for another query.
const GIVEN_UP: u32 = 100;
const SAME_ID: u32 = 50;

/// No answer is kept for longer than a day.
const LONGEST: u32 = 86_400;

/// A bucket, in seconds, and how many there are.
const BUCKET: u32 = 10;
const BUCKETS: u32 = 6;

/// A name, its type, and who asks for it.
#[derive(Clone, Debug, Default)]
struct Name {
    tag: u32,
    /// Until when the answer holds, in tenths of a second.
    expires: u32,
    /// Since when an answer is awaited, in tenths of a second; 0 where none is.
    asked: u32,
    /// When it was last asked for, in tenths of a second.
    last: u32,
    id: u16,
    /// How often.
    asks: u16,
}

/// What is known of a lookup.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Known {
    /// Whether this client looked it up before.
    pub(super) is_known: bool,
    /// Whether the answer still held.
    pub(super) holds: bool,
}

/// Who asks.
#[derive(Clone, Debug, Default)]
struct Asker {
    tag: u32,
    last: u32,
    client: Octets,
    server: Octets,
    workload: u64,
    bucket: u32,
    /// The domain below which most repeats were, and by how many they lead.
    domain: u32,
    lead: u16,
    counts: [Counts; BUCKETS as usize],
}

/// What somebody asked within ten seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Lookups.
    pub queries: u16,
    /// Those among them whose answer still held.
    pub repeats: u16,
    /// Those that a resolver made by trying the suffixes of its search list.
    pub expansions: u16,
}

/// A lookup.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lookup {
    pub(super) tenth: u32,
    pub(super) client: IpAddr,
    pub(super) server: IpAddr,
    pub(super) workload: u64,
    pub(super) id: u16,
    /// Hash of client, name and type.
    pub(super) hash: u64,
    /// Hash of the registered domain, 0 where there is none.
    pub(super) domain: u32,
}

/// Somebody who asks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    pub(super) client: IpAddr,
    pub(super) server: IpAddr,
    pub(super) workload: u64,
    pub(super) domain: u32,
    /// The last minute, newest first.
    pub(super) counts: [Counts; BUCKETS as usize],
}

/// All names and askers.
#[derive(Debug)]
pub(super) struct Repeats {
    names: Table<Name>,
    askers: Table<Asker>,
    asked: Box<[(u64, u64)]>,
}

impl Row for Name {
    fn tag(&self) -> u32 {
        self.tag
    }

    fn is_over(&self, now: u32) -> bool {
        self.expires / 10 < now && now.saturating_sub(self.last / 10) > BUCKET
    }

    fn worth(&self) -> u64 {
        u64::from(self.asks.saturating_sub(1))
    }

    fn last(&self) -> u32 {
        self.last
    }
}

impl Row for Asker {
    fn tag(&self) -> u32 {
        self.tag
    }

    fn is_over(&self, now: u32) -> bool {
        now / BUCKET >= self.bucket + BUCKETS
    }

    fn worth(&self) -> u64 {
        self.counts.iter().map(|it| u64::from(it.queries)).sum()
    }

    fn last(&self) -> u32 {
        self.last
    }
}

/// The tag of a name and who asks for it.
const fn of(hash: u64, workload: u64) -> u32 {
    // The hash is keyed; this only spreads workloads.
    tag(hash ^ workload.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// Where it is remembered who asked.
fn place(hash: u64) -> usize {
    usize::try_from(hash % u64::from(ASKED)).unwrap_or(0)
}

impl Repeats {
    pub(super) fn new() -> Self {
        Self {
            names: Table::new(NAMES),
            askers: Table::new(ASKERS),
            asked: vec![(0, 0); usize::from(ASKED)].into_boxed_slice(),
        }
    }

    /// Takes note of a query, which may be the next try of a search list.
    pub(super) fn ask(
        &mut self,
        lookup: &Lookup,
        is_expansion: bool,
        key: &Key,
        dice: &mut Dice,
    ) -> Known {
        let Lookup { tenth, workload, hash, .. } = *lookup;
        if let Some(asked) = self.asked.get_mut(place(hash)) {
            *asked = (hash, workload);
        }
        let tag = of(hash, workload);
        let mut known = Known::default();
        match self.names.place(tag, tenth / 10, dice) {
            // What cannot be followed is a lookup like any other.
            None => {}
            Some(Found::New(at, _)) => {
                if let Some(name) = self.names.get_mut(at) {
                    *name = Name {
                        tag,
                        asked: tenth.max(1),
                        last: tenth,
                        id: lookup.id,
                        asks: 1,
                        ..Name::default()
                    };
                }
            }
            Some(Found::Known(at)) => {
                let Some(name) = self.names.get_mut(at) else { return known };
                let since_last = tenth.saturating_sub(name.last);
                let waits = name.asked != 0 && tenth.saturating_sub(name.asked) < GIVEN_UP;
                let is_again = waits || (name.id == lookup.id && since_last < SAME_ID);
                (name.last, name.id) = (tenth, lookup.id);
                if is_again {
                    return Known { is_known: name.asks > 1, holds: false };
                }
                known = Known { is_known: true, holds: tenth < name.expires };
                name.asks = name.asks.saturating_add(1);
                name.asked = tenth.max(1);
            }
        }
        self.count(lookup, [true, known.holds, is_expansion], key, dice);
        known
    }

    /// Takes note of an answer that holds for so many seconds, if it does. Tells whether
    /// the client looked it up more than once.
    pub(super) fn answer(&mut self, lookup: &Lookup, ttl: Option<u32>) -> bool {
        let Lookup { tenth, hash, mut workload, .. } = *lookup;
        let asked = self.asked.get(place(hash));
        if let Some((_, by)) = asked.filter(|(of, _)| workload == 0 && *of == hash) {
            workload = *by;
        }
        let found = self.names.find(of(hash, workload));
        let Some(name) = found.and_then(|at| self.names.get_mut(at)) else { return false };
        name.asked = 0;
        // A lookup that a cache would have saved does not bring it anything.
        if name.expires <= name.last {
            name.expires = ttl.map_or(0, |ttl| tenth.saturating_add(ttl.min(LONGEST) * 10));
        }
        name.asks > 1
    }

    fn count(&mut self, lookup: &Lookup, is: [bool; 3], key: &Key, dice: &mut Dice) {
        let (second, client) = (lookup.tenth / 10, octets(lookup.client));
        let tag = key.tag(&[&client, &lookup.workload.to_be_bytes()]);
        let at = match self.askers.place(tag, second, dice) {
            None => return,
            Some(Found::Known(at)) => at,
            Some(Found::New(at, _)) => {
                if let Some(row) = self.askers.get_mut(at) {
                    let (workload, bucket) = (lookup.workload, second / BUCKET);
                    *row = Asker { tag, client, workload, bucket, ..Asker::default() };
                }
                at
            }
        };
        let Some(asker) = self.askers.get_mut(at) else { return };
        asker.turn(second);
        (asker.last, asker.server) = (second, octets(lookup.server));
        let [is_query, is_repeat, is_expansion] = is.map(u16::from);
        let [counts, ..] = &mut asker.counts;
        counts.queries = counts.queries.saturating_add(is_query);
        counts.repeats = counts.repeats.saturating_add(is_repeat);
        counts.expansions = counts.expansions.saturating_add(is_expansion);
        // What the majority has (Boyer, Moore 1981).
        if is_repeat + is_expansion > 0 {
            if asker.domain == lookup.domain {
                asker.lead = asker.lead.saturating_add(1);
            } else if asker.lead == 0 {
                (asker.domain, asker.lead) = (lookup.domain, 1);
            } else {
                asker.lead -= 1;
            }
        }
    }

    /// Everybody who asked for something again or by a search list within a minute.
    pub(super) fn candidates(&self, now: u32) -> impl Iterator<Item = Candidate> {
        self.askers.iter().filter_map(move |asker| {
            let mut asker = asker.clone();
            asker.turn(now);
            asker.counts.iter().any(|it| it.repeats > 0 || it.expansions > 0).then(|| Candidate {
                client: address(asker.client),
                server: address(asker.server),
                workload: asker.workload,
                domain: asker.domain,
                counts: asker.counts,
            })
        })
    }

    /// Names, then askers, that had to go.
    pub(super) const fn evicted(&self) -> [u64; 2] {
        [self.names.evicted, self.askers.evicted]
    }

    /// Bytes that all of it takes.
    pub(super) fn bytes(&self) -> usize {
        self.names.bytes() + self.askers.bytes() + size_of_val(&*self.asked)
    }
}

impl Asker {
    /// Begins a new bucket where it is time.
    fn turn(&mut self, now: u32) {
        let bucket = now / BUCKET;
        let passed = bucket.saturating_sub(self.bucket).min(BUCKETS) as usize;
        self.counts.rotate_right(passed % BUCKETS as usize);
        self.counts.iter_mut().take(passed).for_each(|counts| *counts = Counts::default());
        self.bucket = self.bucket.max(bucket);
    }
}

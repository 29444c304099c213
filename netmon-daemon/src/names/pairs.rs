//! Which client asks for how many new names below which registered domain.
//!
//! Every pair has a small set of names; one that grows gets a large one. Must not hold
//! text. Invariant: a pair with a large set yields it only to one that grows, when it
//! was silent for a minute or has the fewest new names of all.

use std::net::IpAddr;

use super::{
    below::Below,
    seen::{self, Extent, Seen, Shown},
};
use crate::{
    key::{self, Dice, Key},
    octets::{Octets, address, octets},
    table::{Found, Row, Table},
};

/// Pairs that are followed.
const PAIRS: usize = 2048;

/// Names of a pair in its small set.
const FEW: usize = 8;
const FEW_NAMES: u16 = 8;

/// More bytes than these call for a large set as well.
const FEW_BYTES: u32 = 500;

/// Large sets, and their names: rows of so many, one of which a name can stand in.
const LARGE: usize = 104;
const ROWS: usize = 16;
const ROW: usize = 16;

/// After so many seconds of silence a pair counts for nothing, and its large set is
/// free; after more of them its names are forgotten.
const SILENT: u32 = 60;
const FORGOTTEN: u32 = 600;

/// How often a pair must come to displace one that has so many new names itself.
const PATIENCE: u64 = 4;

/// A client and a registered domain.
#[derive(Clone, Debug, Default)]
struct Pair {
    tag: u32,
    last: u32,
    client: Octets,
    server: Octets,
    /// The place of its large set plus 1, or 0.
    large: u16,
    few: [Seen; FEW],
}

/// A large set.
#[derive(Clone, Debug)]
struct Large {
    /// The place of its pair plus 1, or 0.
    owner: u16,
    /// New names when they were last counted.
    names: u16,
    /// Hash of the domain.
    domain: u32,
    rows: [[Seen; ROW]; ROWS],
}

/// A pair that asks for many new names.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) client: IpAddr,
    pub(super) server: IpAddr,
    pub(super) domain: u32,
    pub(super) extent: Extent,
    /// The type that most of them were asked for, and how many.
    pub(super) kind: (u16, u32),
}

/// All pairs.
#[derive(Debug)]
pub(super) struct Pairs {
    rows: Table<Pair>,
    large: Box<[Large]>,
    /// Large sets that were taken away from a pair that still had new names.
    displaced: u64,
}

/// A message as the pairs see it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) second: u32,
    pub(super) client: IpAddr,
    pub(super) server: IpAddr,
    /// Hash of the registered domain.
    pub(super) domain: u32,
    pub(super) below: Below,
    pub(super) kind: u16,
    pub(super) is_query: bool,
    /// Whether the client looked it up before, as far as that is known.
    pub(super) is_known: bool,
}

impl Row for Pair {
    fn tag(&self) -> u32 {
        self.tag
    }

    fn is_over(&self, now: u32) -> bool {
        let least = if self.large == 0 { SILENT } else { FORGOTTEN };
        now.saturating_sub(self.last) > least
    }

    fn worth(&self) -> u64 {
        let names = FEW - seen::free(&self.few);
        names as u64 * if self.large == 0 { 1 } else { 1 << 16 }
    }

    fn last(&self) -> u32 {
        self.last
    }
}

impl Large {
    const EMPTY: Self = Self { owner: 0, names: 0, domain: 0, rows: [[Seen::NONE; ROW]; ROWS] };
}

/// The lower bits of a time in seconds.
pub(super) const fn short(second: u32) -> u16 {
    (second & 0xffff) as u16
}

impl Pairs {
    pub(super) fn new() -> Self {
        Self {
            rows: Table::new(PAIRS),
            large: vec![Large::EMPTY; LARGE].into_boxed_slice(),
            displaced: 0,
        }
    }

    /// Takes note of a name. Tells whether its pair has, or now got, a large set.
    pub(super) fn observe(&mut self, asked: &Asked, secret: &Key, dice: &mut Dice) -> bool {
        let client = octets(asked.client);
        let tag = secret.tag(&[&client, &asked.domain.to_be_bytes()]);
        let at = match self.rows.place(tag, asked.second, dice) {
            None => return false,
            Some(Found::Known(at)) => at,
            Some(Found::New(at, before)) => {
                self.release(before.large);
                if let Some(pair) = self.rows.get_mut(at) {
                    *pair = Pair { tag, client, last: asked.second, ..Pair::default() };
                }
                at
            }
        };
        self.forget(at, asked.second);
        let Some(pair) = self.rows.get_mut(at) else { return false };
        pair.last = asked.second;
        pair.server = octets(asked.server);
        let shown = Shown {
            hash: key::tag(asked.below.hash),
            now: short(asked.second),
            len: asked.below.len,
            kind: asked.kind,
            is_query: asked.is_query,
            is_known: asked.is_known,
        };
        if let Some(large) = place(pair.large).and_then(|at| self.large.get_mut(at)) {
            large.show(shown);
            return true;
        }
        if seen::knows(&mut pair.few, shown) || shown.is_known {
            return false;
        }
        let bytes = pair.few.iter().fold(0, |sum, seen| sum + seen.bytes());
        let grows = seen::free(&pair.few) == 0 || bytes > FEW_BYTES;
        if grows && self.promote(at, asked, dice, shown) {
            return true;
        }
        if let Some(place) =
            self.rows.get_mut(at).and_then(|pair| seen::oldest(&mut pair.few, shown.now))
        {
            *place = Seen::new(shown);
        }
        false
    }

    /// What a pair saw before a long silence says nothing.
    fn forget(&mut self, at: usize, now: u32) {
        let Some(pair) = self.rows.get_mut(at) else { return };
        if now.saturating_sub(pair.last) > FORGOTTEN {
            let large = std::mem::take(&mut pair.large);
            pair.few = Default::default();
            self.release(large);
        }
    }

    fn release(&mut self, large: u16) {
        if let Some(large) = place(large).and_then(|at| self.large.get_mut(at)) {
            *large = Large::EMPTY;
        }
    }

    /// Gives a pair a large set, if one can be had.
    fn promote(&mut self, at: usize, asked: &Asked, dice: &mut Dice, shown: Shown) -> bool {
        let silent = |large: &Large| {
            let owner = place(large.owner).and_then(|at| self.rows.get(at));
            owner.is_none_or(|pair| asked.second.saturating_sub(pair.last) > SILENT)
        };
        let least = self.large.iter().enumerate().min_by_key(|(_, large)| large.names);
        let free = self.large.iter().position(silent);
        let Some((to, displaces)) = free.map(|to| (to, 0)).or(least.map(|(to, it)| (to, it.names)))
        else {
            return false;
        };
        if free.is_none() && !dice.hits(PATIENCE * u64::from(displaces)) {
            return false;
        }
        let Some(large) = self.large.get_mut(to) else { return false };
        let before = std::mem::replace(large, Large { domain: asked.domain, ..Large::EMPTY });
        large.owner = u16::try_from(at + 1).unwrap_or(0);
        large.names = FEW_NAMES;
        if let Some(loser) = place(before.owner).and_then(|at| self.rows.get_mut(at)) {
            loser.large = 0;
            self.displaced += u64::from(free.is_none());
        }
        let Some(pair) = self.rows.get_mut(at) else { return false };
        pair.large = u16::try_from(to + 1).unwrap_or(0);
        pair.few.iter().for_each(|seen| large.keep(*seen, shown.now));
        large.show(shown);
        true
    }

    /// The pairs that ask for most.
    pub(super) fn candidates(&mut self, now: u32) -> Vec<Candidate> {
        let mut found = Vec::new();
        for large in self.large.iter_mut().filter(|large| large.owner != 0) {
            let Some(pair) = place(large.owner).and_then(|at| self.rows.get(at)) else { continue };
            seen::forget(large.rows.as_flattened_mut(), short(now));
            let all = large.rows.as_flattened();
            let is_silent = now.saturating_sub(pair.last) > SILENT;
            let extent = if is_silent { Extent::default() } else { seen::extent(all, short(now)) };
            large.names = u16::try_from(extent.worth()).unwrap_or(u16::MAX);
            if extent.names > 0 {
                found.push(Candidate {
                    client: address(pair.client),
                    server: address(pair.server),
                    domain: large.domain,
                    extent,
                    kind: seen::commonest(all, short(now)),
                });
            }
        }
        found
    }

    /// The largest number of new names of any pair.
    pub(super) fn most(&self, now: u32) -> u32 {
        let few = self.rows.iter().filter(|pair| now.saturating_sub(pair.last) <= SILENT);
        let few = few.map(|pair| seen::extent(&pair.few, short(now)).worth());
        few.chain(self.large.iter().map(|large| u32::from(large.names))).max().unwrap_or(0)
    }

    /// Pairs and large sets that had to go.
    pub(super) const fn evicted(&self) -> u64 {
        self.rows.evicted + self.displaced
    }

    /// Bytes that all of it takes.
    pub(super) fn bytes(&self) -> usize {
        self.rows.bytes() + size_of_val(&*self.large)
    }
}

/// A place that is written as its number plus 1, 0 for none.
fn place(number: u16) -> Option<usize> {
    usize::from(number).checked_sub(1)
}

impl Large {
    fn row(&mut self, hash: u32) -> Option<&mut [Seen; ROW]> {
        // Other bits than those that tell names of a row apart would do no better.
        self.rows.get_mut((hash >> 8) as usize % ROWS)
    }

    fn show(&mut self, shown: Shown) {
        let Some(row) = self.row(shown.hash) else { return };
        if !seen::knows(row, shown)
            && !shown.is_known
            && let Some(place) = seen::oldest(row, shown.now)
        {
            *place = Seen::new(shown);
            self.names = self.names.saturating_add(1);
        }
    }

    /// Takes over a name as it is.
    fn keep(&mut self, seen: Seen, now: u16) {
        if let Some(place) = self.row(seen.hash()).and_then(|row| seen::oldest(row, now)) {
            *place = seen;
        }
    }
}

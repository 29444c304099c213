//! Names that do not exist because a resolver tries the suffixes of its search list.
//!
//! Such a failure is followed by the next try at once, so each failure waits for two
//! seconds before it counts. Must not hold text. Invariant: a failure counts once, as an
//! expansion or as what it is, at the latest when another one needs its place.

use std::net::IpAddr;

use super::{failing::Answer, name::Lower};
use crate::{
    key::Key,
    octets::{Octets, address, octets},
};

/// Failures that wait.
const WAITING: usize = 256;

/// How long they wait, in tenths of a second.
const PATIENCE: u32 = 20;

/// Beginnings of a name that are remembered.
const PREFIXES: usize = 6;

/// A failure that waits.
#[derive(Clone, Debug, Default)]
struct Failure {
    /// Hash of client, type and first label; 0 where there is none.
    tag: u32,
    /// Tenths of a second.
    at: u32,
    /// Hash of the registered domain.
    domain: u32,
    /// Hash of the whole name.
    name: u32,
    /// Hashes of its first label, of its first two, and so on.
    prefixes: [u32; PREFIXES],
    client: Octets,
    server: Octets,
}

/// What is asked, by whom, when.
#[derive(Clone, Copy)]
pub(super) struct Question<'a> {
    pub(super) tenth: u32,
    pub(super) client: IpAddr,
    pub(super) server: IpAddr,
    pub(super) name: &'a Lower,
    pub(super) kind: u16,
    /// Hash of the registered domain, 0 where there is none.
    pub(super) domain: u32,
}

/// All failures that wait.
#[derive(Debug)]
pub(super) struct Waiting(Box<[Failure]>);

impl Waiting {
    pub(super) fn new() -> Self {
        Self(vec![Failure::default(); WAITING].into_boxed_slice())
    }

    fn place(&mut self, question: &Question<'_>, key: &Key) -> Option<(&mut Failure, u32)> {
        let first = question.name.label(0);
        let kind = question.kind.to_be_bytes();
        let tag = key.tag(&[first, &octets(question.client), &kind]);
        self.0.get_mut(tag as usize % WAITING).map(|failure| (failure, tag))
    }

    /// Lets a failure wait; tells which one had to go for it.
    pub(super) fn fail(&mut self, question: &Question<'_>, key: &Key) -> Option<Answer> {
        let (place, tag) = self.place(question, key)?;
        let name = key.tag(&[question.name.from(0)]);
        if place.tag == tag && place.name == name {
            return None;
        }
        let mut prefixes = [0; PREFIXES];
        for (prefix, labels) in prefixes.iter_mut().zip(1..=question.name.labels()) {
            *prefix = key.tag(&[question.name.part(0, labels)]);
        }
        let failure = Failure {
            tag,
            at: question.tenth,
            domain: question.domain,
            name,
            prefixes,
            client: octets(question.client),
            server: octets(question.server),
        };
        std::mem::replace(place, failure).answer()
    }

    /// Whether a question goes on with a search list: a failure that waits was the try
    /// before it, and does not count as one.
    pub(super) fn goes_on(&mut self, question: &Question<'_>, key: &Key) -> bool {
        let Some((place, tag)) = self.place(question, key) else { return false };
        if place.tag != tag || question.tenth.saturating_sub(place.at) > PATIENCE {
            return false;
        }
        let name = key.tag(&[question.name.from(0)]);
        let is_next = place.name != name && place.is_before(question, name, key);
        if is_next {
            *place = Failure::default();
        }
        is_next
    }

    /// Hands over the failures that have waited long enough.
    pub(super) fn settle(&mut self, tenth: u32, mut settled: impl FnMut(&Answer)) {
        let is_due = |it: &&mut Failure| it.tag != 0 && tenth.saturating_sub(it.at) > PATIENCE;
        for failure in self.0.iter_mut().filter(is_due) {
            std::mem::take(failure).answer().iter().for_each(&mut settled);
        }
    }

    /// Bytes that all of it takes.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.0)
    }
}

impl Failure {
    /// Whether both names are the same one behind different suffixes, or without one.
    /// Their first label is the same.
    fn is_before(&self, question: &Question<'_>, name: u32, key: &Key) -> bool {
        let is_common = question.name.label(0) == b"www";
        let begins_with_it = |labels: usize| key.tag(&[question.name.part(0, labels)]);
        let [_, two, ..] = self.prefixes;
        // Everybody has a host of that name.
        !is_common
            || self.domain == question.domain
            || self.prefixes.contains(&name)
            || two != 0 && two == begins_with_it(2)
    }

    /// The answer that it was, if it is one.
    fn answer(self) -> Option<Answer> {
        // Where nobody can register anything, a failure says nothing.
        (self.tag != 0 && self.domain != 0).then(|| Answer {
            second: self.at / 10,
            client: address(self.client),
            server: address(self.server),
            failed: Some(self.domain),
        })
    }
}

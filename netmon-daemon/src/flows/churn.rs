//! How workloads of this host use their services as clients: how many connections they
//! open, how short these live, and how many are open at once.
//!
//! Must not know how many are too many. Invariant: what is said of a span of ten seconds
//! is said when it is over.

use netmon_common::abi::labels::Role;

use super::{
    Record,
    lead::Lead,
    report::{Churn as Found, PARTS},
    spans::Spans,
};
use crate::{
    config::Port,
    key::{Dice, Key},
    octets::{Octets, address, octets},
    ring::Ring,
    table::{Found as Place, Row, Table},
};

/// Pairs of a workload and a service that are followed.
const PAIRS: usize = 256;

/// Those among them of which it is known when each connection was open.
const CLOSELY: usize = 8;

/// Connections within ten seconds for that.
const BUSY: u32 = 50;

/// Seconds of a part of the window.
const PART: u32 = 10;

/// Parts of the window.
const WINDOW: u32 = 6;
const _: () = assert!(WINDOW as usize == PARTS);

/// A life of fewer nanoseconds is short.
pub(super) const SHORT: u64 = 1_000_000_000;

/// What happened within ten seconds.
#[derive(Clone, Copy, Debug, Default)]
struct Part {
    opens: u32,
    /// Those that lived shortly.
    short: u32,
    /// How many were open at once.
    peak: u32,
}

/// A workload and a service.
#[derive(Clone, Debug, Default)]
struct Pair {
    tag: u32,
    last: u32,
    port: u16,
    workload: u64,
    client: Octets,
    server: Lead<Octets>,
    parts: Ring<Part, { PARTS + 1 }>,
}

/// All pairs.
#[derive(Debug)]
pub(super) struct Churn {
    services: Vec<Port>,
    pairs: Table<Pair>,
    /// Of the busiest, with the tags of their pairs.
    closely: Vec<(u32, Spans)>,
}

impl Row for Pair {
    fn tag(&self) -> u32 {
        self.tag
    }

    fn is_over(&self, now: u32) -> bool {
        (now / PART).saturating_sub(self.parts.newest()) > WINDOW
    }

    fn worth(&self) -> u64 {
        let parts = self.parts.up_to(self.parts.newest(), WINDOW + 1);
        parts.map(|part| u64::from(part.opens)).sum()
    }

    fn last(&self) -> u32 {
        self.last
    }
}

impl Churn {
    /// Nobody used these services yet.
    pub(super) fn new(services: &[Port]) -> Self {
        Self { services: services.to_vec(), pairs: Table::new(PAIRS), closely: Vec::new() }
    }

    /// Takes over which services are watched. What was seen of them stays.
    pub(super) fn configure(&mut self, services: &[Port]) {
        self.services = services.to_vec();
    }

    /// Whether a connection is one of those that are watched.
    pub(super) fn watches(&self, record: &Record) -> bool {
        record.role == Role::Active
            && record.was_open()
            && record.seen_to_open
            && self.services.contains(&Port(record.service_port))
    }

    /// Takes note of a connection that is watched.
    pub(super) fn observe(&mut self, record: &Record, second: u32, key: &Key, dice: &mut Dice) {
        let (workload, client) = (record.workload, octets(record.client));
        let port = record.service_port;
        // Where nobody knows what it is, it is whoever has the address.
        let whose = if workload == 0 { client } else { Octets::default() };
        let tag = key.tag(&[&workload.to_be_bytes(), &whose, &port.to_be_bytes()]);
        let at = match self.pairs.place(tag, second, dice) {
            None => return,
            Some(Place::Known(at)) => at,
            Some(Place::New(at, _)) => {
                if let Some(row) = self.pairs.get_mut(at) {
                    *row = Pair { tag, port, workload, ..Pair::default() };
                }
                at
            }
        };
        let Some(pair) = self.pairs.get_mut(at) else { return };
        (pair.last, pair.client) = (second, client);
        pair.server.vote(octets(record.server));
        let [began, ended] = [record.began, record.ended].map(nanoseconds);
        // What began before the window is no open of it, but was open in it.
        let is_busy = pair.parts.at(part(began)).is_some_and(|part| {
            part.opens = part.opens.saturating_add(1);
            part.short += u32::from(ended.saturating_sub(began) < SHORT);
            part.opens >= BUSY
        });
        if let Some(spans) = self.spans(tag, is_busy, second) {
            let is_full = spans.add(began, ended);
            if is_full {
                self.settle(tag);
            }
        }
    }

    /// The times of the connections of a pair, if it is followed closely or may be.
    fn spans(&mut self, tag: u32, is_busy: bool, now: u32) -> Option<&mut Spans> {
        let mut at = self.closely.iter().position(|(of, _)| *of == tag);
        if at.is_none() && is_busy {
            if self.closely.len() < CLOSELY {
                self.closely.push((tag, Spans::default()));
                at = self.closely.len().checked_sub(1);
            } else {
                // Of a pair that is busy no more nobody wants to know.
                at = self.closely.iter().position(|(of, _)| !self.is_busy(*of, now));
                let place = at.and_then(|at| self.closely.get_mut(at))?;
                place.0 = tag;
                place.1.clear();
            }
        }
        self.closely.get_mut(at?).map(|(_, spans)| spans)
    }

    fn is_busy(&self, tag: u32, now: u32) -> bool {
        let pair = self.pairs.find(tag).and_then(|at| self.pairs.get(at));
        pair.is_some_and(|pair| pair.parts.up_to(now / PART, WINDOW).any(|part| part.opens >= BUSY))
    }

    /// Finds out how many connections of a pair were open at once.
    fn settle(&mut self, tag: u32) {
        let Some(spans) = self.closely.iter_mut().find(|(of, _)| *of == tag) else { return };
        let Some(pair) = self.pairs.find(tag).and_then(|at| self.pairs.get_mut(at)) else { return };
        spans.1.sweep(|at, open| {
            let is_known = part(at) <= pair.parts.newest();
            if let Some(part) = pair.parts.at(part(at)).filter(|_| is_known) {
                part.peak = part.peak.max(open);
            }
        });
    }

    /// Pairs that open connections by the dozen, as they were in the last parts that are
    /// over.
    pub(super) fn candidates(&mut self, now: u32) -> Vec<Found> {
        let tags: Vec<u32> = self.closely.iter().map(|(tag, _)| *tag).collect();
        for tag in &tags {
            self.settle(*tag);
        }
        let Some(over) = (now / PART).checked_sub(1) else { return Vec::new() };
        let followed = self.pairs.iter().filter(|pair| tags.contains(&pair.tag));
        let watched = followed.filter(|pair| self.services.contains(&Port(pair.port)));
        let found = watched.map(|pair| {
            let parts = || pair.parts.up_to(over, WINDOW);
            let mut opens = [0; PARTS];
            opens.iter_mut().zip(parts()).for_each(|(opens, part)| *opens = part.opens);
            Found {
                workload: pair.workload,
                client: address(pair.client),
                server: address(pair.server.of()),
                port: pair.port,
                opens,
                short: parts().map(|part| u64::from(part.short)).sum(),
                peak: parts().map(|part| part.peak).max().unwrap_or(0),
            }
        });
        found.filter(|it| it.opens.iter().any(|opens| *opens > 0)).collect()
    }

    /// Pairs that had to go.
    pub(super) const fn evicted(&self) -> u64 {
        self.pairs.evicted
    }

    /// Bytes that all of it takes.
    pub(super) fn bytes(&self) -> usize {
        self.pairs.bytes() + self.closely.iter().map(|(_, spans)| spans.bytes()).sum::<usize>()
    }
}

/// The number of the part in which a moment lies.
fn part(nanoseconds: u64) -> u32 {
    u32::try_from(nanoseconds / (u64::from(PART) * 1_000_000_000)).unwrap_or(u32::MAX)
}

fn nanoseconds(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

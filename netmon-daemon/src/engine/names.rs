//! The names of DNS messages, as the kernel hands them over: how many of them arrive, and
//! what they say.

use std::{sync::Arc, time::Duration};

use netmon_common::abi::dns::LookupEvents;

use crate::{
    config::Config,
    kernel::{self, Kernel},
    key::Key,
    names::{Names as Tables, Sighting},
    signal::Signal,
    snapshot::Snapshot,
};

/// The source of what comes through the ring.
const RING: &str = "ring_buffer";

/// One in so many messages may be missing before the names count as a sample.
const MISSING: u64 = 20;

/// What looks at the names.
pub(super) struct Names {
    tables: Option<Tables>,
    key: Key,
    /// The clock of the programs when the source started.
    began: Duration,
    /// What had been handed over, and what had not, at the last snapshot.
    before: [u64; 2],
}

impl Names {
    /// What looks at names as a configuration wants it, for a source that starts now.
    pub(super) fn start(config: &Config) -> Self {
        let key = Key::random();
        Self { tables: Tables::of(config, key), key, began: kernel::monotonic(), before: [0; 2] }
    }

    /// Takes over a configuration.
    pub(super) fn configure(&mut self, config: &Config) {
        match (&mut self.tables, Tables::of(config, self.key)) {
            (Some(tables), Some(_)) => tables.configure(config),
            (tables, new) => *tables = new,
        }
    }

    /// Looks at the messages that wait.
    pub(super) fn drain(&mut self, kernel: &mut Kernel) {
        let began = self.began;
        let tables = &mut self.tables;
        kernel.drain(|sighting| {
            if let Some(tables) = tables {
                let at = sighting.at.saturating_sub(began);
                tables.observe(&Sighting { at, ..*sighting });
            }
        });
    }

    /// Adds what the names say to a snapshot.
    pub(super) fn fill(&mut self, snapshot: &mut Snapshot) {
        let events = &snapshot.dns.lookups.events;
        let now = [events.names_sent, lost(events)];
        let [sent, lost] =
            [now[0] - self.before[0].min(now[0]), now[1] - self.before[1].min(now[1])];
        self.before = now;
        let Some(tables) = &mut self.tables else { return };
        let report = tables.report(snapshot.at);
        let seen = snapshot.sources.has(Signal::Packets) && snapshot.dns.looked_at;
        let is_whole = lost.saturating_mul(MISSING) <= sent.saturating_add(lost);
        snapshot.sources.set(Signal::DnsNameSample, seen.then_some(RING));
        snapshot.sources.set(Signal::DnsNames, (seen && is_whole).then_some(RING));
        snapshot.names = seen.then(|| Arc::clone(&report));
    }

    /// Whether names are looked at.
    pub(super) const fn are_on(&self) -> bool {
        self.tables.is_some()
    }
}

/// Messages whose names did not arrive. What answers in pieces say is missing too, but the
/// names in them are those of queries.
const fn lost(events: &LookupEvents) -> u64 {
    events.names_skipped.wrapping_add(events.names_lost).wrapping_add(events.names_split)
}

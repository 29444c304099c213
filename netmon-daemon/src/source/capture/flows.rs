//! What the TCP connections of a capture say, by the tables of live traffic.

use std::{sync::Arc, time::Duration};

use netmon_common::{abi::networks::Networks, packet::Packet};

use super::{record::Record, segment::Segment, tracker::Tracker};
use crate::{
    flows::{Flows as Tables, Report},
    key::Key,
};

/// What looks at connections, if anything does.
pub(super) struct Flows {
    tracker: Tracker,
    tables: Option<Tables>,
}

impl Flows {
    /// Nothing looks at them.
    pub(super) fn new() -> Self {
        Self { tracker: Tracker::new(Key::FIXED), tables: None }
    }

    /// The same with tables to fill.
    pub(super) fn filling(mut self, tables: Tables) -> Self {
        self.tables = Some(tables);
        self
    }

    /// Takes a packet.
    pub(super) fn follow(
        &mut self,
        at: Duration,
        packet: Packet,
        record: &Record<'_>,
        networks: &Networks,
    ) {
        if let Some(tables) = &mut self.tables
            && let Some(segment) = Segment::read(at, packet, record)
        {
            self.tracker.take(&segment, networks, |record| tables.observe(record));
            self.tracker.chats().for_each(|chat| tables.chat(&chat));
        }
    }

    /// What they say at a moment.
    pub(super) fn report(&mut self, at: Duration, networks: &Networks) -> Option<Arc<Report>> {
        let tables = self.tables.as_mut()?;
        self.tracker.expire(at, networks, |record| tables.observe(record));
        tables.hear(at);
        Some(tables.report(at))
    }

    /// Connections that found no room.
    pub(super) const fn untracked(&self) -> u64 {
        self.tracker.evicted
    }
}

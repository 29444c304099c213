//! Connections at their end, as the kernel hands them over: how many of them arrive, and
//! what they say.

use std::{sync::Arc, time::Duration};

use netmon_common::abi::{
    record::{Ended, Fate},
    tcp::TcpEvents,
};

use crate::{
    config::Config,
    flows::{Flows as Tables, Record},
    kernel::{self, Kernel},
    key::Key,
    signal::Signal,
    snapshot::Snapshot,
    sockets::Census,
    store::Kept,
};

/// One in so many connections may be missing before they count as a sample.
const MISSING: u64 = 20;

/// What looks at connections.
pub(super) struct Flows {
    tables: Tables,
    /// The clock of the programs when the source started.
    began: Duration,
    /// What had become of records of connections at the last snapshot.
    before: [u64; Fate::COUNT],
    /// The list of sockets that was looked at last.
    census: Option<Arc<Census>>,
}

impl Flows {
    /// What looks at connections as a configuration wants it, for a source that starts now.
    pub(super) fn start(config: &Config) -> Self {
        Self {
            tables: Tables::new(config, Key::random()),
            began: kernel::monotonic(),
            before: [0; Fate::COUNT],
            census: None,
        }
    }

    /// Takes over a configuration.
    pub(super) fn configure(&mut self, config: &Config) {
        self.tables.configure(config);
    }

    /// Looks at the records that wait.
    pub(super) fn drain(&mut self, kernel: &mut Kernel) {
        let (began, tables) = (self.began, &mut self.tables);
        kernel.drain_records(|record| {
            let [from, to] = [record.began, record.ended].map(|at| at.saturating_sub(began));
            tables.observe(&Record { began: from, ended: to, ..*record });
        });
    }

    /// What outlives the daemon.
    pub(super) fn kept(&mut self) -> Vec<Kept<'_>> {
        self.tables.kept()
    }

    /// Adds what the connections say to a snapshot, of which the sockets are there.
    pub(super) fn fill(&mut self, snapshot: &mut Snapshot) {
        let is_known = |census| self.census.as_ref().is_some_and(|it| Arc::ptr_eq(it, census));
        if let Some(census) = snapshot.sockets.as_ref().filter(|census| !is_known(census)) {
            self.tables.list(snapshot.at, census);
            self.census = Some(Arc::clone(census));
        }
        let report = self.tables.report(snapshot.at);
        let now = fates(&snapshot.tcp.events, Ended::Closed);
        let [sent, skipped, lost] = std::array::from_fn(|at| {
            let [now, before] = [now, self.before].map(|of| of.get(at).copied().unwrap_or(0));
            now.saturating_sub(before)
        });
        self.before = now;
        if !snapshot.sources.has(Signal::ConnectionRecords) {
            return;
        }
        snapshot.flows = Some(report);
        let sockets = snapshot.sources.of(Signal::Sockets);
        snapshot.sources.set(Signal::OpenConnections, sockets);
        if !is_whole(sent, skipped.saturating_add(lost)) {
            snapshot.sources.set(Signal::ConnectionRecords, None);
        }
    }
}

/// Whether so few are missing that what is there counts as all.
const fn is_whole(sent: u64, missing: u64) -> bool {
    missing.saturating_mul(MISSING) <= sent.saturating_add(missing)
}

/// What became of records of one kind.
fn fates(events: &TcpEvents, what: Ended) -> [u64; Fate::COUNT] {
    let first = what.index() * Fate::COUNT;
    std::array::from_fn(|at| events.records.get(first + at).copied().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_in_twenty_may_be_missing() {
        for (sent, missing, expected) in
            [(0, 0, true), (19, 1, true), (18, 1, false), (0, 1, false), (1900, 100, true)]
        {
            assert_eq!(is_whole(sent, missing), expected, "{missing} beside {sent}");
        }
    }

    #[test]
    fn kinds_are_told_apart() {
        let mut events = TcpEvents::ZERO;
        events.records = [1, 2, 3, 4, 5, 6];
        assert_eq!(fates(&events, Ended::Closed), [1, 2, 3]);
        assert_eq!(fates(&events, Ended::Failed), [4, 5, 6]);
    }
}

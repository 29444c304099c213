//! The open sockets of a snapshot, from the last census.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use crate::{
    signal::Signal,
    snapshot::Snapshot,
    sockets::{CensusError, Overflows, Report, Taker},
    view::Refusal,
};

/// The source of what a census feeds.
const SOCK_DIAG: &str = "sock_diag";

/// A census that is older says nothing about now. It is taken every 5 seconds, or
/// less often on a host with so many sockets that it takes long.
const STALE: Duration = Duration::from_secs(60);

/// Censuses, one after another, and what adds up from one to the next.
pub(super) struct Sockets {
    taker: Taker,
    overflows: Overflows,
    /// When the census was begun that was looked at last.
    seen: Option<Instant>,
    /// The listening sockets that it found, by their cookies.
    listening: BTreeSet<u64>,
}

impl Sockets {
    /// Begins to take them, and waits for the first one, which takes a few seconds
    /// at most. Must be called within a tokio runtime.
    pub(super) async fn start() -> Self {
        let mut sockets = Self {
            taker: Taker::start(),
            overflows: Overflows::default(),
            seen: None,
            listening: BTreeSet::new(),
        };
        let report = sockets.taker.changed().await;
        sockets.look(&report);
        sockets
    }

    /// The ports of this namespace on which somebody listens.
    pub(super) fn listening(&self) -> Vec<u16> {
        let census = self.taker.report().census;
        census.iter().flat_map(|it| &it.listeners).map(|listener| listener.port).collect()
    }

    /// Why there is no census, if so.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        let failure = self.taker.report().failure?;
        let fix = match &*failure {
            CensusError::NoList => "load the kernel's module tcp_diag",
            _ => "see the reason",
        };
        Some(Refusal { mechanism: SOCK_DIAG, why: failure.to_string(), fix: fix.to_owned() })
    }

    /// Adds what is known of the sockets to a snapshot. Returns the ports on which
    /// somebody has been listening from one census to the next.
    pub(super) fn fill(&mut self, snapshot: &mut Snapshot) -> Vec<u16> {
        let report = self.taker.report();
        let lasting = self.look(&report);
        snapshot.listen_overflows.clone_from(self.overflows.counts());
        if report.age(Instant::now()).is_some_and(|age| age <= STALE) {
            snapshot.sockets = report.census;
            snapshot.sources.set(Signal::Sockets, Some(SOCK_DIAG));
        }
        lasting
    }

    /// Adds up what a census says that was not looked at yet. Returns the ports whose
    /// listeners were there before.
    fn look(&mut self, report: &Report) -> Vec<u16> {
        let Some(census) = report.census.as_ref().filter(|_| report.taken != self.seen) else {
            return Vec::new();
        };
        self.overflows.take(census);
        self.seen = report.taken;
        let lasting = census.listeners.iter().filter(|it| self.listening.contains(&it.cookie));
        let ports = lasting.map(|listener| listener.port).collect();
        self.listening = census.listeners.iter().map(|listener| listener.cookie).collect();
        ports
    }
}

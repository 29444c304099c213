//! The neighbours of a snapshot, as rtnetlink tells of them.

use std::{collections::BTreeMap, io};

use crate::{links::Link, neighbours::Watch, signal::Signal, snapshot::Snapshot, view::Refusal};

/// The source of what is known of neighbours.
const RTNETLINK: &str = "rtnetlink";

/// What follows the neighbours.
pub(super) struct Neighbours {
    watch: io::Result<Watch>,
    /// How often each link that is up had gone down, by index.
    up: BTreeMap<u32, u64>,
}

impl Neighbours {
    /// Begins to follow them.
    pub(super) fn start() -> Self {
        Self { watch: Watch::open(), up: BTreeMap::new() }
    }

    /// Why they cannot be followed, if so.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        let why = self.watch.as_ref().err()?.to_string();
        Some(Refusal { mechanism: RTNETLINK, why, fix: "see the reason".to_owned() })
    }

    /// Adds to a snapshot what changed about them. `links` are those that exist.
    pub(super) fn fill<'a>(
        &mut self,
        links: impl Iterator<Item = &'a Link>,
        snapshot: &mut Snapshot,
    ) {
        let Ok(watch) = &mut self.watch else { return };
        let up = links.filter(|link| link.up).map(|link| (link.ifindex, link.flaps)).collect();
        let before = std::mem::replace(&mut self.up, up);
        // Behind a link that was down there can be another network, where the address
        // of the gateway is somebody else's.
        for (ifindex, flaps) in &before {
            if self.up.get(ifindex) != Some(flaps) {
                watch.forget(*ifindex);
            }
        }
        match watch.look(snapshot.at) {
            Ok(report) => {
                snapshot.neighbours = Some(report);
                snapshot.sources.set(Signal::Neighbours, Some(RTNETLINK));
            }
            Err(error) => {
                tracing::error!(%error, "neighbours");
                self.watch = Err(error);
            }
        }
    }
}

//! A watch whose changes are checked.
//!
//! Invariant: applied in order, the changes must give what sysfs shows of the
//! namespace. No change may speak of a device that is not there.

use std::{collections::BTreeMap, time::Duration};

use netmon::{
    links::{self, Change, Link, Name, Table, Watch},
    snapshot::Vantage,
};

use crate::netns::NetNs;

/// No test takes this long; it ends one that would wait for ever.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A watch and what its changes amount to.
pub(crate) struct Watched<'a> {
    namespace: &'a NetNs,
    /// The watch itself.
    pub(crate) watch: Watch,
    /// The devices as the changes left them.
    pub(crate) names: BTreeMap<u32, Name>,
    changes: Vec<Change>,
}

impl<'a> Watched<'a> {
    /// Begins to watch; must be called within the namespace.
    pub(crate) fn open(namespace: &'a NetNs) -> Self {
        Self::over(namespace, Watch::open().unwrap())
    }

    /// The same with a watch of one's own.
    pub(crate) fn over(namespace: &'a NetNs, watch: Watch) -> Self {
        Self { namespace, watch, names: BTreeMap::new(), changes: Vec::new() }
    }

    /// Reads changes until the table is as wanted.
    pub(crate) async fn until(&mut self, wanted: impl Fn(&Table) -> bool) {
        let reading = async {
            while !wanted(self.watch.table()) || self.names.is_empty() {
                let changes = self.watch.next().await.unwrap();
                assert!(!changes.is_empty());
                self.take(changes);
            }
        };
        tokio::time::timeout(PATIENCE, reading).await.unwrap();
    }

    /// Reads changes until the table is what sysfs shows, and checks that the
    /// changes amount to it.
    pub(crate) async fn settle(&mut self) {
        let truth = devices(self.namespace);
        self.until(|table| names(table) == truth).await;
        assert_eq!(self.names, truth);
    }

    /// Checks changes, and keeps them for [`told`](Self::told).
    pub(crate) fn take(&mut self, changes: Vec<Change>) {
        for change in &changes {
            match change {
                Change::Added(link) => {
                    assert_eq!(self.names.insert(link.ifindex, link.name.clone()), None);
                }
                Change::Removed(link) => {
                    assert_eq!(self.names.remove(&link.ifindex), Some(link.name.clone()));
                }
                Change::Renamed { was, now } => {
                    let before = self.names.insert(now.ifindex, now.name.clone());
                    assert_eq!(before.as_ref(), Some(was));
                }
                Change::Changed { was, now } => {
                    assert_eq!(was.ifindex, now.ifindex);
                    assert!(self.names.contains_key(&now.ifindex));
                }
            }
        }
        self.changes.extend(changes);
    }

    /// The changes since it was last asked, in short.
    pub(crate) fn told(&mut self) -> Vec<String> {
        let short = |change| match change {
            Change::Added(link) => format!("+{}", link.name),
            Change::Removed(link) => format!("-{}", link.name),
            Change::Renamed { was, now } => format!("{was}>{}", now.name),
            Change::Changed { was, now } if was.up != now.up => {
                format!("{} {}", now.name, if now.up { "up" } else { "down" })
            }
            Change::Changed { now, .. } => format!("{} changed", now.name),
        };
        self.changes.drain(..).map(short).collect()
    }

    /// The device of this name, which must exist.
    pub(crate) fn link(&self, name: &str) -> &Link {
        named(self.watch.table(), name).unwrap()
    }

    /// The vantage of that device.
    pub(crate) fn vantage(&self, name: &str) -> Option<Vantage> {
        links::vantage(self.link(name), self.watch.table())
    }
}

/// The device of this name.
pub(crate) fn named<'a>(table: &'a Table, name: &str) -> Option<&'a Link> {
    table.links().find(|link| link.name.as_bytes() == name.as_bytes())
}

/// Whether there is a device of this name, and up.
pub(crate) fn is_up(table: &Table, name: &str) -> bool {
    named(table, name).is_some_and(|link| link.up)
}

fn names(table: &Table) -> BTreeMap<u32, Name> {
    table.links().map(|link| (link.ifindex, link.name.clone())).collect()
}

/// The devices of a namespace as sysfs shows them.
fn devices(namespace: &NetNs) -> BTreeMap<u32, Name> {
    let listed = namespace.run(["sh", "-c", "cd /sys/class/net && grep -H '' */ifindex"]);
    let lines = listed.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines
        .map(|line| {
            let at = line.windows(9).rposition(|part| part == b"/ifindex:").unwrap();
            let ifindex = str::from_utf8(&line[at + 9..]).unwrap().parse().unwrap();
            (ifindex, Name::new(&line[..at]))
        })
        .collect()
}

/// Runs a test in a namespace of its own, on a runtime of its own.
pub(crate) fn in_namespace(test: impl AsyncFnOnce(&NetNs) + Send) {
    let namespace = NetNs::new();
    namespace.enter(|| {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_all().build().unwrap().block_on(test(&namespace));
    });
}

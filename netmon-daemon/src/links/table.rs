//! The devices that exist, and the differences that messages make.
//!
//! Must not read anything: messages come in, changes go out. Invariant: the
//! changes, applied in order to what was there before, give what is there now;
//! no index is in the table twice.

use std::collections::BTreeMap;

use super::{Link, Name};

/// What a message changed. A device that was made anew under its old name is
/// [`Removed`](Self::Removed) and [`Added`](Self::Added).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A device appeared: it was made, or came from another namespace.
    Added(Link),
    /// A device vanished, as it was last seen.
    Removed(Link),
    /// A device has a new name.
    Renamed {
        /// Its former name.
        was: Name,
        /// The device now.
        now: Link,
    },
    /// Anything else about a device changed but its counters: whether it is up,
    /// its speed, its master, ...
    Changed {
        /// As it was.
        was: Link,
        /// As it is.
        now: Link,
    },
}

/// The devices that exist.
#[derive(Clone, Debug, Default)]
pub struct Table {
    entries: BTreeMap<u32, Entry>,
    /// Counts the lists of all devices that were begun.
    list: u64,
    /// Whether messages may have been lost since the last whole list.
    doubtful: bool,
}

#[derive(Clone, Debug)]
struct Entry {
    link: Link,
    /// The list during or after which it was last heard of.
    heard: u64,
}

impl Table {
    /// The device of this index.
    pub fn get(&self, ifindex: u32) -> Option<&Link> {
        self.entries.get(&ifindex).map(|entry| &entry.link)
    }

    /// The devices by index.
    pub fn links(&self) -> impl Iterator<Item = &Link> {
        self.entries.values().map(|entry| &entry.link)
    }

    /// Whether messages may have been lost since the last whole list.
    pub const fn is_doubtful(&self) -> bool {
        self.doubtful
    }

    /// Messages were lost: the table is doubtful up to the next whole list.
    pub const fn doubt(&mut self) {
        self.doubtful = true;
    }

    /// A device looks like this. `speed` is asked for its speed when it is new
    /// or changed.
    pub fn apply(
        &mut self,
        mut link: Link,
        speed: impl FnOnce(&Link) -> Option<u64>,
        changes: &mut Vec<Change>,
    ) {
        let ifindex = link.ifindex;
        if self.get(ifindex).is_some_and(|old| self.is_another(old, &link)) {
            self.remove(ifindex, changes);
        }
        let heard = self.list;
        let Some(entry) = self.entries.get_mut(&ifindex) else {
            link.speed = speed(&link);
            self.entries.insert(ifindex, Entry { link: link.clone(), heard });
            changes.push(Change::Added(link));
            return;
        };
        entry.heard = heard;
        let old = &mut entry.link;
        let differs = old.differs(&link);
        let renamed = old.name != link.name;
        link.flaps = old.flaps.saturating_add(u64::from(old.up && !link.up));
        link.speed = if differs || renamed { speed(&link) } else { old.speed };
        let differs = differs || old.speed != link.speed;
        let was = std::mem::replace(old, link);
        if renamed {
            changes.push(Change::Renamed { was: was.name.clone(), now: old.clone() });
        }
        if differs {
            changes.push(Change::Changed { was, now: old.clone() });
        }
    }

    /// The device of this index is gone.
    pub fn remove(&mut self, ifindex: u32, changes: &mut Vec<Change>) {
        if let Some(entry) = self.entries.remove(&ifindex) {
            changes.push(Change::Removed(entry.link));
        }
    }

    /// A list of all devices begins.
    pub const fn begin_list(&mut self) {
        self.list = self.list.saturating_add(1);
    }

    /// The list is whole: devices that were not heard of since it began are gone.
    /// They go to the front of `changes`, because they were gone before anything
    /// that the list told, and their names may be in use again.
    pub fn end_list(&mut self, changes: &mut Vec<Change>) {
        let list = self.list;
        let gone = self.entries.extract_if(.., |_, entry| entry.heard < list);
        changes.splice(..0, gone.map(|(_, entry)| Change::Removed(entry.link)));
        self.doubtful = false;
    }

    /// Sets the speed of a device.
    pub fn set_speed(&mut self, ifindex: u32, speed: Option<u64>, changes: &mut Vec<Change>) {
        if let Some(entry) = self.entries.get_mut(&ifindex)
            && entry.link.speed != speed
        {
            let was = entry.link.clone();
            entry.link.speed = speed;
            changes.push(Change::Changed { was, now: entry.link.clone() });
        }
    }

    /// Whether `new` cannot be the device that was seen as `old`, although it has
    /// its index. A device never changes its kind. The other signs (counters that
    /// fell, another address) have innocent causes too, so they count only where
    /// the messages that would tell were lost.
    fn is_another(&self, old: &Link, new: &Link) -> bool {
        let suspect = || new.stats.fell_below(&old.stats) || new.address != old.address;
        old.kind != new.kind || (self.doubtful && suspect())
    }
}

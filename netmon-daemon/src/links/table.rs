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

impl Change {
    /// The device that it is about.
    pub const fn ifindex(&self) -> u32 {
        match self {
            Self::Added(link) | Self::Removed(link) => link.ifindex,
            Self::Renamed { now, .. } | Self::Changed { now, .. } => now.ifindex,
        }
    }
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
    /// `changes` are those that were not yielded yet. The end of these devices
    /// goes right behind the last word of them, because it came before anything
    /// that the list told, and their names may be in use again.
    pub fn end_list(&mut self, changes: &mut Vec<Change>) {
        let list = self.list;
        let gone: BTreeMap<_, _> =
            self.entries.extract_if(.., |_, entry| entry.heard < list).collect();
        let last_word = changes.iter().rposition(|change| gone.contains_key(&change.ifindex()));
        let at = last_word.map_or(0, |last_word| last_word + 1);
        changes.splice(at..at, gone.into_values().map(|entry| Change::Removed(entry.link)));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::links::Stats;

    const SPEED: Option<u64> = Some(125_000_000);

    /// What the kernel says, or the watch about it.
    #[derive(Clone)]
    enum Event {
        Looks(Link),
        Gone(u32),
        Lost,
        /// All devices, as a list without interruption.
        List(Vec<Link>),
    }
    use Event::{Gone, List, Looks, Lost};

    fn link(ifindex: u32, name: &str) -> Link {
        Link { name: Name::new(name.as_bytes()), ..Link::nameless(ifindex) }
    }

    fn up(link: Link) -> Link {
        Link { up: true, ..link }
    }

    fn counted(packets: u64, link: Link) -> Link {
        Link { stats: Stats { rx_packets: packets, ..Stats::default() }, ..link }
    }

    fn at(address: u8, link: Link) -> Link {
        Link { address: vec![address; 6], ..link }
    }

    fn of(kind: &str, link: Link) -> Link {
        Link { kind: Some(kind.to_owned()), ..link }
    }

    fn happens(table: &mut Table, events: Vec<Event>) -> Vec<String> {
        let mut changes = Vec::new();
        for event in events {
            match event {
                Looks(link) => table.apply(link, |_| SPEED, &mut changes),
                Gone(ifindex) => table.remove(ifindex, &mut changes),
                Lost => table.doubt(),
                List(links) => {
                    table.begin_list();
                    for link in links {
                        table.apply(link, |_| SPEED, &mut changes);
                    }
                    table.end_list(&mut changes);
                }
            }
        }
        changes.iter().map(short).collect()
    }

    /// `+3a`: device 3 was added as "a".
    fn short(change: &Change) -> String {
        match change {
            Change::Added(link) => format!("+{}{}", link.ifindex, link.name),
            Change::Removed(link) => format!("-{}{}", link.ifindex, link.name),
            Change::Renamed { was, now } => format!("{}{was}>{}", now.ifindex, now.name),
            Change::Changed { now, .. } => format!("{}{}!", now.ifindex, now.name),
        }
    }

    #[test]
    fn changes_come_in_order() {
        let (a, b) = (|| link(3, "a"), || link(4, "b"));
        let cases: Vec<(&str, Vec<Event>, &[&str])> = vec![
            ("appears, again the same", vec![Looks(a()), Looks(a())], &["+3a"]),
            ("counts", vec![Looks(a()), Looks(counted(9, a()))], &["+3a"]),
            ("goes up", vec![Looks(a()), Looks(up(a()))], &["+3a", "3a!"]),
            ("vanishes", vec![Looks(a()), Gone(3)], &["+3a", "-3a"]),
            ("unknown vanishes", vec![Gone(3)], &[]),
            ("renamed", vec![Looks(a()), Looks(link(3, "b"))], &["+3a", "3a>b"]),
            ("renamed and up", vec![Looks(a()), Looks(up(link(3, "b")))], &["+3a", "3a>b", "3b!"]),
            (
                "swapped",
                vec![
                    List(vec![a(), b()]),
                    Looks(link(3, "c")),
                    Looks(link(4, "a")),
                    Looks(link(3, "b")),
                ],
                &["+3a", "+4b", "3a>c", "4b>a", "3c>b"],
            ),
            (
                "swapped unseen",
                vec![List(vec![a(), b()]), Lost, List(vec![link(3, "b"), link(4, "a")])],
                &["+3a", "+4b", "3a>b", "4b>a"],
            ),
            ("made anew", vec![Looks(a()), Gone(3), Looks(link(5, "a"))], &["+3a", "-3a", "+5a"]),
            ("made anew in place", vec![Looks(a()), Gone(3), Looks(a())], &["+3a", "-3a", "+3a"]),
            (
                "a list lacks it",
                vec![List(vec![a(), b()]), List(vec![b()])],
                &["+3a", "-3a", "+4b"],
            ),
            (
                "announced within a list",
                vec![List(vec![a()]), Looks(b()), List(vec![b(), a()])],
                &["+3a", "+4b"],
            ),
        ];
        for (name, events, expected) in cases {
            assert_eq!(happens(&mut Table::default(), events), expected, "{name}");
        }
    }

    #[test]
    fn a_device_made_anew_unseen_goes_before_it_comes() {
        let mut table = Table::default();
        happens(&mut table, vec![List(vec![link(3, "a"), link(4, "b")])]);
        let told = happens(&mut table, vec![Lost, List(vec![link(4, "b"), link(9, "a")])]);
        assert_eq!(told, ["-3a", "+9a"]);
        assert!(!table.is_doubtful());
    }

    #[test]
    fn an_index_used_again_is_told_from_the_same_device() {
        let device = || at(2, counted(5, of("veth", link(3, "a"))));
        let cases = [
            ("same, nothing lost", false, device(), false),
            ("same, lost", true, device(), false),
            ("more packets, lost", true, counted(6, device()), false),
            ("fewer packets, nothing lost", false, counted(1, device()), false),
            ("fewer packets, lost", true, counted(1, device()), true),
            ("another address, nothing lost", false, at(4, device()), false),
            ("another address, lost", true, at(4, device()), true),
            ("another kind", false, of("dummy", device()), true),
        ];
        for (name, lost, now, another) in cases {
            let mut table = Table::default();
            happens(&mut table, vec![Looks(device())]);
            let told =
                happens(&mut table, [vec![Lost; usize::from(lost)], vec![Looks(now)]].concat());
            assert_eq!(told == ["-3a", "+3a"], another, "{name}: {told:?}");
        }
    }

    #[test]
    fn only_going_down_is_a_flap() {
        let mut table = Table::default();
        let (down, up) = (link(3, "a"), up(link(3, "a")));
        let steps = [(&down, 0), (&up, 0), (&up, 0), (&down, 1), (&down, 1), (&up, 1), (&down, 2)];
        for (link, flaps) in steps {
            happens(&mut table, vec![Looks(link.clone())]);
            assert_eq!(table.get(3).map(|link| link.flaps), Some(flaps));
        }
        happens(&mut table, vec![Gone(3), Looks(down)]);
        assert_eq!(table.get(3).map(|link| link.flaps), Some(0), "a new device");
    }

    #[test]
    fn speed_is_asked_for_when_something_changed() {
        let mut table = Table::default();
        let mut changes = Vec::new();
        let steps = [
            (link(3, "a"), true),
            (counted(5, link(3, "a")), false),
            (up(link(3, "a")), true),
            (up(link(3, "b")), true),
            (up(link(3, "b")), false),
        ];
        for (link, expected) in steps {
            let mut asked = false;
            let speed = |_: &Link| {
                asked = true;
                SPEED
            };
            table.apply(link.clone(), speed, &mut changes);
            assert_eq!(asked, expected, "{link:?}");
            assert_eq!(table.get(3).and_then(|link| link.speed), SPEED);
        }
        changes.clear();
        table.set_speed(3, SPEED, &mut changes);
        assert_eq!(changes, []);
        table.set_speed(3, None, &mut changes);
        assert_eq!(changes.iter().map(short).collect::<Vec<_>>(), ["3b!"]);
    }
}

//! Ports of other hosts that this one turns to for the first time in weeks.
//!
//! Invariant: what was known before netmon looked, or was open when it began, is no news;
//! and of what is news the last quarter of an hour is kept, as far as it finds room, what
//! matters most first.

use std::{net::IpAddr, time::Duration};

use netmon_common::scope::Scope;

use super::{report::First, seen::Seen, watched::Watched};
use crate::{
    key::Key,
    octets::octets,
    ports,
    store::{Keep, Unfit, bytes::Bytes},
};

/// What is kept of news.
const KEPT: Duration = Duration::from_secs(900);
/// How many of them.
const MOST: usize = 16;

/// How long netmon watches before something is news, in seconds.
const LEARNING: u64 = 86_400;

/// A later form of what is saved gets a higher number.
const VERSION: u8 = 1;

/// A connection that this host opened.
#[derive(Clone, Copy, Debug)]
pub(super) struct Contact {
    pub(super) at: Duration,
    pub(super) workload: u64,
    pub(super) local: IpAddr,
    pub(super) remote: IpAddr,
    pub(super) port: u16,
    /// How far away the other host is.
    pub(super) scope: Scope,
    /// Whether it was opened while netmon looked.
    pub(super) is_new: bool,
}

/// What is remembered of ports.
#[derive(Debug)]
pub(super) struct Firsts {
    key: Key,
    seen: Seen,
    /// The clock of the memory at time 0.
    began: u64,
    watched: Watched,
    /// Unusual ports of public addresses, by the filter that was filled when they were news.
    habit: [u32; 2],
    recent: Vec<First>,
}

impl Firsts {
    pub(super) fn new(key: Key) -> Self {
        let seen = Seen::default();
        Self { key, seen, began: 0, watched: Watched::default(), habit: [0; 2], recent: Vec::new() }
    }

    /// Moves on.
    pub(super) fn advance(&mut self, at: Duration) {
        self.watched.look(at);
        if self.seen.advance(self.began.saturating_add(at.as_secs())) {
            self.habit = [0, self.habit[0]];
        }
        self.recent.retain(|first| at.saturating_sub(first.at) < KEPT);
    }

    /// Takes note of a connection.
    pub(super) fn meet(&mut self, contact: &Contact) {
        let Contact { at, workload, local, remote, port, scope, is_new } = *contact;
        if matches!(scope, Scope::Loopback | Scope::Multicast) {
            return;
        }
        self.advance(at);
        let is_public = scope == Scope::Public;
        let network = network(remote);
        let is_fresh_network = self.seen.add(self.key.hash(&[b"network", &network])) && is_public;
        let is_first = self.seen.add(self.key.hash(&[b"port", &port.to_be_bytes()]));
        let is_usual = ports::is_usual(port);
        if !is_first || (is_usual && !ports::is_notorious(port)) {
            return;
        }
        let [now, before] = self.habit;
        let is_learnt = self.has_learnt();
        let habit = now.saturating_add(before);
        if is_public && !is_usual {
            self.habit[0] = now.saturating_add(1);
        }
        if is_new {
            self.keep(First {
                at,
                workload,
                local,
                remote,
                port,
                is_public,
                is_fresh_network,
                habit,
                is_learnt,
            });
        }
    }

    /// The news, in the order in which they came.
    pub(super) fn recent(&self) -> Vec<First> {
        self.recent.clone()
    }

    /// Whether it is known by now what is usual.
    pub(super) const fn has_learnt(&self) -> bool {
        self.watched.seconds() >= LEARNING
    }

    fn keep(&mut self, first: First) {
        if self.recent.len() >= MOST {
            let least = (0..).zip(&self.recent).min_by_key(|(_, kept)| (worth(kept), kept.at));
            match least.map(|(at, kept)| (at, worth(kept))) {
                Some((at, least)) if least <= worth(&first) => drop(self.recent.remove(at)),
                _ => return,
            }
        }
        self.recent.push(first);
    }

    fn loaded(&self, mut saved: Bytes<'_>) -> Option<Self> {
        if saved.u8()? != VERSION {
            return None;
        }
        let key = Key::from_bytes(saved.take()?);
        let watched = Watched::before(saved.u64()?);
        let habit = [saved.u32()?, saved.u32()?];
        let seen = Seen::load(&mut saved)?;
        let loaded = Self { seen, began: self.began, watched, habit, ..Self::new(key) };
        saved.is_empty().then_some(loaded)
    }

    pub(super) fn bytes(&self) -> usize {
        self.seen.bytes() + size_of::<First>() * MOST
    }
}

impl Keep for Firsts {
    fn save(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend(self.key.to_bytes());
        bytes.extend(self.watched.seconds().to_le_bytes());
        self.habit.iter().for_each(|habit| bytes.extend(habit.to_le_bytes()));
        self.seen.save(&mut bytes);
        bytes
    }

    fn load(&mut self, saved: Option<&[u8]>, began: u64) -> Result<(), Unfit> {
        *self = Self { began, ..Self::new(self.key) };
        let Some(saved) = saved else { return Ok(()) };
        *self = self.loaded(Bytes(saved)).ok_or(Unfit)?;
        Ok(())
    }
}

/// How much it matters that a piece of news is kept.
fn worth(first: &First) -> u8 {
    let parts = [
        first.is_public && ports::is_notorious(first.port),
        first.is_public && first.is_learnt,
        first.habit == 0,
        first.is_fresh_network,
    ];
    parts.iter().fold(0, |worth, part| worth << 1 | u8::from(*part))
}

/// The network around an address: a /24 of IPv4, a /48 of IPv6.
fn network(address: IpAddr) -> [u8; 16] {
    let mut network = octets(address);
    let kept = if address.to_canonical().is_ipv4() { 15 } else { 6 };
    network.iter_mut().skip(kept).for_each(|octet| *octet = 0);
    network
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use super::*;

    const HOUR: u64 = 3600;
    const DAY: u64 = 24 * HOUR;

    fn contact(second: u64, remote: [u8; 4], port: u16) -> Contact {
        let remote = IpAddr::from(remote);
        Contact {
            at: Duration::from_secs(second),
            workload: 7,
            local: [192, 0, 2, 1].into(),
            remote,
            port,
            scope: if remote.to_string().starts_with("10.") {
                Scope::Private
            } else {
                Scope::Public
            },
            is_new: true,
        }
    }

    fn firsts() -> Firsts {
        Firsts::new(Key::FIXED)
    }

    /// Watches for some hours.
    fn watch(firsts: &mut Firsts, hours: std::ops::RangeInclusive<u64>) {
        hours.for_each(|hour| firsts.advance(Duration::from_secs(hour * HOUR)));
    }

    /// What is news: port, whether the network is fresh, habit, whether netmon had learnt.
    fn news(firsts: &Firsts) -> Vec<(u16, bool, u32, bool)> {
        let recent = firsts.recent.iter();
        recent.map(|it| (it.port, it.is_fresh_network, it.habit, it.is_learnt)).collect()
    }

    #[test]
    fn only_unusual_and_notorious_ports_are_news_and_once() {
        let mut firsts = firsts();
        for (second, remote, port) in [
            (0, [198, 51, 100, 1], 443),
            (1, [198, 51, 100, 1], 60_000),
            (2, [198, 51, 100, 2], 60_000),
            (3, [10, 0, 0, 1], 60_001),
            (4, [203, 0, 113, 1], 4444),
            (DAY, [203, 0, 113, 9], 60_002),
            (DAY + 1, [198, 51, 99, 1], 22),
            (DAY + 2, [198, 51, 98, 1], 31_337),
            (DAY + 3, [198, 51, 98, 1], 60_001),
        ] {
            if second == DAY {
                watch(&mut firsts, 1..=24);
            }
            firsts.meet(&contact(second, remote, port));
        }
        let expected = [(60_002, false, 1, true), (31_337, true, 2, true)];
        assert_eq!(news(&firsts), expected, "what came before is old");
        assert!(firsts.bytes() < 1 << 20);
    }

    #[test]
    fn what_was_open_before_is_no_news_now_nor_later() {
        let mut firsts = firsts();
        firsts.meet(&Contact { is_new: false, ..contact(DAY, [198, 51, 100, 1], 4444) });
        firsts.meet(&contact(2 * DAY, [198, 51, 100, 2], 4444));
        assert_eq!(news(&firsts), []);
    }

    #[test]
    fn of_much_news_the_worst_stay() {
        let mut firsts = firsts();
        watch(&mut firsts, 0..=24);
        firsts.meet(&contact(DAY, [198, 51, 100, 1], 31_337));
        for port in 60_000..61_000 {
            firsts.meet(&contact(DAY + u64::from(port - 60_000) / 2, [198, 51, 100, 1], port));
        }
        firsts.meet(&contact(DAY + 501, [10, 0, 0, 1], 59_000));
        let news = news(&firsts);
        assert_eq!((news.len(), news[0].0, news[1].0), (MOST, 31_337, 60_000), "{news:?}");
        assert!(news.iter().all(|it| it.0 != 59_000));
    }

    #[test]
    fn it_goes_on_where_it_was() {
        let mut before = firsts();
        before.load(None, 1000).unwrap();
        watch(&mut before, 0..=0);
        before.meet(&contact(5, [198, 51, 100, 1], 60_000));
        watch(&mut before, 1..=24);
        before.meet(&contact(DAY, [198, 51, 100, 1], 60_001));
        let saved = before.save();
        // Another process, another key, until it reads the old one.
        let mut after = Firsts::new(Key::random());
        after.load(Some(&saved), 1000 + DAY + 2 * HOUR).unwrap();
        for port in [60_000, 60_001, 60_002] {
            after.meet(&contact(1, [198, 51, 100, 1], port));
        }
        assert_eq!(news(&after), [(60_002, false, 2, true)]);
        for len in (0..saved.len()).chain([saved.len() + 1]) {
            let bytes: Vec<u8> = saved.iter().copied().chain([0]).take(len).collect();
            assert_eq!(after.load(Some(&bytes), 5), Err(Unfit), "{len}");
            assert!(!after.has_learnt());
        }
    }

    #[test]
    fn what_came_four_weeks_ago_is_forgotten() {
        let mut firsts = firsts();
        for day in 0..60 {
            watch(&mut firsts, day * 24..=day * 24 + 23);
            if day == 0 || day == 59 {
                firsts.meet(&contact(day * DAY + 23 * HOUR, [198, 51, 100, 1], 60_000));
            }
        }
        assert_eq!(news(&firsts), [(60_000, true, 0, true)]);
    }
}

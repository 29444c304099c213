//! Connections to services that ask who one is, which ended as if the answer was no: soon,
//! and after few words.
//!
//! Must not know how many are too many. Invariant: what is older than its window counts
//! for nothing, and an attempt that never became a connection is none.

use std::{collections::BTreeMap, net::IpAddr, time::Duration};

use netmon_common::{abi::labels::Role, sketch::Marks};

use super::{
    Record,
    lead::Lead,
    report::{Crowd, Logins as Found},
};
use crate::{
    config::Port,
    estimate::{marked, whole},
    key::{Dice, Key},
    octets::{Octets, address, octets},
    party::Party,
    ring::Ring,
    table::{Found as Place, Row, Table},
};

/// Pairs of a source and a service that are followed.
const PAIRS: usize = 1024;

/// Who is let in stays for longer than this, and talks for longer: a session with a shell,
/// a mailbox, or a database.
const SHORT: Duration = Duration::from_secs(10);
/// Payload of the server, in bytes.
const SMALL: u64 = 8 << 10;

/// Seconds of the spans of windows of minutes, and of windows of tens of minutes.
const TEN: u32 = 10;
const MINUTE: u32 = 60;

/// Windows in such spans. One more span is kept: the newest has just begun.
const TWO_MINUTES: u32 = 12;
const TEN_MINUTES: u32 = 10;
const THIRTY_MINUTES: u32 = 30;

/// A source and a service.
#[derive(Clone, Debug, Default)]
struct Pair {
    tag: u32,
    last: u32,
    source: Octets,
    port: u16,
    server: Lead<Octets>,
    tens: Ring<u16, { TWO_MINUTES as usize + 1 }>,
    minutes: Ring<u16, { THIRTY_MINUTES as usize + 1 }>,
}

/// One minute of a service.
#[derive(Clone, Copy, Debug)]
struct Minute {
    attempts: u32,
    sources: Marks<16>,
}

/// A service, whoever comes.
#[derive(Debug, Default)]
struct Service {
    server: Lead<Octets>,
    minutes: Ring<Minute, { TEN_MINUTES as usize + 1 }>,
}

/// Addresses of this host that are remembered.
const OWN: usize = 1024;

/// All pairs and services.
#[derive(Debug)]
pub(super) struct Logins {
    services: BTreeMap<u16, Service>,
    /// Those to which applications connect as well.
    pools: Vec<Port>,
    pairs: Table<Pair>,
    /// Tags of addresses from which workloads of this host connect, each at the place that
    /// it gives.
    own: Box<[u32]>,
}

impl Default for Minute {
    fn default() -> Self {
        Self { attempts: 0, sources: Marks::EMPTY }
    }
}

impl Row for Pair {
    fn tag(&self) -> u32 {
        self.tag
    }

    fn is_over(&self, now: u32) -> bool {
        (now / MINUTE).saturating_sub(self.minutes.newest()) > THIRTY_MINUTES
    }

    fn worth(&self) -> u64 {
        sum(&self.minutes, self.minutes.newest(), THIRTY_MINUTES + 1)
    }

    fn last(&self) -> u32 {
        self.last
    }
}

impl Logins {
    /// Nobody came yet to these services; to those of `pools` applications connect as well.
    pub(super) fn new(services: &[Port], pools: &[Port]) -> Self {
        let mut logins = Self {
            services: BTreeMap::new(),
            pools: Vec::new(),
            pairs: Table::new(PAIRS),
            own: vec![0; OWN].into_boxed_slice(),
        };
        logins.configure(services, pools);
        logins
    }

    /// Takes over which ports ask who one is. What was seen of them stays.
    pub(super) fn configure(&mut self, services: &[Port], pools: &[Port]) {
        self.pools = pools.to_vec();
        self.services.retain(|port, _| services.contains(&Port(*port)));
        for port in services {
            self.services.entry(port.0).or_default();
        }
    }

    /// Takes note of a connection.
    pub(super) fn observe(&mut self, record: &Record, second: u32, key: &Key, dice: &mut Dice) {
        if record.role == Role::Active && record.workload != 0 {
            let tag = key.tag(&[&octets(record.client)]);
            if let Some(place) = self.own.get_mut(tag as usize % OWN) {
                *place = tag;
            }
        }
        if !is_refusal(record) || self.is_application(record, key) {
            return;
        }
        let Some(service) = self.services.get_mut(&record.service_port) else { return };
        let server = octets(record.server);
        let source = source(record.client);
        let port = record.service_port.to_be_bytes();
        service.server.vote(server);
        if let Some(minute) = service.minutes.at(second / MINUTE) {
            minute.attempts = minute.attempts.saturating_add(1);
            minute.sources.observe(key.hash(&[&source]));
        }
        let tag = key.tag(&[&source, &port]);
        let at = match self.pairs.place(tag, second, dice) {
            None => return,
            Some(Place::Known(at)) => at,
            Some(Place::New(at, _)) => {
                if let Some(row) = self.pairs.get_mut(at) {
                    let port = record.service_port;
                    *row = Pair { tag, source, port, ..Pair::default() };
                }
                at
            }
        };
        let Some(pair) = self.pairs.get_mut(at) else { return };
        pair.last = second;
        pair.server.vote(server);
        let cells = [pair.tens.at(second / TEN), pair.minutes.at(second / MINUTE)];
        for cell in cells.into_iter().flatten() {
            *cell = cell.saturating_add(1);
        }
    }

    /// Whether it is more likely an application of this host that uses a database of this
    /// host, for instance in another container.
    fn is_application(&self, record: &Record, key: &Key) -> bool {
        let tag = key.tag(&[&octets(record.client)]);
        self.pools.contains(&Port(record.service_port))
            && self.own.get(tag as usize % OWN) == Some(&tag)
    }

    /// Pairs with attempts.
    pub(super) fn candidates(&self, now: u32) -> impl Iterator<Item = Found> {
        let pairs = self.pairs.iter().filter(move |pair| !pair.is_over(now));
        let known = pairs.filter(|pair| self.services.contains_key(&pair.port));
        known.map(move |pair| Found {
            source: Party::behind(address(pair.source)),
            server: address(pair.server.of()),
            port: pair.port,
            two_minutes: sum(&pair.tens, now / TEN, TWO_MINUTES + 1),
            ten_minutes: sum(&pair.minutes, now / MINUTE, TEN_MINUTES + 1),
            thirty_minutes: sum(&pair.minutes, now / MINUTE, THIRTY_MINUTES + 1),
        })
    }

    /// Services to which somebody came within ten minutes.
    pub(super) fn crowds(&self, now: u32) -> impl Iterator<Item = Crowd> {
        self.services.iter().filter_map(move |(port, service)| {
            let (mut sources, mut attempts) = (Marks::<16>::EMPTY, 0);
            for minute in service.minutes.up_to(now / MINUTE, TEN_MINUTES + 1) {
                sources.merge(&minute.sources);
                attempts += u64::from(minute.attempts);
            }
            let sources = whole(marked(Marks::<16>::BITS, sources.ones()));
            let sources = u32::try_from(sources).unwrap_or(u32::MAX);
            (attempts > 0).then(|| Crowd {
                server: address(service.server.of()),
                port: *port,
                sources,
                attempts,
            })
        })
    }

    /// Pairs that had to go.
    pub(super) const fn evicted(&self) -> u64 {
        self.pairs.evicted
    }

    /// Bytes that all of it takes.
    pub(super) fn bytes(&self) -> usize {
        self.pairs.bytes() + self.services.len() * size_of::<Service>() + size_of_val(&*self.own)
    }
}

/// Whether a connection ended as one does on which somebody was not let in. Where nobody
/// said a word, as in a check that a port is open, nobody asked to be let in; and what
/// comes from this host itself was let in before.
fn is_refusal(record: &Record) -> bool {
    record.role == Role::Passive
        && record.was_open()
        && record.lasted().is_some_and(|lasted| lasted < SHORT)
        && record.server_bytes < SMALL
        && record.client_bytes > 0
        && !record.client.is_loopback()
}

fn sum<const N: usize>(ring: &Ring<u16, N>, number: u32, spans: u32) -> u64 {
    ring.up_to(number, spans).map(u64::from).sum()
}

/// What stands for everybody who can come from where an address is.
fn source(client: IpAddr) -> Octets {
    Party::behind(client).address().map(octets).unwrap_or_default()
}

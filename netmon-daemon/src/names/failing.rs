//! Which clients ask for names that do not exist, and below how many domains.
//!
//! Minutes in a ring for each client; distinct domains by linear counting. Must not
//! hold text. Invariant: what is older than five minutes counts for nothing.

use std::net::IpAddr;

use super::slow::distinct;
use crate::{
    key::{Dice, Key},
    octets::{Octets, address, octets},
    table::{Found, Row, Table},
};

/// Clients that are followed.
const CLIENTS: usize = 1024;

const MINUTE: u32 = 60;

/// Minutes that are kept.
const MINUTES: u32 = 5;

/// One minute of a client.
#[derive(Clone, Copy, Debug, Default)]
struct Minute {
    answers: u16,
    /// Those that say that there is no such name.
    failed: u16,
    /// Domains below which it is so.
    domains: [u8; 16],
}

/// A client.
#[derive(Clone, Debug, Default)]
struct Client {
    tag: u32,
    last: u32,
    /// Number of the current minute.
    minute: u32,
    /// The domain that failed last.
    domain: u32,
    address: Octets,
    server: Octets,
    minutes: [Minute; MINUTES as usize],
}

/// An answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer {
    pub(super) second: u32,
    pub(super) client: IpAddr,
    pub(super) server: IpAddr,
    /// Hash of the registered domain that does not have the name, if it has not.
    pub(super) failed: Option<u32>,
}

/// A client whose questions fail.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    pub(super) client: IpAddr,
    pub(super) server: IpAddr,
    pub(super) domain: u32,
    pub(super) answers: u64,
    pub(super) failed: u64,
    pub(super) domains: u32,
}

/// All clients.
#[derive(Debug)]
pub(super) struct Clients(Table<Client>);

impl Row for Client {
    fn tag(&self) -> u32 {
        self.tag
    }

    fn is_over(&self, now: u32) -> bool {
        now / MINUTE >= self.minute + MINUTES
    }

    fn worth(&self) -> u64 {
        self.minutes.iter().map(|minute| u64::from(minute.failed)).sum()
    }

    fn last(&self) -> u32 {
        self.last
    }
}

impl Clients {
    pub(super) fn new() -> Self {
        Self(Table::new(CLIENTS))
    }

    /// Takes note of an answer.
    pub(super) fn observe(&mut self, answer: &Answer, key: &Key, dice: &mut Dice) {
        let client = octets(answer.client);
        let tag = key.tag(&[&client]);
        let at = match self.0.place(tag, answer.second, dice) {
            None => return,
            Some(Found::Known(at)) => at,
            Some(Found::New(at, _)) => {
                if let Some(row) = self.0.get_mut(at) {
                    let minute = answer.second / MINUTE;
                    *row = Client { tag, minute, address: client, ..Client::default() };
                }
                at
            }
        };
        let Some(row) = self.0.get_mut(at) else { return };
        row.turn(answer.second);
        row.last = answer.second;
        let at = (row.minute % MINUTES) as usize;
        let Some(minute) = row.minutes.get_mut(at) else { return };
        minute.answers = minute.answers.saturating_add(1);
        if let Some(domain) = answer.failed {
            minute.failed = minute.failed.saturating_add(1);
            if let Some(byte) = minute.domains.get_mut(domain as usize % 128 / 8) {
                *byte |= 1 << (domain % 8);
            }
            row.domain = domain;
            row.server = octets(answer.server);
        }
    }

    /// Clients with failed questions.
    pub(super) fn candidates(&self, now: u32) -> impl Iterator<Item = Candidate> {
        self.0.iter().filter(|row| row.domain != 0).filter_map(move |row| {
            let minute = now / MINUTE;
            // The ring ends with the minute of the last answer: those before that
            // window are over.
            let passed = minute.saturating_sub(row.minute);
            let kept = MINUTES.checked_sub(passed)?;
            let minutes = (0..kept).filter_map(|ago| {
                let at = (row.minute + MINUTES).checked_sub(ago)? % MINUTES;
                row.minutes.get(at as usize)
            });
            let mut domains = 0;
            let (mut answers, mut failed) = (0, 0);
            for minute in minutes {
                answers += u64::from(minute.answers);
                failed += u64::from(minute.failed);
                domains |= u128::from_ne_bytes(minute.domains);
            }
            (failed > 0).then(|| Candidate {
                client: address(row.address),
                server: address(row.server),
                domain: row.domain,
                answers,
                failed,
                domains: distinct(domains.to_ne_bytes()),
            })
        })
    }

    /// Clients that had to go.
    pub(super) const fn evicted(&self) -> u64 {
        self.0.evicted
    }

    /// Bytes that all of it takes.
    pub(super) fn bytes(&self) -> usize {
        self.0.bytes()
    }
}

impl Client {
    /// Begins a new minute where it is time.
    fn turn(&mut self, now: u32) {
        let minute = now / MINUTE;
        for passed in (self.minute + 1..=minute).take(MINUTES as usize) {
            if let Some(over) = self.minutes.get_mut((passed % MINUTES) as usize) {
                *over = Minute::default();
            }
        }
        self.minute = self.minute.max(minute);
    }
}

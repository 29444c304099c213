//! What this host does as a habit: which ports it turns to, whom it calls in a rhythm, how
//! much it sends to whom. Of connections that it opened; part of it outlives the daemon.

mod admission;
mod beacons;
mod candidate;
mod firsts;
pub mod report;
pub mod rhythm;
mod seen;
mod transfers;
mod watched;

use std::{net::SocketAddr, time::Duration};

use netmon_common::{abi::labels::Role, scope::Scope};

use self::{
    beacons::{Beacons, Call},
    firsts::{Contact, Firsts},
    report::Report,
    transfers::{Moved, Transfers},
};
use super::Record;
use crate::{
    config::Config,
    key::Key,
    scopes::Scopes,
    sockets::{Census, Outgoing},
    store::Kept,
};

/// What is remembered of habits.
#[derive(Debug)]
pub(super) struct Habits {
    scopes: Scopes,
    /// Whether destinations that are not public are called in a rhythm, too.
    calls_near: bool,
    /// Whether what is sent by connections that others opened counts.
    serves: bool,
    firsts: Firsts,
    beacons: Beacons,
    transfers: Transfers,
    /// Whether a list of sockets was seen.
    listed: bool,
}

impl Habits {
    pub(super) fn new(config: &Config, key: Key) -> Self {
        let mut habits = Self {
            scopes: Scopes(config.scopes.networks()),
            calls_near: false,
            serves: false,
            firsts: Firsts::new(key),
            beacons: Beacons::new(key),
            transfers: Transfers::default(),
            listed: false,
        };
        habits.configure(config);
        habits
    }

    pub(super) fn configure(&mut self, config: &Config) {
        self.scopes = Scopes(config.scopes.networks());
        self.calls_near = !config.detectors.beacon.public_only;
        self.serves = config.detectors.large_transfer.served;
    }

    /// Takes note of a connection that is over.
    pub(super) fn observe(&mut self, record: &Record) {
        if !record.was_open() {
            return;
        }
        let client = SocketAddr::new(record.client, record.client_port);
        let server = SocketAddr::new(record.server, record.service_port);
        let is_ours = record.role == Role::Active;
        let (ends, sent) = if is_ours {
            ([client, server], record.client_bytes)
        } else {
            ([server, client], record.server_bytes)
        };
        let [local, remote] = ends.map(|end| end.ip());
        let (scope, workload) = (self.scopes.of(remote), record.workload);
        if scope == Scope::Public && (is_ours || self.serves) {
            let (began, ended, is_whole) = (record.began, record.ended, record.seen_to_open);
            self.transfers.close(&Moved { workload, ends, began, ended, is_whole, sent });
        }
        if !is_ours {
            return;
        }
        let (at, is_new, port) = (record.ended, record.seen_to_open, record.service_port);
        self.firsts.meet(&Contact { at, workload, local, remote, port, scope, is_new });
        let counts = scope == Scope::Public || self.calls_near && scope != Scope::Loopback;
        if counts && record.seen_to_open {
            let began = record.began;
            self.beacons.observe(&Call { began, workload, local, remote, port, sent });
        }
    }

    /// Takes note of a new list of the sockets of this host.
    pub(super) fn list(&mut self, at: Duration, census: &Census) {
        for socket in &census.unusual {
            let Outgoing { workload, local, remote, .. } = *socket;
            let [local, to] = [local.ip(), remote.ip()];
            self.firsts.meet(&Contact {
                at,
                workload,
                local,
                remote: to,
                port: remote.port(),
                scope: self.scopes.of(to),
                // What the first list has was open before.
                is_new: self.listed,
            });
        }
        self.listed = true;
        let scopes = &self.scopes;
        let counts = |to| scopes.of(to) == Scope::Public;
        self.transfers.list(at, &census.heaviest, census.is_whole(), counts);
    }

    /// What they say at a moment.
    pub(super) fn report(&mut self, at: Duration) -> Report {
        self.firsts.advance(at);
        Report {
            firsts: self.firsts.recent(),
            beacons: self.beacons.report(at),
            transfers: self.transfers.report(at),
        }
    }

    /// Candidates for a rhythm that had to go although they still mattered.
    pub(super) const fn evicted(&self) -> u64 {
        self.beacons.evicted()
    }

    /// Bytes that all tables take.
    pub(super) fn bytes(&self) -> usize {
        self.firsts.bytes() + self.beacons.bytes() + self.transfers.bytes()
    }

    /// What outlives the daemon.
    pub(super) fn kept(&mut self) -> Vec<Kept<'_>> {
        vec![("first_seen", &mut self.firsts), ("beacons", &mut self.beacons)]
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use netmon_common::abi::labels::CloseReason;

    use super::{super::End, *};

    /// Connections of this host to many addresses and ports, and one of many others to it.
    fn busy(number: u32) -> [Record; 2] {
        let [first, second, third, fourth] = number.wrapping_mul(2_654_435_761).to_be_bytes();
        let began = Duration::from_secs(u64::from(number / 50));
        let record = Record {
            role: Role::Active,
            client: [192, 0, 2, 1].into(),
            client_port: 40_000,
            server: [first, second, third, fourth].into(),
            service_port: u16::from_be_bytes([third, fourth]),
            workload: u64::from(number % 5),
            began,
            ended: began + Duration::from_secs(1),
            seen_to_open: true,
            handshake: None,
            client_bytes: u64::from(number) << 10,
            server_bytes: 0,
            client_segments: 1,
            server_segments: 1,
            end: End::Closed(CloseReason::Fin),
        };
        let flipped =
            Record { role: Role::Passive, client: record.server, server: record.client, ..record };
        [record, flipped]
    }

    #[test]
    fn memory_is_bounded_and_what_is_kept_is_small() {
        let mut habits = Habits::new(&Config::default(), Key::FIXED);
        for number in 0..200_000 {
            for record in &busy(number) {
                habits.observe(record);
            }
        }
        let report = habits.report(Duration::from_secs(4000));
        assert!(habits.bytes() < 1 << 20, "{}", habits.bytes());
        assert!(report.firsts.len() <= 16 && report.beacons.len() <= 16, "{report:?}");
        let mut again = Habits::new(&Config::default(), Key::random());
        for ((name, part), (_, other)) in habits.kept().into_iter().zip(again.kept()) {
            let saved = part.save();
            assert!(saved.len() < 1 << 20, "{name}: {}", saved.len());
            assert_eq!(other.load(Some(&saved), 4000), Ok(()));
            // The moment of it is the same.
            assert_eq!(other.save().len(), saved.len(), "{name}");
        }
    }

    #[test]
    fn ten_million_strangers_leave_no_trace() {
        let mut habits = Habits::new(&Config::default(), Key::FIXED);
        for number in 0..100_000 {
            habits.observe(&busy(number)[1]);
        }
        let strangers: Vec<IpAddr> = (0..3).map(|number| busy(number)[1].client).collect();
        assert!(habits.bytes() < 1 << 18, "{}: {strangers:?}", habits.bytes());
        assert_eq!(habits.report(Duration::from_secs(2000)), Report::default());
    }
}

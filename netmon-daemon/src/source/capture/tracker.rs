//! The TCP connections of a capture: a table of a fixed size, by both ends.
//!
//! Where it is full, what says least goes, the oldest first, and is counted: requests
//! without an answer make way for others, and open connections stay.

use std::time::Duration;

use netmon_common::{
    abi::{
        labels::{CloseReason, FailReason, Role},
        networks::{Address, Networks},
    },
    scope::{self, Scope},
};

use super::{
    chatter::While,
    segment::{Segment, Socket},
    talk::{Finish, Stage, Talk},
};
use crate::{
    flows::{Chat, End, Record},
    key::Key,
    octets::octets,
};

/// Connections that are followed at once, and places that one can have.
const TALKS: usize = 16_384;
const WAYS: usize = 8;

/// How often it is looked for connections of which nothing is heard any more.
const PACE: Duration = Duration::from_secs(5);

/// All connections.
pub(super) struct Tracker {
    talks: Box<[Option<Talk>]>,
    key: Key,
    /// When it was last looked for silent ones.
    looked: Duration,
    /// What went over open connections and was not [told](Self::chats) yet: a few whiles.
    chats: Vec<Chat>,
    /// Connections that had to go although they were not over.
    pub(super) evicted: u64,
}

impl Tracker {
    /// Nothing was seen yet.
    pub(super) fn new(key: Key) -> Self {
        let talks = vec![None; TALKS].into_boxed_slice();
        Self { talks, key, looked: Duration::ZERO, chats: Vec::new(), evicted: 0 }
    }

    /// Takes a segment, and tells what is over.
    pub(super) fn take(
        &mut self,
        segment: &Segment,
        networks: &Networks,
        mut tell: impl FnMut(&Record),
    ) {
        self.expire(segment.at, networks, &mut tell);
        let first = self.first(segment);
        let Some(set) = self.talks.get_mut(first..first + WAYS) else { return };
        let is_its = |talk: &Talk| {
            talk.ends == [segment.from, segment.to] || talk.ends == [segment.to, segment.from]
        };
        let known = set.iter_mut().find(|talk| talk.as_ref().is_some_and(is_its));
        if let Some(place) = known {
            let Some(talk) = place else { return };
            if !talk.is_another(segment) {
                let end = talk.end(segment);
                let is_on = talk.stage != Stage::Over;
                let over = if is_on { talk.chatter.take(end, segment) } else { None };
                let finished = talk.take(segment);
                let rest = finished.and_then(|_| talk.chatter.finish());
                let whiles = over.into_iter().chain(rest);
                self.chats.extend(whiles.filter_map(|it| chat(talk, &it, networks)));
                told(talk, finished, networks, &mut tell);
                return;
            }
            let finished = talk.supersede();
            told(talk, finished, networks, &mut tell);
            *place = Talk::begin(segment);
            return;
        }
        let Some(talk) = Talk::begin(segment) else { return };
        let worth = |place: &Option<Talk>| place.as_ref().map(|talk| (talk.stage, talk.last));
        // None comes first.
        let Some(place) = set.iter_mut().min_by_key(|place| worth(place)) else { return };
        let was_on = place.replace(talk).is_some_and(|gone| gone.stage != Stage::Over);
        self.evicted += u64::from(was_on);
    }

    /// What went over connections as of the segments that were taken last.
    pub(super) fn chats(&mut self) -> impl Iterator<Item = Chat> {
        self.chats.drain(..)
    }

    /// Tells of connections of which nothing was heard for long.
    pub(super) fn expire(
        &mut self,
        now: Duration,
        networks: &Networks,
        mut tell: impl FnMut(&Record),
    ) {
        if now.saturating_sub(self.looked) < PACE {
            return;
        }
        self.looked = now;
        for place in &mut self.talks {
            let Some(talk) = place else { continue };
            let finished = talk.expire(now);
            told(talk, finished, networks, &mut tell);
            if talk.is_forgotten(now) {
                *place = None;
            }
        }
    }

    /// The first of the places for a connection, the same for both directions.
    fn first(&self, segment: &Segment) -> usize {
        let bytes = |(address, port): Socket| (octets(address), port.to_be_bytes());
        let mut ends = [bytes(segment.from), bytes(segment.to)];
        ends.sort_unstable();
        let [(one, one_port), (other, other_port)] = &ends;
        let hash = self.key.hash(&[one, one_port, other, other_port]);
        let sets = TALKS / WAYS;
        usize::try_from(hash % sets as u64).unwrap_or(0) * WAYS
    }
}

/// Tells of a connection that finished, if it did: by the end at which this host is, or by
/// both where nobody can know.
fn told(
    talk: &Talk,
    finished: Option<(Finish, Stage)>,
    networks: &Networks,
    tell: &mut impl FnMut(&Record),
) {
    let Some((finish, stage)) = finished else { return };
    for role in roles(talk, networks) {
        tell(&record(talk, role, finish, stage));
    }
}

/// What went over a connection, if this host may be its client.
fn chat(talk: &Talk, over: &While, networks: &Networks) -> Option<Chat> {
    let is_ours = over.turns > 0 && roles(talk, networks).any(|role| role == Role::Active);
    let [client, server] = talk.ends;
    is_ours.then(|| Chat {
        workload: 0,
        client: client.0,
        server: server.0,
        port: server.1,
        from: over.from,
        to: over.to,
        packets: over.packets,
        bytes: over.bytes,
        turns: over.turns,
        round_trip: talk.handshake.or(talk.chatter.round_trip),
    })
}

/// Which ends this host may be: see [`Record`].
fn roles(talk: &Talk, networks: &Networks) -> impl Iterator<Item = Role> {
    let [client, server] = talk.ends.map(|(address, _)| distance(address, networks));
    let is_server = client >= server;
    let is_client = client < server || client == server && client < FAR;
    let passive = is_server.then_some(Role::Passive);
    passive.into_iter().chain(is_client.then_some(Role::Active))
}

/// How far away an address is; public ones are far.
fn distance(address: std::net::IpAddr, networks: &Networks) -> u8 {
    let (key, own) = match address {
        std::net::IpAddr::V4(address) => {
            let octets = address.octets();
            (Address::of_ipv4(octets), scope::of_ipv4(octets[0], octets[1]))
        }
        std::net::IpAddr::V6(address) => {
            let octets = address.octets();
            (Address::of_ipv6(&octets), scope::of_ipv6(&octets))
        }
    };
    match networks.scope_of(key).unwrap_or(own) {
        Scope::Loopback => 0,
        Scope::LinkLocal => 1,
        Scope::Container => 2,
        Scope::Private => 3,
        Scope::Multicast | Scope::Public => FAR,
    }
}

const FAR: u8 = 4;

/// The record of a connection, as an end of it would tell.
fn record(talk: &Talk, role: Role, finish: Finish, stage: Stage) -> Record {
    let here = usize::from(role == Role::Passive);
    let end = match (stage, finish) {
        (Stage::Open, Finish::Done) => End::Closed(CloseReason::Fin),
        (Stage::Open, Finish::Reset(by)) if by == here => End::Closed(CloseReason::ResetSent),
        (Stage::Open, Finish::Reset(_)) => End::Closed(CloseReason::ResetReceived),
        (Stage::Open, Finish::Silence) => End::Closed(CloseReason::Timeout),
        (Stage::Asked, Finish::Reset(1)) => End::Failed(FailReason::Refused),
        (Stage::Asked, Finish::Reset(_)) => End::Failed(FailReason::Local),
        (_, Finish::Reset(_)) => End::Failed(FailReason::Reset),
        (_, Finish::Done | Finish::Silence) => End::Failed(FailReason::Timeout),
    };
    let [client, server] = talk.ends;
    let [sent, answered] = talk.streams;
    Record {
        role,
        client: client.0,
        client_port: client.1,
        server: server.0,
        service_port: server.1,
        workload: 0,
        began: talk.began,
        ended: talk.last,
        seen_to_open: talk.seen_to_open,
        handshake: talk.handshake,
        client_bytes: sent.bytes,
        server_bytes: answered.bytes,
        client_segments: sent.segments,
        server_segments: answered.segments,
        end,
    }
}

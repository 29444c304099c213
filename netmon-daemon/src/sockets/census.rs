//! What a census counts.
//!
//! Invariant: every socket is counted once by state, and what finds no room in
//! a list is counted beside it.

use std::collections::{BTreeMap, BTreeSet};

use netmon_common::abi::labels::IpVersion;

use super::{
    listener::Listener,
    message::Socket,
    outgoing::{Outgoing, keep_heaviest},
    state::State,
    talker::{Talker, Talkers},
};
use crate::ports;

/// Listeners that a census keeps.
pub const MAX_LISTENERS: usize = 4096;
/// Ports whose half-open connections a census keeps apart.
pub const MAX_PORTS: usize = 4096;
/// Open connections that a census keeps because they sent much, and because of their port.
pub const MAX_HEAVIEST: usize = 256;
const MAX_UNUSUAL: usize = 64;
/// Open connections that a census keeps because something went both ways of late.
pub const MAX_TALKERS: usize = 2048;

/// The TCP sockets of a network namespace. Those that changed while they were
/// listed may be counted as they were or as they are; some that came or went
/// meanwhile may be missing or counted twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Sockets by [`State`] and by the IP version of their packets: a socket of
    /// IPv6 that talks IPv4 counts as IPv4.
    pub by_state: [[u64; IpVersion::COUNT]; State::COUNT],
    /// Sockets in a state that is not known.
    pub other: u64,
    /// Connections of which only a SYN is known, by the local port, for at most
    /// [`MAX_PORTS`] ports. All of them are counted as [`State::SynRecv`] as well.
    pub half_open: BTreeMap<u16, u64>,
    /// Half-open connections to further ports.
    pub half_open_elsewhere: u64,
    /// Listening sockets, at most [`MAX_LISTENERS`]. All of them are counted as
    /// [`State::Listen`] as well.
    pub listeners: Vec<Listener>,
    /// Open connections that this host asked for, over the network, those that sent most:
    /// at most [`MAX_HEAVIEST`].
    pub heaviest: Vec<Outgoing>,
    /// Some of those to ports that are not usual.
    pub unusual: Vec<Outgoing>,
    /// Those that are not among the heaviest because there are so many.
    pub outgoing_elsewhere: u64,
    /// Open connections that this host asked for, over the network, over which something
    /// went both ways within the last seconds: at most [`MAX_TALKERS`].
    pub talkers: Talkers,
    /// Ports on which somebody listens, as far as listeners are kept.
    pub listening: BTreeSet<u16>,
    /// Whether the kernel said that its list is not of one piece.
    pub interrupted: bool,
}

impl Census {
    /// Sockets in this state, of this IP version.
    pub fn sockets(&self, state: State, family: IpVersion) -> u64 {
        let families = self.by_state.get(state.index());
        families.and_then(|families| families.get(family.index())).copied().unwrap_or(0)
    }

    /// Sockets in this state.
    pub fn in_state(&self, state: State) -> u64 {
        IpVersion::ALL.iter().map(|family| self.sockets(state, *family)).sum()
    }

    /// Whether every connection is among the heaviest.
    pub const fn is_whole(&self) -> bool {
        self.outgoing_elsewhere == 0 && !self.interrupted
    }

    /// Counts one more socket. Listeners come first.
    pub(super) fn count(&mut self, socket: &Socket) {
        let state = socket.state.and_then(|state| self.by_state.get_mut(state.index()));
        match state.and_then(|families| families.get_mut(socket.family.index())) {
            Some(count) => *count += 1,
            None => self.other += 1,
        }
        if socket.is_half_open() {
            let full = self.half_open.len() >= MAX_PORTS;
            if full && !self.half_open.contains_key(&socket.port) {
                self.half_open_elsewhere += 1;
            } else {
                *self.half_open.entry(socket.port).or_default() += 1;
            }
        }
        if self.listeners.len() < MAX_LISTENERS {
            self.listeners.extend(socket.listener());
            self.listening.extend(socket.listener().map(|listener| listener.port));
        }
        if let Some(connection) = socket.connection() {
            self.keep(connection);
        }
        if let Some(talker) = socket.talker().filter(|it| self.is_outgoing(it)) {
            self.talkers.keep(MAX_TALKERS, talker);
        }
    }

    fn is_outgoing(&self, Talker { local, remote, .. }: &Talker) -> bool {
        !self.listening.contains(&local.port()) && !remote.ip().is_loopback()
    }

    /// Keeps a connection, if this host asked for it.
    fn keep(&mut self, connection: Outgoing) {
        let Outgoing { local, remote, .. } = connection;
        if self.listening.contains(&local.port()) || remote.ip().is_loopback() {
            return;
        }
        let is_unusual = !ports::is_usual(remote.port()) || ports::is_notorious(remote.port());
        if is_unusual && self.unusual.len() < MAX_UNUSUAL {
            self.unusual.push(connection);
        }
        if !keep_heaviest(&mut self.heaviest, MAX_HEAVIEST, connection) {
            self.outgoing_elsewhere += 1;
        }
    }
}

//! What the TCP stack of this host did, in all network namespaces.
//!
//! Cumulative and summed over CPUs. What a signal without a source would feed is
//! zero here and absent to readers: ask [`Sources`](crate::signal::Sources) first.

use netmon_common::{
    abi::{
        connection::{Carried, Handshake, Lifetime, Path, carried},
        forwarded::Forwarded,
        labels::{Direction, Role},
        service::{ServiceEvents, TIMED_SERVICES},
        tcp::{Dropped, TcpEvents},
    },
    handshake::Sampling,
    scope::Scope,
};

/// The value of a label that stands for all that found no room of its own.
pub const OTHER: &str = "other";

/// What the TCP stack did.
#[derive(Clone, Debug, PartialEq)]
pub struct Tcp {
    /// Events of the host as a whole.
    pub events: TcpEvents,
    /// By service, the others first.
    pub services: Vec<Service>,
    /// Bytes that connections carried, by role and direction; see [`Tcp::carried`].
    pub carried: Vec<Carried>,
    /// The ways to peers, in the order of [`Scope::ALL`].
    pub paths: Vec<Path>,
    /// Resets sent by the kernel's reason, in its lower-case name; only reasons that
    /// occurred.
    pub resets_sent: Vec<(String, u64)>,
    /// Connections that this host only forwards. How long their handshakes took is
    /// with the active ones of their service.
    pub forwarded: Forwarded,
    /// Which of their handshakes were counted since the snapshot before.
    pub sampling: Sampling,
}

/// The connections of one service.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// Label value: `tcp/443`, or [`OTHER`].
    pub name: String,
    /// What happened.
    pub events: ServiceEvents,
    /// How long handshakes took and connections lasted, by role. Services beyond the
    /// first [`TIMED_SERVICES`] have none of their own: theirs are with the others.
    pub times: Option<[Times; Role::COUNT]>,
}

/// How long handshakes took and connections lasted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// Handshakes.
    pub handshakes: Handshake,
    /// Connections.
    pub lifetimes: Lifetime,
}

/// Packets that the kernel dropped for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DropCount {
    /// Part of the kernel that dropped them: `netfilter`, `tcp`, `udp`, ...
    pub subsystem: &'static str,
    /// The kernel's reason in its lower-case name.
    pub reason: String,
    /// Whether this reason belongs to the ordinary course of things.
    pub expected: bool,
    /// How many, and their bytes.
    pub dropped: Dropped,
}

impl Service {
    /// A service of which nothing is known yet.
    pub fn new(name: String, slot: usize) -> Self {
        let none = Times { handshakes: Handshake::ZERO, lifetimes: Lifetime::ZERO };
        Self {
            name,
            events: ServiceEvents::ZERO,
            times: (slot < TIMED_SERVICES as usize).then_some([none; Role::COUNT]),
        }
    }

    /// How long its handshakes took at one end, to add to it; none where it is not
    /// timed by itself.
    pub fn handshakes_mut(&mut self, role: Role) -> Option<&mut Handshake> {
        self.times.as_mut()?.get_mut(role.index()).map(|times| &mut times.handshakes)
    }
}

impl Tcp {
    /// Nothing happened.
    pub fn empty() -> Self {
        Self {
            events: TcpEvents::ZERO,
            services: vec![Service::new(OTHER.to_owned(), 0)],
            carried: vec![Carried::ZERO; Role::COUNT * Direction::COUNT],
            paths: vec![Path::ZERO; Scope::COUNT],
            resets_sent: Vec::new(),
            forwarded: Forwarded::ZERO,
            sampling: Sampling::EXACT,
        }
    }

    /// Bytes that connections carried.
    pub fn carried(&self, role: Role, direction: Direction) -> &Carried {
        self.carried.get(carried(role, direction) as usize).unwrap_or(&Carried::ZERO)
    }
}

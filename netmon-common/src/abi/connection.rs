//! What netmon remembers of an open connection, and what it learns at its end.

use super::{
    counters::counters,
    histogram::{CONNECTION_BYTES_BOUNDS, DURATION_BOUNDS, HANDSHAKE_BOUNDS, RTT_BOUNDS},
    labels::{Direction, Role},
};
use crate::scope::Scope;

/// Connections that are remembered at once.
pub const CONNECTIONS: u32 = 131_072;

/// An open connection, as the table of open connections keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Connection {
    /// When it began, in nanoseconds of the monotonic clock: for the active end when
    /// it asked for the connection, for the passive end when it was complete.
    pub since: u64,
    /// Slot of its service.
    pub service: u8,
    /// A [`Role`].
    pub role: u8,
    /// 1 once the handshake was completed.
    pub established: u8,
    /// Makes the layout explicit.
    pub reserved: u8,
    /// Microseconds from the request to its answer, 0 where that is not known.
    pub handshake: u32,
}

impl Connection {
    /// A connection that begins now.
    pub const fn new(since: u64, service: u8, role: Role) -> Self {
        Self { since, service, role: role as u8, established: 0, reserved: 0, handshake: 0 }
    }

    /// The handshake took so many nanoseconds, as far as that can be told.
    #[inline(always)]
    pub fn took(&mut self, nanoseconds: u64) {
        self.handshake = u32::try_from(nanoseconds / 1000).unwrap_or(u32::MAX);
    }

    /// Which end of it this host is.
    #[inline(always)]
    pub const fn role(&self) -> Role {
        if self.role == Role::Active as u8 { Role::Active } else { Role::Passive }
    }
}

/// A change of the state of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Change {
    /// Address of the socket.
    pub socket: u64,
    /// Its state before, a number of the kernel.
    pub old: i32,
    /// Its state from now on.
    pub new: i32,
}

/// A connection whose end is known but not yet its reason: when TCP meets data
/// after it was closed, it first ends the connection as if the peer had reset it,
/// and only then sends the reset that tells it apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Ending {
    /// Address of the socket; 0 when there is none.
    pub socket: u64,
    /// Slot of its service.
    pub service: u64,
    /// Position among the ends of a service (`tcp_connections_closed`).
    pub end: u64,
}

/// Requests of which the first answer is remembered; a power of two.
pub const FIRST_ANSWERS: u32 = 1024;

/// When a request was first answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct FirstAnswer {
    /// Address and ports of the request.
    pub key: u64,
    /// Nanoseconds of the monotonic clock.
    pub at: u64,
}

impl FirstAnswer {
    /// Where a request stands.
    #[inline(always)]
    pub const fn position(key: u64) -> u32 {
        // The upper bits of a product depend on all bits (Knuth, volume 3, section
        // 6.4; the factor is 2^64 over the golden ratio).
        const { assert!(FIRST_ANSWERS == 1 << 10) };
        (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 54) as u32
    }
}

counters! {
    /// How long handshakes of one service and role took.
    pub struct Handshake {
        /// Nanoseconds from the request to its answer, or for the passive end from the answer to the last step.
        inner nanoseconds(HANDSHAKE_BOUNDS, native);
    }
}

counters! {
    /// How long connections of one service and role lasted.
    pub struct Lifetime {
        /// Nanoseconds from the request, or from the last step of the handshake for the passive end, to the end.
        inner nanoseconds(DURATION_BOUNDS);
    }
}

counters! {
    /// How much connections carried, for one role and direction.
    pub struct Carried {
        /// Bytes of payload, each counted once.
        inner bytes(CONNECTION_BYTES_BOUNDS);
    }
}

counters! {
    /// How good the way to the peers of one scope was.
    pub struct Path {
        /// Smoothed round-trip time at the end of a connection, in nanoseconds.
        inner rtt(RTT_BOUNDS);
        /// Its variation, in nanoseconds.
        inner rtt_variation(RTT_BOUNDS);
        /// Packets that came out of order, counted at the end of their connection.
        inner out_of_order;
    }
}

/// Positions of the ways to peers: one per scope.
pub const PATHS: u32 = 8;
const _: () = assert!(Scope::COUNT <= PATHS as usize);

/// Positions of what connections carried: one per role and direction.
pub const CARRIED: u32 = 4;

/// Position of what connections carried, by role and direction.
#[inline(always)]
pub const fn carried(role: Role, direction: Direction) -> u32 {
    (role as u32) << 1 | direction as u32
}

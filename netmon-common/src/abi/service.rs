//! What the hooks of the TCP stack count per service.
//!
//! A service is a port that the daemon gave a slot: that of a local listener or
//! of a well-known or configured destination. Everything else is slot 0.

use super::{
    counters::counters,
    labels::{CloseReason, FailReason, RetransmitKind, Role},
};
use crate::scope::Scope;

/// Slot of ports that have none of their own.
pub const OTHER_SERVICE: u8 = 0;

/// Services with counters: those with a slot of their own, and the others.
pub const SERVICES: u32 = 65;

/// Services with histograms: the first slots, and the others in slot 0.
pub const TIMED_SERVICES: u32 = 17;

/// Histograms of the services that have any: one per role.
pub const TIMINGS: u32 = TIMED_SERVICES * ROLES;

const ROLES: u32 = 2;
const _: () = assert!(ROLES as usize == Role::COUNT);

/// Ports in one entry of the table of ports, a byte with the slot for each.
pub const PORTS_PER_ENTRY: usize = 64;

/// Entries of the table of ports.
pub const PORT_ENTRIES: u32 = 1024;

counters! {
    /// Connections of one service, in all network namespaces.
    pub struct ServiceEvents {
        /// Connections whose handshake was completed.
        plain tcp_connections_opened[role: Role, scope: Scope];
        /// Connections that ended after their handshake, by how this end saw it.
        plain tcp_connections_closed[role: Role, reason: CloseReason];
        /// Connections of this host that could not be opened.
        plain tcp_connect_failures[reason: FailReason, scope: Scope];
        /// Segments that TCP sent again, as the kernel's own RetransSegs counts them.
        plain tcp_retransmits[kind: RetransmitKind, scope: Scope];
    }
}

/// Words in one entry of the set of ports, a bit for each.
pub const PORT_WORDS: usize = 64;

/// Entries of the set of ports.
pub const PORT_SET_ENTRIES: u32 = 16;

/// Where a port stands in the table of ports: the entry, and the byte in it.
#[inline(always)]
pub const fn port_place(port: u16) -> (u32, usize) {
    (port as u32 >> 6, port as usize & (PORTS_PER_ENTRY - 1))
}

/// Where a port stands in the set of ports: the entry, the word in it, and the bit.
#[inline(always)]
pub const fn port_bit(port: u16) -> (u32, usize, u64) {
    (port as u32 >> 12, port as usize >> 6 & (PORT_WORDS - 1), 1 << (port & 63))
}

/// Position of the timings of a service, which the first slots have by themselves.
#[inline(always)]
pub const fn timed(service: u8, role: Role) -> u32 {
    let slot = if (service as u32) < TIMED_SERVICES { service as u32 } else { 0 };
    slot.wrapping_mul(ROLES).wrapping_add(role as u32)
}

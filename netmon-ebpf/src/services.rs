//! Which service a connection belongs to, and its counters.

use core::arch::asm;

use netmon_common::{
    abi::{
        labels::Role,
        service::{OTHER_SERVICE, ServiceEvents, port_place},
    },
    scope::Scope,
};

use crate::{
    kernel::Sock,
    maps::{SERVICE_BY_PORT, SERVICE_EVENTS},
    skb::opaque,
    sock,
};

/// The slot of a port.
#[inline(always)]
pub(crate) fn service_of(port: u16) -> u8 {
    let (entry, position) = port_place(port);
    let slot = SERVICE_BY_PORT.get(entry).and_then(|ports| ports.get(position));
    slot.copied().unwrap_or(OTHER_SERVICE)
}

/// The slot of a connection: of the port that is asked for.
#[inline(always)]
pub(crate) fn service_of_socket(socket: *const Sock, role: Role) -> u8 {
    service_of(match role {
        Role::Active => sock::remote_port(socket),
        Role::Passive => sock::local_port(socket),
    })
}

/// The role and the slot of a connection that was there before netmon: the end
/// whose port is that of a service answers.
#[inline(always)]
pub(crate) fn guess(socket: *const Sock) -> (Role, u8) {
    match service_of(sock::local_port(socket)) {
        OTHER_SERVICE => (Role::Active, service_of(sock::remote_port(socket))),
        service => (Role::Passive, service),
    }
}

/// The position of a counter by some label and the scope.
///
/// The compiler may keep a scope as a byte in memory, and forget to check what it
/// knows of it; the verifier then knows nothing. So the check of the position must
/// stay, whatever the compiler knows.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "it was one before")]
pub(crate) fn by_scope(label: usize, scope: Scope) -> usize {
    let position = label.wrapping_mul(Scope::COUNT).wrapping_add(scope.index());
    opaque(position as u64) as usize
}

/// Counts an event of a service.
#[inline(always)]
pub(crate) fn count(service: u8, count: impl FnOnce(&mut ServiceEvents)) {
    if let Some(events) = SERVICE_EVENTS.get_ptr_mut(u32::from(service)) {
        // SAFETY: the value belongs to this CPU. Each hook has counters of its own; only
        // the two programs of connections share theirs, one inside of the other.
        count(unsafe { &mut *events });
    }
}

/// Adds one to a counter of a service in one step: an interrupt can bring another
/// change to the same counter between a read and a write.
#[inline(always)]
pub(crate) fn add_one(counters: &mut [u64], position: usize) {
    if let Some(counter) = counters.get_mut(position) {
        // The target has no atomic of Rust's for it, but it has the instruction.
        // SAFETY: the word is aligned and lies in a map, where it stays.
        unsafe {
            asm!("lock *(u64 *)({0} + 0) += {1}", in(reg) core::ptr::from_mut(counter), in(reg) 1_u64);
        }
    }
}

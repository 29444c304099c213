//! The end of a connection, whose reason may stay open for a moment.
//!
//! When data comes to a connection that was closed, TCP ends it as if the peer had
//! reset it, and only then sends the reset that tells the two apart. Invariant: what
//! is kept here is counted by the daemon as well, so that nothing is missing meanwhile.

use netmon_common::abi::{
    connection::Ending,
    labels::{CloseReason, Role, TcpState},
    member::Member,
};

use crate::{kernel::Sock, maps::ENDING, services, skb::opaque, sock};

const CLOSE: i32 = TcpState::Close as i32;

/// Counts the end of a connection.
#[inline(always)]
pub(crate) fn count(service: u8, end: usize) {
    services::count(service, |events| services::add_one(&mut events.tcp_connections_closed, end));
}

/// Keeps the end of a connection whose reason is open.
#[inline(always)]
pub(crate) fn keep(socket: *const Sock, service: u8, end: usize) {
    if let Some(ending) = ENDING.get_ptr_mut(0) {
        // SAFETY: the value belongs to this CPU.
        unsafe {
            *ending =
                Ending { socket: socket as u64, service: u64::from(service), end: end as u64 };
        }
    }
}

/// Counts the connection whose reason is open: no reset came.
#[inline(always)]
pub(crate) fn settle() {
    if let Some(ending) = ENDING.get_ptr_mut(0)
        // SAFETY: the value belongs to this CPU.
        && let ending = unsafe { &mut *ending }
        && ending.socket != 0
    {
        #[expect(clippy::cast_possible_truncation, reason = "it was a byte before")]
        count(ending.service as u8, ending.end as usize);
        ending.socket = 0;
    }
}

/// Says that a reset was sent for a socket: if it is the one that ended last on this
/// CPU, that was the reason.
#[inline(always)]
pub(crate) fn reset_sent(socket: *const Sock) {
    // The verifier takes the argument for a pointer that may be null, and lets nobody
    // add to it; a number it does not mind.
    let address = opaque(socket as u64);
    if address != 0
        && let Some(ending) = ENDING.get_ptr_mut(0)
        // SAFETY: the value belongs to this CPU.
        && let ending = unsafe { &mut *ending }
        && ending.socket == address
        // Another connection may have got the address; it is open then.
        && i32::from(sock::read::<u8>(address as *const Sock, Member::SockState)) == CLOSE
    {
        let active = ending.end < CloseReason::COUNT as u64;
        let role = if active { Role::Active } else { Role::Passive };
        ending.end = role
            .index()
            .wrapping_mul(CloseReason::COUNT)
            .wrapping_add(CloseReason::ResetSent.index()) as u64;
    }
}

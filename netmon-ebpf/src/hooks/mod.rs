//! One kernel hook per file.

mod congestion;
mod connection;
mod drop;
mod reset_received;
mod reset_sent;
mod retransmit;
mod retransmit_synack;
mod sock_ops;
pub(crate) mod tc;

use netmon_common::{
    abi::{
        labels::{RetransmitKind, Role},
        member::Member,
        service::OTHER_SERVICE,
        tcp::TcpEvents,
    },
    account::bump,
};

use crate::{
    kernel::{Sock, is_home},
    maps::TCP_EVENTS,
    services, sock,
};

/// Counts an event of the TCP stack.
#[inline(always)]
pub(crate) fn count(count: impl FnOnce(&mut TcpEvents)) {
    if let Some(events) = TCP_EVENTS.get_ptr_mut(0) {
        // SAFETY: the value belongs to this CPU. Each hook has counters of its own; only
        // the two programs of connections share theirs, one inside of the other.
        count(unsafe { &mut *events });
    }
}

/// Counts segments that TCP sent again for a socket, or for a request.
#[inline(always)]
fn count_retransmits(socket: *const Sock, kind: RetransmitKind, segments: u64) {
    let service = match services::service_of(sock::read(socket, Member::SockNum)) {
        OTHER_SERVICE => services::service_of_socket(socket, Role::Active),
        service => service,
    };
    let scope = sock::scope(socket);
    services::count(service, |events| {
        let cell = services::by_scope(kind.index(), scope);
        bump(&mut events.tcp_retransmits, cell, segments);
    });
    if is_home(socket) {
        count(|events| {
            events.home_retransmits = events.home_retransmits.wrapping_add(segments);
        });
    }
}

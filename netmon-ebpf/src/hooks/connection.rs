//! The life of connections: how they open, and how and why they end.
//!
//! Everything hangs on one tracepoint, `inet_sock_set_state`, whose traps are
//! these: a clean active close ends FIN_WAIT2 -> CLOSE, because a smaller socket
//! takes over; a closing listener ends LISTEN -> CLOSE; the source port is not yet
//! known at CLOSE -> SYN_SENT, and the local port is already given back at
//! -> CLOSE; a child of a listener has no addresses yet at LISTEN -> SYN_RECV.

use aya_ebpf::{
    helpers::bpf_ktime_get_ns,
    macros::{btf_tracepoint, kprobe, raw_tracepoint},
    programs::{BtfTracePointContext, ProbeContext, RawTracePointContext},
};
use netmon_common::{
    abi::{
        connection::{Change, Connection, carried},
        histogram::{CONNECTION_BYTES_BOUNDS, DURATION_BOUNDS, HANDSHAKE_BOUNDS, RTT_BOUNDS},
        labels::{CloseReason, Direction, FailReason, Role, TcpState},
        member::Member,
        service::{port_bit, timed},
    },
    scope::Scope,
};

use super::count;
use crate::{
    ending,
    kernel::{Sock, is_home},
    maps::{CARRIED, CONNECTIONS, HANDSHAKE_TIMES, LIFETIMES, LISTENING_PORTS, PATHS, SEEN},
    record, retried, services, sock,
};

/// `inet_sock_set_state(sk, oldstate, newstate)` as a BTF tracepoint.
#[btf_tracepoint(function = "inet_sock_set_state")]
fn connection_tp_btf(ctx: BtfTracePointContext) -> i32 {
    saw(ctx.arg(0), ctx.arg(1), ctx.arg(2));
    changed(ctx.arg(0), ctx.arg(1), ctx.arg(2));
    0
}

/// The second program of it.
#[btf_tracepoint(function = "inet_sock_set_state")]
fn connection_again_tp_btf(ctx: BtfTracePointContext) -> i32 {
    if missed(ctx.arg(0), ctx.arg(1), ctx.arg(2)) {
        changed(ctx.arg(0), ctx.arg(1), ctx.arg(2));
    }
    0
}

/// The same as a raw tracepoint.
#[raw_tracepoint(tracepoint = "inet_sock_set_state")]
fn connection_raw_tp(ctx: RawTracePointContext) -> i32 {
    saw(ctx.arg(0), ctx.arg(1), ctx.arg(2));
    changed(ctx.arg(0), ctx.arg(1), ctx.arg(2));
    0
}

/// The second program of it.
#[raw_tracepoint(tracepoint = "inet_sock_set_state")]
fn connection_again_raw_tp(ctx: RawTracePointContext) -> i32 {
    if missed(ctx.arg(0), ctx.arg(1), ctx.arg(2)) {
        changed(ctx.arg(0), ctx.arg(1), ctx.arg(2));
    }
    0
}

/// `inet_sk_state_store(sk, newstate)` and `inet_sk_set_state(sk, state)`, the two
/// functions that hold the tracepoint.
#[kprobe(function = "inet_sk_state_store")]
fn connection_kprobe(ctx: ProbeContext) -> u32 {
    if let (Some(socket), Some(new)) = (ctx.arg(0), ctx.arg(1)) {
        changed(socket, i32::from(sock::read::<u8>(socket, Member::SockState)), new);
    }
    0
}

/// `IPPROTO_TCP`: other protocols have sockets with the same states.
const TCP: u16 = 6;

const LISTEN: i32 = TcpState::Listen as i32;
const SYN_SENT: i32 = TcpState::SynSent as i32;
const SYN_RECV: i32 = TcpState::SynRecv as i32;
const ESTABLISHED: i32 = TcpState::Established as i32;
const CLOSE: i32 = TcpState::Close as i32;
const CLOSE_WAIT: i32 = TcpState::CloseWait as i32;
const FIN_WAIT1: i32 = TcpState::FinWait1 as i32;
const FIN_WAIT2: i32 = TcpState::FinWait2 as i32;

/// Bits of the flags of a socket (`enum sock_flags`): no process has it any more, and
/// the peer has said that it is done.
const ORPHAN: u64 = 1 << 0;
const PEER_DONE: u64 = 1 << 1;

/// Error numbers of include/uapi/asm-generic/errno.h.
const EPIPE: i32 = 32;
const ECONNABORTED: i32 = 103;
const ECONNRESET: i32 = 104;
const ETIMEDOUT: i32 = 110;
const ECONNREFUSED: i32 = 111;

/// Tells the second program that the first one saw a change. Should an interrupt bring
/// segments while the first one is at work, the kernel skips it for all that these
/// change (dozens of connections, under load), and the second one does its work.
#[inline(always)]
fn saw(socket: *const Sock, old: i32, new: i32) {
    if let Some(seen) = SEEN.get_ptr_mut(0) {
        // SAFETY: the value belongs to this CPU.
        unsafe { *seen = Change { socket: socket as u64, old, new } };
    }
}

/// Whether the first program was skipped for a change: it saw another one last, and did
/// not do what it would have done.
#[inline(always)]
fn missed(socket: *const Sock, old: i32, new: i32) -> bool {
    // SAFETY: the value belongs to this CPU.
    let Some(seen) = SEEN.get_ptr(0).map(|seen| unsafe { *seen }) else { return false };
    if seen.socket == socket as u64 && seen.old == old && seen.new == new {
        return false;
    }
    // An interrupt between the two programs makes the first one see others as well.
    let remembered = remembered(socket).map(|connection| connection.established != 0);
    match new {
        ESTABLISHED => remembered != Some(true),
        SYN_SENT => remembered.is_none(),
        CLOSE => remembered.is_some(),
        _ => true,
    }
}

#[inline(always)]
fn changed(socket: *const Sock, old: i32, new: i32) {
    if sock::read::<u16>(socket, Member::SockProtocol) != TCP || old == new {
        return;
    }
    if new == LISTEN {
        listens(sock::read(socket, Member::SockNum));
    } else if new == SYN_SENT {
        requested(socket);
    } else if old == LISTEN && new == SYN_RECV {
        // Whatever had this address before is gone. It fails where there is nothing.
        let _ = CONNECTIONS.remove(socket as u64);
        if is_home(socket) {
            count(|events| events.home_accepted = events.home_accepted.wrapping_add(1));
        }
    } else if new == ESTABLISHED {
        opened(socket, old);
    } else if new == CLOSE && old != LISTEN {
        closed(socket, old);
    }
}

/// A port on which somebody listens, or accepts a connection.
#[inline(always)]
pub(super) fn listens(port: u16) {
    // Whoever listens without a port of its own gets one after this.
    if port == 0 {
        return;
    }
    let (entry, word, bit) = port_bit(port);
    if let Some(ports) = LISTENING_PORTS.get_ptr_mut(entry)
        // SAFETY: the value lies in a map. Two CPUs can overwrite each other's bit;
        // it is set again with the next connection.
        && let Some(word) = unsafe { &mut *ports }.get_mut(word)
    {
        *word |= bit;
    }
}

/// This host asks for a connection. The service is known, the source port is not.
#[inline(always)]
fn requested(socket: *const Sock) {
    if is_home(socket) {
        count(|events| events.home_requests = events.home_requests.wrapping_add(1));
    }
    let service = services::service_of_socket(socket, Role::Active);
    // SAFETY: the helper has no preconditions.
    remember(socket, Connection::new(unsafe { bpf_ktime_get_ns() }, service, Role::Active));
}

#[inline(always)]
fn remember(socket: *const Sock, connection: Connection) {
    if CONNECTIONS.insert(socket as u64, connection, 0).is_err() {
        count(|events| events.untracked = events.untracked.wrapping_add(1));
    }
}

/// What is remembered of a connection.
#[inline(always)]
fn remembered(socket: *const Sock) -> Option<&'static mut Connection> {
    // SAFETY: the entry of a socket is only touched while the kernel holds the lock
    // of the socket, and a deleted entry stays readable until the program ends.
    CONNECTIONS.get_ptr_mut(socket as u64).map(|connection| unsafe { &mut *connection })
}

/// The handshake of a connection is complete.
#[inline(always)]
fn opened(socket: *const Sock, old: i32) {
    // SAFETY: the helper has no preconditions.
    let now = unsafe { bpf_ktime_get_ns() };
    let scope = sock::scope(socket);
    match remembered(socket) {
        Some(connection) => {
            connection.established = 1;
            count_opened(connection.service, Role::Active, scope);
            let nanoseconds = now.wrapping_sub(connection.since);
            connection.took(nanoseconds);
            took(connection.service, Role::Active, nanoseconds);
        }
        None if old == SYN_RECV => {
            let mut connection = accepted(socket, now, scope);
            connection.established = 1;
            remember(socket, connection);
            if let Some(nanoseconds) = answer_time(socket, now) {
                took(connection.service, Role::Passive, nanoseconds);
            }
        }
        // It began before netmon, or there was no room for it.
        None => {
            count_opened(services::service_of_socket(socket, Role::Active), Role::Active, scope);
        }
    }
}

/// A connection that was accepted.
#[inline(always)]
fn accepted(socket: *const Sock, now: u64, scope: Scope) -> Connection {
    let port = sock::local_port(socket);
    listens(port);
    let service = services::service_of(port);
    count_opened(service, Role::Passive, scope);
    Connection::new(now, service, Role::Passive)
}

#[inline(always)]
fn count_opened(service: u8, role: Role, scope: Scope) {
    services::count(service, |events| {
        let cell = services::by_scope(role.index(), scope);
        services::add_one(&mut events.tcp_connections_opened, cell);
    });
}

/// The time from the first answer to a request to the end of the handshake: what
/// the kernel measured, or where an answer was sent again and the kernel does not
/// know which one arrived, what is remembered of the first.
#[inline(always)]
fn answer_time(socket: *const Sock, now: u64) -> Option<u64> {
    if sock::read::<u32>(socket, Member::TotalRetransmits) != 0 {
        return retried::first_answer(socket).map(|first| now.saturating_sub(first));
    }
    match sock::read::<u32>(socket, Member::Srtt) {
        0 => None,
        eighths => Some(u64::from(eighths).wrapping_mul(1000) >> 3),
    }
}

#[inline(always)]
pub(super) fn took(service: u8, role: Role, nanoseconds: u64) {
    if let Some(times) = HANDSHAKE_TIMES.get_ptr_mut(timed(service, role)) {
        // SAFETY: the value belongs to this CPU and to this hook.
        unsafe { (*times).nanoseconds.observe(&HANDSHAKE_BOUNDS, nanoseconds) };
    }
}

/// A connection is over, or will never be.
#[inline(always)]
fn closed(socket: *const Sock, old: i32) {
    // SAFETY: the helper has no preconditions.
    let now = unsafe { bpf_ktime_get_ns() };
    let error: i32 = sock::read(socket, Member::SockError);
    let remembered = remembered(socket).copied();
    // It fails where there is none.
    let _ = CONNECTIONS.remove(socket as u64);
    let scope = sock::scope(socket);
    if (old == SYN_SENT || old == SYN_RECV) && error != 0 && is_home(socket) {
        count(|events| events.home_failed = events.home_failed.wrapping_add(1));
    }
    let connection = match remembered {
        Some(connection) if connection.established == 0 => {
            failed(socket, &connection, scope, error, now);
            return;
        }
        Some(connection) => connection,
        None if old == SYN_SENT => {
            let service = services::service_of_socket(socket, Role::Active);
            failed(socket, &Connection::new(0, service, Role::Active), scope, error, now);
            return;
        }
        // A child that died before it was complete: the kernel counts it as accepted.
        None if old == SYN_RECV => accepted(socket, 0, scope),
        None => {
            let (role, service) = services::guess(socket);
            Connection::new(0, service, role)
        }
    };
    let reason = ended(socket, &connection, old, error);
    let carried = learned(socket, &connection, scope, now);
    record::tell_closed(socket, &connection, reason, now, carried);
}

/// A request that came to nothing.
#[inline(always)]
fn failed(socket: *const Sock, connection: &Connection, scope: Scope, error: i32, now: u64) {
    let reason = match error {
        ECONNREFUSED => FailReason::Refused,
        ETIMEDOUT => FailReason::Timeout,
        ECONNRESET | EPIPE => FailReason::Reset,
        // The application gave up.
        0 if sock::read::<u32>(socket, Member::TotalRetransmits) != 0 => FailReason::Timeout,
        // The same without patience, or an administrator did.
        0 | ECONNABORTED => FailReason::Local,
        // All that is left are translations of ICMP messages.
        _ => FailReason::Unreachable,
    };
    if sock::read::<u32>(socket, Member::SegmentsSent) == 0 && is_home(socket) {
        count(|events| events.home_unsent = events.home_unsent.wrapping_add(1));
    }
    services::count(connection.service, |events| {
        let cell = services::by_scope(reason.index(), scope);
        services::add_one(&mut events.tcp_connect_failures, cell);
    });
    record::tell_failed(socket, connection, reason, now);
}

/// Counts the end of a connection, or keeps it until its reason is certain. Tells what it
/// is until then.
#[inline(always)]
fn ended(socket: *const Sock, connection: &Connection, old: i32, error: i32) -> CloseReason {
    ending::settle();
    let flags: u64 = sock::read(socket, Member::SockFlags);
    let reason = match error {
        ECONNRESET | EPIPE => CloseReason::ResetReceived,
        ECONNABORTED => CloseReason::Abort,
        // Closed with data unread or without lingering, which sends a reset.
        0 if old == ESTABLISHED || old == CLOSE_WAIT || old == SYN_RECV => CloseReason::ResetSent,
        // The same after this end was said: else either the process is gone or the
        // peer is done.
        0 if (old == FIN_WAIT1 || old == FIN_WAIT2) && flags & (ORPHAN | PEER_DONE) == 0 => {
            CloseReason::ResetSent
        }
        // Too many connections without a process, or no memory for them.
        0 if old == FIN_WAIT1 => CloseReason::Abort,
        0 => CloseReason::Fin,
        // Retransmissions end with what ICMP said last, if it said anything.
        _ => CloseReason::Timeout,
    };
    let end =
        connection.role().index().wrapping_mul(CloseReason::COUNT).wrapping_add(reason.index());
    if reason != CloseReason::ResetReceived || (old != FIN_WAIT1 && old != FIN_WAIT2) {
        ending::count(connection.service, end);
    } else {
        ending::keep(socket, connection.service, end);
    }
    reason
}

/// What the kernel knows at the end of a connection. Tells the bytes that it sent and
/// received.
#[inline(always)]
fn learned(socket: *const Sock, connection: &Connection, scope: Scope, now: u64) -> [u64; 2] {
    if connection.since != 0
        && let Some(lifetime) = LIFETIMES.get_ptr_mut(timed(connection.service, connection.role()))
    {
        let nanoseconds = now.wrapping_sub(connection.since);
        // SAFETY: the value belongs to this CPU and to this hook.
        unsafe { (*lifetime).nanoseconds.observe(&DURATION_BOUNDS, nanoseconds) };
    }
    let sent: u64 = sock::read(socket, Member::BytesSent);
    let sent = sent.saturating_sub(sock::read(socket, Member::BytesRetransmitted));
    carry(connection.role(), Direction::Egress, sent);
    let received: u64 = sock::read(socket, Member::BytesReceived);
    // The kernel counts the end of the peer as a byte.
    let done = u64::from(sock::read::<u64>(socket, Member::SockFlags) & PEER_DONE != 0);
    let received = received.saturating_sub(done);
    carry(connection.role(), Direction::Ingress, received);
    if let Some(path) = PATHS.get_ptr_mut(scope as u32) {
        // SAFETY: the value belongs to this CPU and to this hook.
        let path = unsafe { &mut *path };
        let eighths: u32 = sock::read(socket, Member::Srtt);
        // 0 where nothing was ever acknowledged.
        if eighths != 0 {
            path.rtt.observe(&RTT_BOUNDS, u64::from(eighths >> 3).wrapping_mul(1000));
            let quarters: u32 = sock::read(socket, Member::RttVariation);
            path.rtt_variation.observe(&RTT_BOUNDS, u64::from(quarters >> 2).wrapping_mul(1000));
        }
        let out_of_order: u32 = sock::read(socket, Member::OutOfOrder);
        path.out_of_order = path.out_of_order.wrapping_add(u64::from(out_of_order));
    }
    [sent, received]
}

#[inline(always)]
fn carry(role: Role, direction: Direction, bytes: u64) {
    if let Some(value) = CARRIED.get_ptr_mut(carried(role, direction)) {
        // SAFETY: the value belongs to this CPU and to this hook.
        unsafe { (*value).bytes.observe(&CONNECTION_BYTES_BOUNDS, bytes) };
    }
}

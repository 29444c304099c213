//! The channel through which leaves what is known of a connection at its end: one ring,
//! never a wakeup, and no more than the daemon can read. Nothing is counted by it but
//! itself.

use core::ptr;

use aya_ebpf::bindings::{BPF_RB_AVAIL_DATA, BPF_RB_NO_WAKEUP};
use netmon_common::abi::{
    connection::Connection,
    labels::{CloseReason, FailReason},
    member::Member,
    record::{
        CLOSED_ALLOWANCE, Ended, FAILED_ALLOWANCE, FAILED_RING, Fate, RecordEvent, SPAN_BITS,
        closed, facts, failed,
    },
};

use crate::{
    hooks::count,
    kernel::Sock,
    maps::{CONNECTION_RECORDS, RECORD_ALLOWANCES},
    services::add_one,
    skb::opaque,
    sock,
};

/// Tells of a connection that was closed at this moment, and what it carried out and in.
#[inline(always)]
pub(crate) fn tell_closed(
    socket: *const Sock,
    connection: &Connection,
    reason: CloseReason,
    now: u64,
    carried: [u64; 2],
) {
    tell(socket, connection, Ended::Closed, closed(reason), now, carried);
}

/// Tells of an attempt that failed at this moment.
#[inline(always)]
pub(crate) fn tell_failed(
    socket: *const Sock,
    connection: &Connection,
    reason: FailReason,
    now: u64,
) {
    tell(socket, connection, Ended::Failed, failed(reason), now, [0; 2]);
}

#[inline(always)]
fn tell(
    socket: *const Sock,
    connection: &Connection,
    what: Ended,
    end: u64,
    now: u64,
    carried: [u64; 2],
) {
    let fate = if !is_allowed(what, now) {
        Fate::Skipped
    } else if put(socket, connection, end, now, carried).is_some() {
        Fate::Sent
    } else {
        Fate::Lost
    };
    // Opaque, so that the check of the position stays.
    let cell = opaque(what.index().wrapping_mul(Fate::COUNT).wrapping_add(fate.index()) as u64);
    #[expect(clippy::cast_possible_truncation, reason = "it was one before")]
    count(|events| add_one(&mut events.records, cell as usize));
}

/// Whether one more may leave.
#[inline(always)]
fn is_allowed(what: Ended, now: u64) -> bool {
    let most = match what {
        Ended::Closed => CLOSED_ALLOWANCE,
        Ended::Failed => FAILED_ALLOWANCE,
    };
    let Some(allowance) = RECORD_ALLOWANCES.get_ptr_mut(what as u32) else { return false };
    // SAFETY: the value belongs to this CPU.
    unsafe { &mut *allowance }.take(now >> SPAN_BITS, most)
        && (what == Ended::Closed
            || CONNECTION_RECORDS.query(u64::from(BPF_RB_AVAIL_DATA)) < FAILED_RING)
}

/// Puts a record into the ring.
#[inline(always)]
fn put(
    socket: *const Sock,
    connection: &Connection,
    end: u64,
    now: u64,
    [sent, received]: [u64; 2],
) -> Option<()> {
    let group = sock::group(socket);
    let (local, remote) = (sock::local(socket), sock::remote(socket));
    let segments_sent = u64::from(sock::read::<u32>(socket, Member::DataSegmentsSent));
    let segments_received = u64::from(sock::read::<u32>(socket, Member::DataSegmentsReceived));
    let ports = [sock::local_port(socket), sock::remote_port(socket)];
    let mut entry = CONNECTION_RECORDS.reserve::<RecordEvent>(0)?;
    let event = entry.as_mut_ptr();
    // Member by member, so that it is not put together on the stack first.
    // SAFETY: the room is reserved for such an event, and nobody else knows of it yet.
    unsafe {
        ptr::write(&raw mut (*event).began, connection.since);
        ptr::write(&raw mut (*event).ended, now);
        let handshake = u64::from(connection.handshake).wrapping_mul(1000);
        ptr::write(&raw mut (*event).handshake, handshake);
        ptr::write(&raw mut (*event).group, group);
        ptr::write(&raw mut (*event).local, local);
        ptr::write(&raw mut (*event).remote, remote);
        ptr::write(&raw mut (*event).sent, sent);
        ptr::write(&raw mut (*event).received, received);
        ptr::write(&raw mut (*event).segments_sent, segments_sent);
        ptr::write(&raw mut (*event).segments_received, segments_received);
        let facts = facts(ports[0], ports[1], connection.role(), end);
        ptr::write(&raw mut (*event).facts, facts);
    }
    entry.submit(u64::from(BPF_RB_NO_WAKEUP));
    Some(())
}

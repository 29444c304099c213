//! When a request whose answer had to be sent again was first answered.
//!
//! The socket of the connection does not exist yet while answers are sent, so the
//! time waits here. It is written per answer that is sent again, never otherwise,
//! and a place that another request takes costs one handshake time.

use netmon_common::abi::{connection::FirstAnswer, member::Member};

use crate::{
    kernel::{Sock, has},
    maps::FIRST_ANSWERS,
    sock,
};

/// Notes a request whose answer was sent again.
#[inline(always)]
pub(crate) fn note(request: *const Sock) {
    if !has(Member::RequestAnswered) {
        return;
    }
    let microseconds: u64 = sock::read(request, Member::RequestAnswered);
    let at = microseconds.wrapping_mul(1000);
    let (remote, local) = (sock::remote_port(request), sock::read(request, Member::SockNum));
    // A request over IPv4 to a listener of IPv6 says IPv6 and has an address of IPv4.
    if sock::read::<u16>(request, Member::SockFamily) == IPV6 {
        put(key(last_word(request), remote, local), at);
    }
    put(key(sock::read(request, Member::SockDaddr), remote, local), at);
}

#[inline(always)]
fn put(key: u64, at: u64) {
    if let Some(place) = FIRST_ANSWERS.get_ptr_mut(FirstAnswer::position(key)) {
        // SAFETY: the value lies in a map. Another CPU may write it at the same time;
        // the key then does not fit, or fits to an answer of the same moment.
        unsafe { *place = FirstAnswer { key, at } };
    }
}

/// When the request of a connection was first answered, in nanoseconds of the
/// monotonic clock.
#[inline(always)]
pub(crate) fn first_answer(connection: *const Sock) -> Option<u64> {
    let address = if sock::read::<u16>(connection, Member::SockFamily) == IPV6 {
        last_word(connection)
    } else {
        sock::read(connection, Member::SockDaddr)
    };
    let local = sock::read(connection, Member::SockNum);
    first_answer_to(key(address, sock::remote_port(connection), local))
}

/// The same by [`key`].
#[inline(always)]
pub(crate) fn first_answer_to(key: u64) -> Option<u64> {
    let answer = FIRST_ANSWERS.get(FirstAnswer::position(key))?;
    (answer.key == key).then_some(answer.at)
}

/// `AF_INET6`.
const IPV6: u16 = 10;

/// What a request and its connection have in common: the ports, and the part of the
/// remote address that differs most, as it lies in memory: all of IPv4, or the end of
/// IPv6, where an IPv4 address in a socket of IPv6 stands as well.
#[inline(always)]
pub(crate) fn key(address: u32, remote_port: u16, local_port: u16) -> u64 {
    u64::from(address) << 32 | u64::from(remote_port) << 16 | u64::from(local_port)
}

#[inline(always)]
fn last_word(socket: *const Sock) -> u32 {
    let [.., a, b, c, d] = sock::read::<[u8; 16]>(socket, Member::SockDaddr6);
    u32::from_ne_bytes([a, b, c, d])
}

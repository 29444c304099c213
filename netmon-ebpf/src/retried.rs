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
    let key = key(request);
    if let Some(place) = FIRST_ANSWERS.get_ptr_mut(FirstAnswer::position(key)) {
        let microseconds: u64 = sock::read(request, Member::RequestAnswered);
        // SAFETY: the value lies in a map. Another CPU may write it at the same time;
        // the key then does not fit, or fits to an answer of the same moment.
        unsafe { *place = FirstAnswer { key, at: microseconds.wrapping_mul(1000) } };
    }
}

/// When the request of a connection was first answered, in nanoseconds of the
/// monotonic clock.
#[inline(always)]
pub(crate) fn first_answer(connection: *const Sock) -> Option<u64> {
    let key = key(connection);
    let answer = FIRST_ANSWERS.get(FirstAnswer::position(key))?;
    (answer.key == key).then_some(answer.at)
}

/// What a request and its connection have in common: the ports, and the
/// part of the remote address that differs most.
#[inline(always)]
fn key(socket: *const Sock) -> u64 {
    const IPV6: u16 = 10;
    let ports = u64::from(sock::remote_port(socket)) << 16
        | u64::from(sock::read::<u16>(socket, Member::SockNum));
    let address = if sock::read::<u16>(socket, Member::SockFamily) == IPV6 {
        let [.., a, b, c, d] = sock::read::<[u8; 16]>(socket, Member::SockDaddr6);
        u32::from_ne_bytes([a, b, c, d])
    } else {
        sock::read(socket, Member::SockDaddr)
    };
    u64::from(address) << 32 | ports
}

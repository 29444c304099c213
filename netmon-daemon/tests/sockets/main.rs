//! The census against the kernel: real sockets in every state that a list can
//! show, counted exactly.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

#[path = "../support/deadline.rs"]
mod deadline;
mod listeners;
#[path = "../support/netns.rs"]
mod netns;
mod outgoing;
mod states;
mod taker;

use std::{net::SocketAddr, os::fd::OwnedFd, time::Duration};

use netmon::sockets::{Census, CensusError, census};
use rustix::{
    io::Errno,
    net::{AddressFamily, SocketFlags, SocketType, bind, connect, socket_with},
};

use netns::NetNs;

/// The sockets of a namespace.
pub(crate) fn count(namespace: &NetNs) -> Result<Census, CensusError> {
    namespace.enter(|| census(Duration::from_secs(60)))
}

/// A connection that is begun and not waited for, from an address of its own if
/// so wanted.
pub(crate) fn begin(from: Option<SocketAddr>, to: SocketAddr) -> OwnedFd {
    let family = if to.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = socket_with(family, SocketType::STREAM, flags, None).unwrap();
    if let Some(from) = from {
        bind(&socket, &from).unwrap();
    }
    assert_eq!(connect(&socket, &to), Err(Errno::INPROGRESS));
    socket
}

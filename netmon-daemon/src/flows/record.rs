//! What is known of one TCP connection at its end.

use std::{net::IpAddr, time::Duration};

use netmon_common::abi::labels::{CloseReason, FailReason, Role};

/// How a connection ended, or that it never was one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It was open, and was closed like this, as seen from this host.
    Closed(CloseReason),
    /// It could not be opened.
    Failed(FailReason),
}

/// A TCP connection that is over, or an attempt at one.
///
/// Of a capture, which does not say where it was taken, this host is the server if the
/// client is no closer to it than the server is (by their scopes), else the client.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Record {
    /// Which end of it this host is.
    pub role: Role,
    /// Who asked for it.
    pub client: IpAddr,
    /// Who was asked.
    pub server: IpAddr,
    /// The port that was asked for.
    pub service_port: u16,
    /// Control group of the socket of this host, 0 where it is not known.
    pub workload: u64,
    /// When it began: monotonic since the source started, or the time of the packet.
    pub began: Duration,
    /// When it ended.
    pub ended: Duration,
    /// Payload of the client, in bytes, each counted once.
    pub client_bytes: u64,
    /// Payload of the server, in bytes, each counted once.
    pub server_bytes: u64,
    /// Segments with payload, of the client.
    pub client_segments: u32,
    /// Segments with payload, of the server.
    pub server_segments: u32,
    /// How it ended.
    pub end: End,
}

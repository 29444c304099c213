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
/// client is no closer to it than the server is (by their scopes), else the client; where
/// both are equally close and not public, there is a record of either end, as there is
/// live where both are on this host.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Record {
    /// Which end of it this host is.
    pub role: Role,
    /// Who asked for it.
    pub client: IpAddr,
    /// The port that it was asked from.
    pub client_port: u16,
    /// Who was asked.
    pub server: IpAddr,
    /// The port that was asked for.
    pub service_port: u16,
    /// Control group of the socket of this host, 0 where it is not known.
    pub workload: u64,
    /// When it began: monotonic since the source started, or the time of the packet. Where
    /// that was not seen, when something of it was seen first.
    pub began: Duration,
    /// When it ended.
    pub ended: Duration,
    /// Whether its beginning was seen. Else it is older than it looks, and its roles are a
    /// guess.
    pub seen_to_open: bool,
    /// From the request to its answer, where both were seen.
    pub handshake: Option<Duration>,
    /// Payload of the client, in bytes, each counted once.
    pub client_bytes: u64,
    /// Payload of the server, in bytes, each counted once.
    pub server_bytes: u64,
    /// Segments with payload of the client, those sent again included.
    pub client_segments: u32,
    /// Segments with payload of the server, those sent again included.
    pub server_segments: u32,
    /// How it ended.
    pub end: End,
}

impl Record {
    /// How long it lasted, where its beginning was seen.
    pub const fn lasted(&self) -> Option<Duration> {
        if self.seen_to_open { Some(self.ended.saturating_sub(self.began)) } else { None }
    }

    /// Whether it was open once.
    pub const fn was_open(&self) -> bool {
        matches!(self.end, End::Closed(_))
    }
}

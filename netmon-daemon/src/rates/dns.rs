//! What detectors need to know of DNS beyond the packets: a compact extract.
//!
//! Invariant: every count is cumulative.

use netmon_common::abi::{
    dns::{DnsTally, LARGE_SERVERS},
    labels::{Direction, DnsTransport},
};

use crate::snapshot::{Dns, Sides, Vantage};

const DIRECTIONS: usize = Vantage::ALL.len() * Direction::COUNT;

/// DNS messages that one vantage saw in one direction, over TCP where nothing else is said.
#[derive(Clone, Copy, Debug, Default)]
pub struct DnsStreams {
    /// Queries.
    pub queries: u64,
    /// Responses.
    pub responses: u64,
    /// Responses of 16 KiB and more that are no part of a zone transfer.
    pub large: u64,
    /// Responses over UDP or TCP to a query that was not seen.
    pub unmatched: u64,
}

/// What was counted up to one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct DnsPast {
    streams: Sides<DnsStreams>,
    /// Answers over UDP of more than 1,232 bytes, by a hash of the server.
    pub(super) large_answers: [u64; LARGE_SERVERS],
}

impl DnsStreams {
    fn of(tally: &DnsTally) -> Self {
        // Those over TCP stand behind as many over UDP.
        let all = tally.queries.len();
        let tcp = all / DnsTransport::COUNT * DnsTransport::Tcp.index();
        Self {
            queries: sum(tally.queries.get(tcp..).unwrap_or_default()),
            responses: sum(&tally.tcp_responses),
            large: tally.large_tcp,
            unmatched: tally.unmatched,
        }
    }
}

impl DnsPast {
    /// The extract of what was counted.
    pub(super) fn of(dns: &Dns) -> Self {
        let streams = Sides::of(|vantage, direction| DnsStreams::of(dns.of(vantage, direction)));
        Self { streams, large_answers: dns.lookups.large }
    }

    /// Large responses over TCP of every vantage and direction.
    pub(super) fn large_streams(&self) -> [u64; DIRECTIONS] {
        let mut large = [0; DIRECTIONS];
        for (count, streams) in large.iter_mut().zip(self.streams.iter()) {
            *count = streams.large;
        }
        large
    }

    /// What one vantage saw in one direction.
    pub(super) const fn streams(&self, vantage: Vantage, direction: Direction) -> &DnsStreams {
        self.streams.get(vantage, direction)
    }
}

fn sum(cells: &[u64]) -> u64 {
    cells.iter().fold(0, |sum, cell| sum.wrapping_add(*cell))
}

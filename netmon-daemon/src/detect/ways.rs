//! Of what kind the packets of a cell are: a transfer, or such that no transfer has.
//!
//! Knows sizes, flags and directions; how many packets are too many, others know.

use netmon_common::{
    abi::{
        labels::{Protocol, TcpFlag},
        tally::Tally,
    },
    scope::Scope,
};

use super::share;
use crate::{
    rates::{CELLS, Volume, Volumes, add_volumes},
    snapshot::Traffic,
};

/// Mean size up to which TCP segments can be such that carry nothing: 14 bytes of
/// Ethernet, 40 of IPv6, 60 of TCP with all options.
const EMPTY_SEGMENT: u64 = 114;

/// Mean size up to which datagrams are small: transfers fill their packets (1,200 bytes
/// and more), floods send 42 to 554.
const SMALL_DATAGRAM: u64 = 600;

/// Mean size up to which frames of other protocols are small where directions are not told
/// apart: ARP has 42 to 60.
const SMALL_FRAME: u64 = 128;

/// Share of the packets of one direction that the other must have to be an answer.
const ANSWERED: f64 = 0.1;

/// Share of the TCP segments that must open or refuse connections. A connection with one
/// request and its answer has 3 in 10.
const CONTROL: f64 = 0.5;

/// What a vantage saw, by direction where directions are told apart.
pub(super) struct Ways {
    is_directed: bool,
    received: Volumes,
    sent: Volumes,
    /// TCP segments that open, refuse or end connections at once, or are no TCP at all.
    control: u64,
    /// Datagrams of DNS lookups that were answered, both ways.
    lookups: u64,
}

impl Ways {
    /// The extract of all that moved.
    pub(super) fn of(traffic: &Traffic, is_directed: bool) -> Self {
        let volumes = |tally| {
            let mut volumes = [Volume::default(); CELLS];
            add_volumes(&mut volumes, tally);
            volumes
        };
        let both = [&traffic.ingress, &traffic.egress];
        let sum = |count: fn(&Tally) -> u64| both.into_iter().map(count).sum::<u64>();
        let control = |tally: &Tally| {
            const FLAGS: [TcpFlag; 6] = [
                TcpFlag::Syn,
                TcpFlag::Synack,
                TcpFlag::Rst,
                TcpFlag::Null,
                TcpFlag::Xmas,
                TcpFlag::OtherInvalid,
            ];
            FLAGS.iter().map(|flag| tally.flag(*flag)).sum()
        };
        let queries = sum(|tally| tally.dns_queries.iter().sum());
        let responses = sum(|tally| tally.dns_responses.iter().sum());
        Self {
            is_directed,
            received: volumes(&traffic.ingress),
            sent: volumes(&traffic.egress),
            control: sum(control),
            lookups: 2 * responses.min(queries),
        }
    }

    /// What a cell holds in both directions.
    pub(super) fn both(&self, cell: usize) -> Volume {
        let mut both = volume(&self.received, cell);
        both.add(volume(&self.sent, cell));
        both
    }

    /// Whether the packets of a cell are of a kind that no transfer has.
    pub(super) fn is_storm(&self, cell: usize) -> bool {
        let (received, sent) = (volume(&self.received, cell), volume(&self.sent, cell));
        let both = self.both(cell);
        let (more, less) =
            if received.packets >= sent.packets { (received, sent) } else { (sent, received) };
        let up_to = |volume: Volume, size: u64| volume.bytes <= volume.packets.saturating_mul(size);
        let one_way = self.is_directed && share(less.packets, more.packets) < ANSWERED;
        match protocol(cell) {
            Protocol::Icmp => true,
            Protocol::Tcp => {
                let unanswered = one_way && received.packets > sent.packets;
                let empty = up_to(both, EMPTY_SEGMENT);
                empty && (unanswered || share(self.control, both.packets) >= CONTROL)
            }
            Protocol::Udp => {
                // Lookups have no scope of their own: those of all count for the cell.
                let answered = !self.is_directed && share(self.lookups, both.packets) >= CONTROL;
                up_to(more, SMALL_DATAGRAM) && (one_way || !self.is_directed) && !answered
            }
            Protocol::Other if self.is_directed => one_way && up_to(more, SMALL_DATAGRAM),
            Protocol::Other => up_to(both, SMALL_FRAME),
        }
    }
}

/// The protocol of a cell.
pub(super) fn protocol(cell: usize) -> Protocol {
    Protocol::ALL.get(cell % Protocol::COUNT).copied().unwrap_or(Protocol::Other)
}

/// The scope of the remote addresses of a cell.
pub(super) const fn scope(cell: usize) -> Scope {
    Scope::from_index(cell / Protocol::COUNT)
}

fn volume(direction: &Volumes, cell: usize) -> Volume {
    direction.get(cell).copied().unwrap_or_default()
}

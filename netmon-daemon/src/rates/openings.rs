//! How requests for connections to this host fare.

use netmon_common::{
    abi::labels::{Role, TcpFlag},
    scope::Scope,
};

use crate::snapshot::{Service, Snapshot};

/// How requests fared up to one moment: cumulative counts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Openings {
    /// Requests (SYN) that came in from outside or by the loopback device.
    pub received: u64,
    /// Those of them that were passed on to others, whose handshakes nobody here completes.
    pub forwarded: u64,
    /// Handshakes that were completed, by sockets of this host and its containers.
    pub completed: u64,
    /// Requests that were answered with a cookie because nothing can be remembered of them.
    pub cookies: u64,
    /// Requests that were dropped because a listener had too many half-open connections.
    pub dropped: u64,
}

/// How full the queue of half-open connections of one listener is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backlog {
    /// Its port.
    pub port: u16,
    /// Half-open connections.
    pub half_open: u64,
    /// How many there may be.
    pub most: u64,
}

impl Openings {
    pub(super) fn of(snapshot: &Snapshot) -> Self {
        let syns = |at: &crate::snapshot::Traffic| at.ingress.flag(TcpFlag::Syn);
        let vantages = &snapshot.vantages;
        Self {
            received: syns(&vantages.boundary).wrapping_add(syns(&vantages.loopback)),
            forwarded: snapshot.tcp.forwarded.forwarded_requests,
            completed: snapshot.tcp.services.iter().map(completed).fold(0, u64::wrapping_add),
            cookies: snapshot.proc.syncookies_sent.unwrap_or(0),
            dropped: snapshot.proc.tcp_req_q_full_drop.unwrap_or(0),
        }
    }
}

impl Backlog {
    /// The fullest queue of a census.
    pub(super) fn fullest(snapshot: &Snapshot) -> Option<Self> {
        let census = snapshot.sockets.as_deref()?;
        let queues = census.half_open.iter().filter_map(|(port, half_open)| {
            let of_port = census.listeners.iter().filter(|it| it.port == *port);
            let most = of_port.map(|it| u64::from(it.backlog_max)).sum();
            Some(Self { port: *port, half_open: *half_open, most }).filter(|it| it.most > 0)
        });
        queues.max_by(|one, other| one.ratio().total_cmp(&other.ratio()))
    }

    /// Half-open connections for each that there may be.
    pub fn ratio(&self) -> f64 {
        self.half_open as f64 / self.most as f64
    }
}

fn completed(service: &Service) -> u64 {
    let of_roles = service.events.tcp_connections_opened.chunks(Scope::COUNT);
    of_roles.skip(Role::Passive.index()).take(1).flatten().fold(0, |sum, it| sum.wrapping_add(*it))
}

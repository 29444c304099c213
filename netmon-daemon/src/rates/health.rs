//! How the host fares, as far as windows of minutes need to know: a compact
//! extract of a snapshot.
//!
//! Must not hold text, which [`Names`] keeps once. Invariant: every count is
//! cumulative, and stands at the same place in every extract of one memory.

use netmon_common::{
    abi::{
        labels::{Class, Direction, FailReason, Protocol, RetransmitKind, Role},
        native::NATIVE_BUCKETS,
        tally::{Tally, host_cell},
    },
    scope::Scope,
};

use crate::snapshot::{Drops, Service, Snapshot, Times, Vantage};

/// How the host fares.
#[derive(Clone, Debug)]
pub struct Health {
    /// By service, in the order of [`Names::services`].
    pub services: Vec<Outcomes>,
    /// Handshakes by service and role: those of the first services, which alone
    /// are timed, and of these only where there were any.
    handshakes: Vec<Option<Box<[u64; NATIVE_BUCKETS]>>>,
    /// By scope of the peer, in the order of [`Scope::ALL`].
    pub ways: [Way; Scope::COUNT],
    /// What the kernel itself counted of this network namespace.
    pub kernel: Way,
    /// Packets of all vantages and directions.
    pub packets: u64,
    /// Packets that were dropped, in the order of [`Names::drops`].
    pub dropped: Vec<u64>,
    /// Packets that devices at the boundary dropped.
    pub boundary_drops: u64,
}

/// Attempts of this host to open connections.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outcomes {
    /// Those that were opened.
    pub opened: u64,
    /// Those that were not, in the order of [`FailReason::ALL`].
    pub failed: [u64; FailReason::COUNT],
}

/// What was sent towards some peers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Way {
    /// TCP segments.
    pub sent: u64,
    /// Segments that were sent again, requests and answers to requests excepted.
    pub repeated: u64,
    /// Attempts to open a connection, whatever became of them.
    pub attempts: u64,
    /// Connection requests that were sent again.
    pub requests_repeated: u64,
}

/// What the places of [`Health`] are called.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// Services.
    pub services: Vec<String>,
    /// Why packets were dropped.
    pub drops: Vec<DropReason>,
}

/// Why packets were dropped.
#[derive(Clone, Debug)]
pub struct DropReason {
    /// The kernel's reason in its lower-case name.
    pub name: String,
    /// Whether it belongs to the ordinary course of things, which a configuration may
    /// change.
    pub expected: bool,
}

impl Health {
    /// The extract of a snapshot. Names that are new are added to `names`.
    pub(super) fn of(snapshot: &Snapshot, names: &mut Names) -> Self {
        let services = &snapshot.tcp.services;
        names.learn(snapshot);
        let times = services.iter().map_while(|service| service.times.as_ref()).flatten();
        let mut dropped = vec![0; names.drops.len()];
        for drop in &snapshot.drops {
            if let Some(at) = names.drops.iter().position(|it| it.name == drop.reason) {
                dropped[at] = drop.dropped.packets;
            }
        }
        Self {
            services: services.iter().map(Outcomes::of).collect(),
            handshakes: times.map(handshakes).collect(),
            ways: ways(snapshot),
            kernel: Way::of_kernel(snapshot),
            packets: packets(snapshot),
            dropped,
            boundary_drops: boundary_drops(&snapshot.boundary_drops),
        }
    }

    /// Handshakes of a service in native buckets; none where there were none, or
    /// where it is not timed.
    pub fn handshakes(&self, service: usize, role: Role) -> Option<&[u64; NATIVE_BUCKETS]> {
        self.handshakes.get(service * Role::COUNT + role.index())?.as_deref()
    }
}

impl Outcomes {
    fn of(service: &Service) -> Self {
        let opened = service.events.tcp_connections_opened.chunks(Scope::COUNT);
        let failed = service.events.tcp_connect_failures.chunks(Scope::COUNT);
        let mut outcomes =
            Self { opened: opened.take(1).map(sum).sum(), failed: [0; FailReason::COUNT] };
        for (count, scopes) in outcomes.failed.iter_mut().zip(failed) {
            *count = sum(scopes);
        }
        outcomes
    }
}

// What was opened by this host stands first.
const _: () = assert!(Role::Active as usize == 0);

impl Way {
    fn of_kernel(snapshot: &Snapshot) -> Self {
        let kernel = &snapshot.proc;
        let requests_repeated = kernel.tcp_syn_retrans.unwrap_or(0);
        let repeated = kernel.tcp_retrans_segs.unwrap_or(0);
        Self {
            // The kernel does not count repetitions among the segments sent.
            sent: kernel.tcp_out_segs.unwrap_or(0).wrapping_add(repeated),
            repeated: repeated.saturating_sub(requests_repeated),
            attempts: kernel.tcp_active_opens.unwrap_or(0),
            requests_repeated,
        }
    }
}

impl Names {
    fn learn(&mut self, snapshot: &Snapshot) {
        let services = &snapshot.tcp.services;
        self.services.extend(services.iter().skip(self.services.len()).map(|it| it.name.clone()));
        for drop in &snapshot.drops {
            match self.drops.iter_mut().find(|it| it.name == drop.reason) {
                Some(known) => known.expected = drop.expected,
                None => self
                    .drops
                    .push(DropReason { name: drop.reason.clone(), expected: drop.expected }),
            }
        }
    }
}

/// The handshakes of one service and role, if there were any.
fn handshakes(times: &Times) -> Option<Box<[u64; NATIVE_BUCKETS]>> {
    let native = &times.handshakes.nanoseconds.native;
    native.iter().any(|count| *count > 0).then(|| Box::new(*native))
}

/// What was sent, by scope of the peer.
fn ways(snapshot: &Snapshot) -> [Way; Scope::COUNT] {
    let mut ways = [Way::default(); Scope::COUNT];
    for (scope, way) in Scope::ALL.iter().zip(&mut ways) {
        let sent = |vantage| segments(&snapshot.vantages.of(vantage).egress, *scope);
        way.sent = sent(Vantage::Boundary).wrapping_add(sent(Vantage::Loopback));
        // Elsewhere the ports of containers would count what the boundary has
        // counted; what the host sends to its containers only they see.
        if *scope == Scope::Container {
            way.sent = way.sent.wrapping_add(sent(Vantage::Internal));
        }
    }
    for service in &snapshot.tcp.services {
        let events = &service.events;
        let opened = events.tcp_connections_opened.chunks(Scope::COUNT).take(1);
        for cells in opened.chain(events.tcp_connect_failures.chunks(Scope::COUNT)) {
            add(&mut ways, cells, |way| &mut way.attempts);
        }
        for (kind, cells) in
            RetransmitKind::ALL.iter().zip(events.tcp_retransmits.chunks(Scope::COUNT))
        {
            match kind {
                RetransmitKind::Syn => add(&mut ways, cells, |way| &mut way.requests_repeated),
                RetransmitKind::Synack => {}
                _ => add(&mut ways, cells, |way| &mut way.repeated),
            }
        }
    }
    ways
}

/// TCP segments to peers of one scope. Every tick of a replay comes here, so only
/// their cells are looked at.
fn segments(tally: &Tally, scope: Scope) -> u64 {
    let first = host_cell(scope.index(), 0);
    let cells = Class::ALL.iter().zip(tally.host_packets.iter().skip(first));
    cells
        .filter(|(class, _)| class.protocol() == Protocol::Tcp)
        .fold(0, |sum, (_, packets)| sum.wrapping_add(*packets))
}

/// Adds a count by scope to one of the counts of the ways.
fn add(ways: &mut [Way], cells: &[u64], count: impl Fn(&mut Way) -> &mut u64) {
    for (way, more) in ways.iter_mut().zip(cells) {
        let count = count(way);
        *count = count.wrapping_add(*more);
    }
}

/// Packets that devices dropped, whatever the direction and the reason.
fn boundary_drops(drops: &Drops) -> u64 {
    let received = [drops.ingress_driver, drops.ingress_fifo, drops.ingress_missed];
    let sent = [drops.egress_driver, drops.egress_fifo];
    received.into_iter().chain(sent).fold(0, u64::wrapping_add)
}

/// Packets of all vantages. One that crosses two of them counts at both, which is
/// good enough for what it is held against.
fn packets(snapshot: &Snapshot) -> u64 {
    let tallies = Vantage::ALL.into_iter().flat_map(|vantage| {
        let traffic = snapshot.vantages.of(vantage);
        // A packet on loopback is sent and received there.
        let once = vantage == Vantage::Loopback;
        Direction::ALL.iter().skip(usize::from(once)).map(|direction| traffic.of(*direction))
    });
    tallies.fold(0, |sum, tally| sum.wrapping_add(tally.packets()))
}

fn sum(cells: &[u64]) -> u64 {
    cells.iter().fold(0, |sum, cell| sum.wrapping_add(*cell))
}

#[cfg(test)]
mod tests {
    use netmon_common::abi::tcp::Dropped;

    use super::*;
    use crate::snapshot::DropCount;

    fn snapshot() -> Snapshot {
        Snapshot::empty(std::time::Duration::ZERO)
    }

    #[test]
    fn places_keep_their_names() {
        let drop = |reason: &str, expected, packets| DropCount {
            subsystem: "ip",
            reason: reason.to_owned(),
            expected,
            dropped: Dropped { packets, bytes: 0 },
        };
        let mut names = Names::default();
        let mut first = snapshot();
        first.drops = vec![drop("late", false, 5)];
        assert_eq!(Health::of(&first, &mut names).dropped, [5]);
        // A reason that comes first by its name came last.
        first.drops = vec![drop("early", true, 7), drop("late", true, 6)];
        first.tcp.services.push(Service::new("tcp/443".to_owned(), 1));
        assert_eq!(Health::of(&first, &mut names).dropped, [6, 7]);
        let drops: Vec<_> = names.drops.iter().map(|it| (it.name.as_str(), it.expected)).collect();
        assert_eq!(drops, [("late", true), ("early", true)], "as it is called now");
        assert_eq!(names.services, ["other", "tcp/443"]);
    }

    #[test]
    fn segments_are_counted_where_they_leave() {
        let mut snapshot = snapshot();
        let mut send = |vantage, scope: Scope, class: Class, packets| {
            let sent = &mut snapshot.vantages.of_mut(vantage).egress;
            sent.host_packets[host_cell(scope.index(), class.index())] = packets;
        };
        send(Vantage::Boundary, Scope::Public, Class::Ipv4Tcp, 1);
        send(Vantage::Boundary, Scope::Public, Class::Ipv6Tcp, 2);
        send(Vantage::Boundary, Scope::Public, Class::Ipv4Udp, 4);
        send(Vantage::Loopback, Scope::Private, Class::Ipv4Tcp, 8);
        send(Vantage::Internal, Scope::Private, Class::Ipv4Tcp, 16);
        send(Vantage::Internal, Scope::Container, Class::Ipv4Tcp, 32);
        let health = Health::of(&snapshot, &mut Names::default());
        let segments = |scope: Scope| health.ways[scope.index()].sent;
        assert_eq!([Scope::Public, Scope::Private, Scope::Container].map(segments), [3, 8, 32]);
    }

    #[test]
    fn packets_count_once_on_loopback() {
        let mut snapshot = snapshot();
        for (vantage, packets) in Vantage::ALL.into_iter().zip([1, 10, 100]) {
            let traffic = snapshot.vantages.of_mut(vantage);
            traffic.ingress.packet_size_bytes.buckets[0] = packets;
            traffic.egress.packet_size_bytes.buckets[1] = packets;
        }
        assert_eq!(Health::of(&snapshot, &mut Names::default()).packets, 122);
    }
}

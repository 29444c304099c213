//! Everything that was counted up to one moment: summed over CPUs, immutable.

mod dns;
mod load;
mod references;
mod sides;
mod tcp;

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use netmon_common::abi::{labels::Direction, tally::Tally};

pub use self::dns::Dns;
pub use self::load::Load;
pub use self::references::{Reference, References};
pub use self::sides::Sides;
pub use self::tcp::{DropCount, OTHER, Service, Tcp, Times};
use crate::{
    attempts, flows, names::Report, neighbours::Report as Neighbours, proc::Counters,
    signal::Sources, sockets::Census,
};

/// From where a device sees the traffic of the host. Within one vantage and
/// direction nothing is counted twice; vantages are never added up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Vantage {
    /// Where traffic enters or leaves the host.
    Boundary,
    /// Ports of containers and guests.
    Internal,
    /// The loopback device.
    Loopback,
}

impl Vantage {
    /// Every vantage.
    pub const ALL: [Self; 3] = [Self::Boundary, Self::Internal, Self::Loopback];

    /// Label value.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Boundary => "boundary",
            Self::Internal => "internal",
            Self::Loopback => "loopback",
        }
    }
}

impl fmt::Display for Vantage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

/// What was counted in both directions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traffic {
    /// What was received.
    pub ingress: Tally,
    /// What was sent.
    pub egress: Tally,
}

impl Traffic {
    /// Nothing counted.
    pub const ZERO: Self = Self { ingress: Tally::ZERO, egress: Tally::ZERO };

    /// The counters of one direction.
    pub const fn of(&self, direction: Direction) -> &Tally {
        match direction {
            Direction::Ingress => &self.ingress,
            Direction::Egress => &self.egress,
        }
    }

    /// What was counted since `earlier`, which must be an earlier state of the
    /// same counters.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            ingress: self.ingress.since(&earlier.ingress),
            egress: self.egress.since(&earlier.egress),
        }
    }

    /// Adds other traffic to this.
    pub fn add(&mut self, other: &Self) {
        self.ingress.add(&other.ingress);
        self.egress.add(&other.egress);
    }
}

/// The cumulative traffic of every vantage. It never falls: devices that
/// vanished are still in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vantages {
    /// See [`Vantage::Boundary`].
    pub boundary: Traffic,
    /// See [`Vantage::Internal`].
    pub internal: Traffic,
    /// See [`Vantage::Loopback`].
    pub loopback: Traffic,
}

impl Vantages {
    /// Nothing counted.
    pub const ZERO: Self =
        Self { boundary: Traffic::ZERO, internal: Traffic::ZERO, loopback: Traffic::ZERO };

    /// The traffic of one vantage.
    pub const fn of(&self, vantage: Vantage) -> &Traffic {
        match vantage {
            Vantage::Boundary => &self.boundary,
            Vantage::Internal => &self.internal,
            Vantage::Loopback => &self.loopback,
        }
    }

    /// The traffic of one vantage, to add to it.
    pub const fn of_mut(&mut self, vantage: Vantage) -> &mut Traffic {
        match vantage {
            Vantage::Boundary => &mut self.boundary,
            Vantage::Internal => &mut self.internal,
            Vantage::Loopback => &mut self.loopback,
        }
    }
}

/// One network device and its traffic.
#[derive(Clone, Debug, PartialEq)]
pub struct Device {
    /// Its name as text. Bytes of the name that are not valid UTF-8 are written
    /// as `\xNN`, so that two devices never share a text.
    pub name: String,
    /// Its index in the kernel.
    pub ifindex: u32,
    /// Whether it is administratively up and has a carrier.
    pub up: bool,
    /// Speed in bytes per second, where the driver reports one.
    pub speed: Option<u64>,
    /// Its vantage; none for stacked devices (bond, bridge, VLAN, macvlan).
    pub vantage: Option<Vantage>,
    /// Whether packets are counted in both directions, or why not.
    pub counting: Result<(), String>,
    /// Whether the name was listed in the configuration without a wildcard.
    pub listed: bool,
    /// How often it went down since netmon watches it.
    pub flaps: u64,
    /// Packets that the device dropped, by direction and kind.
    pub drops: Drops,
    /// Its traffic.
    pub traffic: Traffic,
    /// How far its line is loaded.
    pub load: Load,
}

/// Drops that a driver reports (`rtnl_link_stats64`), in packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drops {
    /// `rx_dropped`.
    pub ingress_driver: u64,
    /// `rx_fifo_errors`.
    pub ingress_fifo: u64,
    /// `rx_missed_errors`.
    pub ingress_missed: u64,
    /// `tx_dropped`.
    pub egress_driver: u64,
    /// `tx_fifo_errors`.
    pub egress_fifo: u64,
}

impl Drops {
    /// What was dropped since `earlier`. A driver that begins anew has dropped nothing.
    #[must_use]
    pub const fn since(&self, earlier: &Self) -> Self {
        Self {
            ingress_driver: self.ingress_driver.saturating_sub(earlier.ingress_driver),
            ingress_fifo: self.ingress_fifo.saturating_sub(earlier.ingress_fifo),
            ingress_missed: self.ingress_missed.saturating_sub(earlier.ingress_missed),
            egress_driver: self.egress_driver.saturating_sub(earlier.egress_driver),
            egress_fifo: self.egress_fifo.saturating_sub(earlier.egress_fifo),
        }
    }

    /// Adds other drops to these.
    pub const fn add(&mut self, other: &Self) {
        self.ingress_driver = self.ingress_driver.wrapping_add(other.ingress_driver);
        self.ingress_fifo = self.ingress_fifo.wrapping_add(other.ingress_fifo);
        self.ingress_missed = self.ingress_missed.wrapping_add(other.ingress_missed);
        self.egress_driver = self.egress_driver.wrapping_add(other.egress_driver);
        self.egress_fifo = self.egress_fifo.wrapping_add(other.egress_fifo);
    }
}

/// Everything that was counted up to `at`.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// Monotonic time since the source started; packet time in a replay.
    pub at: Duration,
    /// Whether ingress and egress are told apart. A capture file does not say:
    /// all of its traffic counts as ingress.
    pub directed: bool,
    /// The devices that exist now and have counters of their own, or none at
    /// all, by name.
    pub devices: Vec<Device>,
    /// Devices at the boundary, by index, whose packets leave within packets of another
    /// one there.
    pub tunnels: Vec<u32>,
    /// Traffic of devices that have no counters of their own.
    pub other_devices: Traffic,
    /// Traffic by vantage.
    pub vantages: Vantages,
    /// Where each signal comes from.
    pub sources: Sources,
    /// What the TCP stack did.
    pub tcp: Tcp,
    /// The kernel's own counters of this network namespace.
    pub proc: Counters,
    /// The TCP sockets of this network namespace, as of a few seconds ago.
    pub sockets: Option<Arc<Census>>,
    /// Handshakes that listeners of this network namespace dropped, by port.
    pub listen_overflows: BTreeMap<u16, u64>,
    /// Packets that the kernel dropped; only reasons that occurred.
    pub drops: Vec<DropCount>,
    /// Packets that devices at the boundary dropped while they were watched; it does
    /// not fall when a device vanishes.
    pub boundary_drops: Drops,
    /// What was counted of DNS beyond the packets.
    pub dns: Arc<Dns>,
    /// What the names in DNS messages say; none where nobody looks at them.
    pub names: Option<Arc<Report>>,
    /// What the connections that are over say; none where nobody tells of them.
    pub flows: Option<Arc<flows::Report>>,
    /// Who asks for connections and is not answered; none where nobody looks.
    pub attempts: Option<Arc<attempts::Report>>,
    /// What changed about the neighbours; none where nobody looks at them.
    pub neighbours: Option<Arc<Neighbours>>,
    /// What control groups are called, by their number. A name stays when its group goes,
    /// because what it did is still counted.
    pub workloads: Arc<BTreeMap<u64, String>>,
    /// What the kernel counted by itself at this moment; only in snapshots that are
    /// audited.
    pub references: Option<Arc<References>>,
}

impl Snapshot {
    /// The label value of a port: its own if it has a slot.
    pub fn service_name(&self, port: u16) -> &str {
        let is_its =
            |name: &str| name.strip_prefix("tcp/").is_some_and(|it| it.parse() == Ok(port));
        let service = self.tcp.services.iter().find(|service| is_its(&service.name));
        service.map_or(OTHER, |service| service.name.as_str())
    }

    /// A snapshot before anything was counted.
    pub fn empty(at: Duration) -> Self {
        Self {
            at,
            directed: true,
            devices: Vec::new(),
            tunnels: Vec::new(),
            other_devices: Traffic::ZERO,
            vantages: Vantages::ZERO,
            sources: Sources::default(),
            tcp: Tcp::empty(),
            proc: Counters::default(),
            sockets: None,
            listen_overflows: BTreeMap::new(),
            drops: Vec::new(),
            boundary_drops: Drops::default(),
            dns: Arc::new(Dns::empty()),
            names: None,
            flows: None,
            attempts: None,
            neighbours: None,
            workloads: Arc::new(BTreeMap::new()),
            references: None,
        }
    }
}

//! The live source: the devices of this namespace, counted by the kernel.
//!
//! Which devices exist is rtnetlink's to say, which are watched the
//! configuration's; this is where the two and the kernel's programs meet.

use std::{
    io,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use netmon_common::attempts::Kind;

use super::{
    attempts::Attempts, flows::Flows, names::Names, neighbours::Neighbours, peaks::Peaks, signals,
    sockets::Sockets,
};
use crate::{
    config::Config,
    drops::Expected,
    kernel::{self, Forbidden, Kernel, KernelError},
    links::{Change, Selection, Watch, is_tunnel, vantage},
    proc::{Counters, Reader},
    signal::{PROC, Signal},
    site::Site,
    snapshot::{Device, Reference, References, Snapshot, Vantage},
    source::Source,
    store::Kept,
    view::{HookHealth, MapUse, Refusal, SignalHealth},
    workloads::Workloads,
};

/// Why the live source cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    /// The kernel does not count for us.
    #[error(transparent)]
    Kernel(#[from] KernelError),
    /// The devices cannot be watched.
    #[error("rtnetlink, which lists the network devices: {0}")]
    Links(#[from] io::Error),
}

/// How many snapshots share one list of the devices. Statistics of drivers come
/// with the list; names and states come by themselves.
const SNAPSHOTS_PER_LIST: u32 = 5;

/// How many lists share one audit: every 15 s, at the usual tick.
const LISTS_PER_AUDIT: u32 = 3;

/// The longest time between two lists, or one tick where that is longer.
const MAX_UNCHECKED: Duration = Duration::from_secs(15);

/// The devices of this namespace, counted by the kernel.
pub struct Live {
    kernel: Kernel,
    watch: Watch,
    selection: Selection,
    proc: Reader,
    sockets: Sockets,
    names: Names,
    flows: Flows,
    workloads: Workloads,
    attempts: Attempts,
    tick: Duration,
    /// When the last snapshot was taken.
    taken: Option<Instant>,
    neighbours: Neighbours,
    peaks: Peaks,
    started: Instant,
    snapshots: u32,
    lists: u32,
    /// Whether a device was picked when last looked.
    picked: bool,
    /// When it was last looked after what others can take away.
    checked: Option<Instant>,
}

impl Live {
    /// Loads the programs, removes what a killed netmon left behind, and attaches
    /// to every device that the configuration picks. Programs that the kernel
    /// refuses or that are forbidden are missing, and everything else goes on.
    ///
    /// # Errors
    ///
    /// When rtnetlink refuses, or counters cannot be read.
    pub async fn start(config: &Config, forbidden: &Forbidden) -> Result<Self, LiveError> {
        let sockets = Sockets::start().await;
        let mut live = Self {
            kernel: load(config, forbidden),
            watch: Watch::open()?,
            selection: Selection::new(&config.interfaces),
            proc: Reader::open(Path::new("/")),
            sockets,
            names: Names::start(config),
            flows: Flows::start(config),
            workloads: Workloads::new(kernel::cgroups().ok()),
            attempts: Attempts::start(),
            tick: config.kernel.tick.0,
            taken: None,
            neighbours: Neighbours::start(),
            peaks: Peaks::new(),
            started: Instant::now(),
            snapshots: 0,
            lists: 0,
            picked: true,
            checked: None,
        };
        while live.watch.table().is_doubtful() {
            live.watch.next().await?;
        }
        for link in live.watch.links() {
            Kernel::remove_leftovers(link);
        }
        // Before anything is attached: from the first connection on it is known whose
        // it is.
        live.kernel.serve(live.sockets.listening())?;
        live.sync()?;
        Ok(live)
    }

    /// Waits until devices change, and follows.
    ///
    /// # Errors
    ///
    /// When the kernel or rtnetlink refuses. May be cancelled: nothing is lost.
    pub async fn follow(&mut self) -> Result<(), LiveError> {
        let changes = self.watch.next().await?;
        self.apply(&changes)
    }

    /// Looks at what a snapshot once a second would miss: the DNS messages and the ends of
    /// connections that wait, because there is no room for all that can come within a second,
    /// and how much devices move; and begins the next window of attempts to connect, whose
    /// last answers take their time.
    pub fn look(&mut self) {
        self.peaks.look(&self.kernel);
        self.drain_rings();
        let passed = self.taken.map_or(Duration::ZERO, |taken| taken.elapsed());
        if let Err(error) = self.attempts.turn(&mut self.kernel, passed, self.tick) {
            tracing::error!(%error, "attempts to connect");
        }
    }

    /// Watches the devices that another configuration picks, by the mechanism
    /// that it asks for. Devices that stay lose no count.
    ///
    /// # Errors
    ///
    /// When the kernel refuses.
    pub fn reconfigure(&mut self, config: &Config) -> Result<(), LiveError> {
        self.selection = Selection::new(&config.interfaces);
        self.tick = config.kernel.tick.0;
        self.kernel.set_policy(config.kernel.tc);
        self.kernel.set_networks(&config.scopes.networks())?;
        self.kernel.set_dns(config)?;
        self.names.configure(config);
        self.flows.configure(config);
        self.kernel.expect(Expected::new(&config.drops));
        self.kernel.serve(config.tcp.service_ports.iter().map(|port| port.0))?;
        self.sync()
    }

    /// The time of the source.
    pub fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// What outlives the daemon, by its name in the file.
    pub fn kept(&mut self) -> Vec<Kept<'_>> {
        self.flows.kept()
    }

    /// Why packets cannot be counted at any device, in both directions; none when
    /// they can.
    pub fn refusal(&self) -> Option<&KernelError> {
        self.kernel.refusal()
    }

    /// How the hooks fare.
    pub fn health(&self) -> Vec<HookHealth> {
        self.kernel.health()
    }

    /// Where the signals of a snapshot come from, and what is in the way of better
    /// sources.
    pub fn signals(&self, snapshot: &Snapshot) -> Vec<SignalHealth> {
        let unreadable = self.proc.failures().map(|(path, error)| Refusal {
            mechanism: PROC,
            why: format!("{}: {error}", path.display()),
            fix: "mount proc there, with the files of the network".to_owned(),
        });
        let files = unreadable.map(|refusal| (Signal::KernelCounters, refusal));
        let sockets = self.sockets.refusal().into_iter().flat_map(|refusal| {
            [(Signal::Sockets, refusal.clone()), (Signal::OpenConnections, refusal)]
        });
        let off = (!self.names.are_on()).then(|| Refusal {
            mechanism: "names",
            why: "dns.names is \"off\"".to_owned(),
            fix: "set it to \"hashed\"".to_owned(),
        });
        let names = [Signal::DnsNames, Signal::DnsNameSample];
        let names = names.into_iter().filter_map(|signal| Some((signal, off.clone()?)));
        let neighbours = self.neighbours.refusal().map(|it| (Signal::Neighbours, it));
        let others: Vec<_> = files.chain(sockets).chain(names).chain(neighbours).collect();
        signals::report(&snapshot.sources, &self.health(), &others)
    }

    /// How full the maps are.
    pub fn maps(&self) -> Vec<MapUse> {
        self.kernel.maps()
    }

    fn apply(&mut self, changes: &[Change]) -> Result<(), LiveError> {
        for change in changes {
            // A device can come back under its index within one batch.
            if let Change::Removed(link) = change {
                tracing::info!(device = %link.name, ifindex = link.ifindex, "device vanished");
                self.kernel.unwatch(link.ifindex)?;
            }
        }
        self.sync()
    }

    /// Brings what is watched in line with what exists and is picked. All of it,
    /// because the vantage of one device depends on the others.
    fn sync(&mut self) -> Result<(), LiveError> {
        let table = self.watch.table();
        let gone: Vec<u32> = self
            .kernel
            .watched()
            .filter(|ifindex| {
                !table.get(*ifindex).is_some_and(|link| self.selection.watches(&link.name))
            })
            .collect();
        for ifindex in gone {
            self.kernel.unwatch(ifindex)?;
        }
        for link in table.links().filter(|link| self.selection.watches(&link.name)) {
            let (vantage, listed) = (vantage(link, table), self.selection.lists(&link.name));
            let (device, ifindex) = (&link.name, link.ifindex);
            let new = !self.kernel.watches(ifindex);
            let failed = self.kernel.failure(ifindex).is_some();
            if new {
                self.kernel.watch(link.clone(), vantage, listed)?;
            } else {
                self.kernel.update(link.clone(), vantage, listed)?;
            }
            match self.kernel.failure(ifindex) {
                // That nothing can be counted was said at the start.
                Some(_) if self.kernel.refusal().is_some() => {}
                Some(why) if new || !failed => {
                    tracing::warn!(%device, ifindex, why, "packets cannot be counted");
                }
                None if new || failed => {
                    let vantage = vantage.map_or("none", Vantage::label);
                    tracing::info!(%device, ifindex, vantage, "watching");
                }
                _ => {}
            }
        }
        let picked = self.kernel.watched().next().is_some();
        if self.picked && !picked {
            let include = self.selection.included();
            tracing::warn!(include, "no device matches yet: nothing is counted");
        }
        self.picked = picked;
        Ok(())
    }
}

impl Source for Live {
    type Error = LiveError;

    fn snapshot(&mut self) -> Result<Option<Snapshot>, LiveError> {
        let mut before = None;
        let due = self.checked.is_none_or(|checked| checked.elapsed() >= MAX_UNCHECKED);
        if due || self.snapshots.is_multiple_of(SNAPSHOTS_PER_LIST) {
            self.checked = Some(Instant::now());
            let changes = self.watch.refresh()?;
            self.apply(&changes)?;
            self.kernel.check().iter().for_each(tell);
            if self.lists.is_multiple_of(LISTS_PER_AUDIT) {
                before = self.reference();
            }
            self.lists = self.lists.wrapping_add(1);
        }
        self.snapshots = self.snapshots.wrapping_add(1);
        let began = kernel::monotonic();
        let mut snapshot = self.kernel.snapshot(self.started.elapsed())?;
        self.describe(&mut snapshot);
        self.peaks.fill(&self.kernel, began, &mut snapshot);
        snapshot.proc = self.proc.read();
        if let Some(before) = before {
            let changes = self.watch.refresh()?;
            let after = self.reference();
            snapshot.references = after.map(|after| Arc::new(References { before, after }));
            self.apply(&changes)?;
        }
        self.drain_rings();
        self.names.fill(&mut snapshot);
        let lasting = self.sockets.fill(&mut snapshot);
        self.flows.fill(&mut snapshot);
        self.attempts.fill(&mut self.kernel, &mut snapshot)?;
        self.name_workloads(&mut snapshot);
        self.neighbours.fill(self.watch.links(), &mut snapshot);
        self.taken = Some(Instant::now());
        self.kernel.serve(lasting)?;
        if snapshot.proc != Counters::default() {
            snapshot.sources.fall_back();
        }
        Ok(Some(snapshot))
    }
}

impl Live {
    fn drain_rings(&mut self) {
        self.names.drain(&mut self.kernel);
        self.flows.drain(&mut self.kernel);
    }

    /// Says what the control groups are called of which a snapshot speaks.
    fn name_workloads(&mut self, snapshot: &mut Snapshot) {
        let names =
            snapshot.names.iter().flat_map(|it| it.wasted.iter().filter_map(|it| it.workload));
        let flows = snapshot.flows.iter().flat_map(|it| it.workloads());
        let attempts = snapshot.attempts.iter().flat_map(|it| it.of(&[Kind::Across]));
        let all = names.chain(flows).chain(attempts.map(|it| it.workload));
        snapshot.workloads = self.workloads.names(all.filter(|id| *id != 0));
    }

    /// Adds what is known of devices: the speeds that are configured, and which of them are
    /// tunnels.
    fn describe(&self, snapshot: &mut Snapshot) {
        let table = self.watch.table();
        for device in &mut snapshot.devices {
            let Some(link) = table.get(device.ifindex) else { continue };
            if let Some(speed) = self.selection.speed(&link.name) {
                device.speed = Some(speed);
                device.load.limit = Some(speed);
            }
            if device.vantage == Some(Vantage::Boundary) && is_tunnel(link) {
                snapshot.tunnels.push(device.ifindex);
            }
        }
    }

    /// What the kernel counted by itself up to now; none when the list of devices is
    /// not whole.
    fn reference(&mut self) -> Option<Reference> {
        let devices = self.watch.links().map(|link| (link.ifindex, link.stats)).collect();
        let is_listed = self.watch.is_listed();
        is_listed.then(|| Reference { devices, counters: self.proc.read() })
    }
}

/// Whether a signal of this snapshot can be relied on at a site.
pub(super) fn sees(snapshot: &Snapshot, signal: Signal, site: Site) -> bool {
    match (signal, site) {
        (Signal::Packets, Site::Vantage(vantage)) => sees_packets(&snapshot.devices, vantage),
        (Signal::Packets, Site::Host) => {
            Vantage::ALL.into_iter().all(|vantage| sees_packets(&snapshot.devices, vantage))
        }
        (Signal::KernelCounters, _) => snapshot.sources.of(signal).is_some(),
        _ => snapshot.sources.has(signal),
    }
}

/// Loads the programs, and says once why there is nothing to count packets with.
fn load(config: &Config, forbidden: &Forbidden) -> Kernel {
    let kernel = Kernel::load(config, forbidden);
    if let Some(error) = kernel.refusal() {
        tracing::warn!(%error, "packets are not counted; what is left is served");
    }
    kernel
}

/// What became of a program, told once.
fn tell(change: &kernel::Change) {
    match change {
        kernel::Change::Lost { program } => {
            tracing::warn!(program, "somebody took the program away; it is attached again soon");
        }
        kernel::Change::Back { program } => tracing::info!(program, "attached again"),
    }
}

/// Whether the packets of a vantage can be relied on: every device of it counts.
/// Without a single device, netmon is blind everywhere.
fn sees_packets(devices: &[Device], vantage: Vantage) -> bool {
    !devices.is_empty()
        && devices
            .iter()
            .filter(|device| device.vantage == Some(vantage))
            .all(|device| device.counting.is_ok())
}

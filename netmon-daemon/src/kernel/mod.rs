//! The kernel as a source of snapshots: object, attach ladders, map handles.
//!
//! Nothing outside of this folder knows of eBPF. Counters are only ever read
//! and summed here; what they mean is said in netmon-common.

mod btf;
#[cfg(feature = "debug-log")]
mod debug;
mod devices;
mod error;
mod health;
mod hooks;
mod members;
mod networks;
mod object;
mod reasons;
mod services;
mod slots;
mod sys;
mod tables;
mod tc;
mod tracing;

use std::{collections::BTreeMap, fs, time::Duration};

use aya::{
    Ebpf,
    maps::{Array, MapData, PerCpuArray},
};
use netmon_common::abi::{
    labels::Direction,
    slot::{OTHER_SLOT, tally_key},
    tally::Tally,
    tcp::Dropped,
};

pub use error::KernelError;

use self::{
    devices::Watched,
    object::Object,
    reasons::Reasons,
    slots::{Place, Slots},
    tables::Tables,
    tc::Grip,
};
use crate::{
    config::{Config, TcMechanism},
    drops::{self, Expected},
    signal::{Signal, Sources},
    snapshot::{DropCount, Drops, Snapshot, Traffic, Vantage, Vantages},
    view::Refusal,
};

/// The programs at work and everything needed to read them.
pub struct Kernel {
    ebpf: Ebpf,
    table: Array<MapData, u64>,
    tallies: PerCpuArray<MapData, [u64; Tally::WORDS]>,
    networks: networks::Table,
    tables: Tables,
    hooks: Vec<tracing::Attached>,
    reset_reasons: Reasons,
    drop_reasons: Reasons,
    expected: Expected,
    policy: TcMechanism,
    slots: Slots,
    devices: BTreeMap<u32, Watched>,
    /// Traffic of devices that are no longer watched.
    retired: Vantages,
    /// What devices at the boundary dropped that are no longer watched.
    retired_drops: Drops,
    /// What the last attempt to attach a TC program ran into, by direction.
    refused: [Vec<Refusal>; 2],
    #[cfg(feature = "debug-log")]
    debug_log: Option<debug::DebugLog>,
}

impl Kernel {
    /// Loads the programs and attaches those that do not belong to a device.
    /// Tracing hooks that this kernel lacks are left out and reported by
    /// [`health`](Self::health).
    ///
    /// # Errors
    ///
    /// When the TC programs cannot be loaded: without them there is nothing to
    /// count.
    pub fn load(config: &Config) -> Result<Self, KernelError> {
        // Counters are kept by CPU. Better to miss the file now than at a read.
        aya::util::nr_cpus().map_err(|(file, error)| KernelError::Unsupported {
            what: "counting by CPU".to_owned(),
            why: format!("{file}: {error}; mount sysfs there"),
        })?;
        let mut object = Object::open()?;
        for direction in Direction::ALL {
            object.load_tc(*direction)?;
        }
        let hooks = tracing::attach_all(&mut object, release());
        let mut ebpf = object.ebpf;
        let mut map = |name: &str| {
            ebpf.take_map(name).ok_or_else(|| KernelError::Unsupported {
                what: format!("finding the map {name}"),
                why: "the eBPF object is damaged".to_owned(),
            })
        };
        let wrong = |error: aya::maps::MapError| KernelError::of("opening eBPF maps", &error);
        let table = Array::try_from(map("SLOTS")?).map_err(wrong)?;
        let tallies = PerCpuArray::try_from(map("TALLIES_BY_SLOT")?).map_err(wrong)?;
        let networks = Array::try_from(map("NETWORKS")?).map_err(wrong)?;
        let mut tables = Tables::open(&mut ebpf)?;
        tables.serve(config.tcp.service_ports.iter().map(|port| port.0))?;
        drop(object.btf);
        sys::return_free_memory();
        let mut kernel = Self {
            #[cfg(feature = "debug-log")]
            debug_log: debug::DebugLog::open(&mut ebpf),
            ebpf,
            table,
            tallies,
            networks: networks::Table::new(networks),
            tables,
            hooks,
            reset_reasons: object.reset_reasons,
            drop_reasons: object.drop_reasons,
            expected: Expected::new(&config.drops),
            policy: config.kernel.tc,
            slots: Slots::default(),
            devices: BTreeMap::new(),
            retired: Vantages::ZERO,
            retired_drops: Drops::default(),
            refused: [Vec::new(), Vec::new()],
        };
        kernel.set_networks(&config.scopes.networks())?;
        Ok(kernel)
    }

    /// Gives slots to ports that a configuration names.
    ///
    /// # Errors
    ///
    /// When the table of ports cannot be written.
    pub fn serve(&mut self, ports: impl IntoIterator<Item = u16>) -> Result<(), KernelError> {
        self.tables.serve(ports)
    }

    /// Takes other drops for expected.
    pub fn expect(&mut self, expected: Expected) {
        self.expected = expected;
    }

    /// Everything counted up to now.
    ///
    /// # Errors
    ///
    /// When the counters cannot be read.
    pub fn snapshot(&mut self, at: Duration) -> Result<Snapshot, KernelError> {
        #[cfg(feature = "debug-log")]
        if let Some(log) = &mut self.debug_log {
            log.drain();
        }
        let mut vantages = self.retired.clone();
        let mut other_devices = self.read(OTHER_SLOT)?;
        for vantage in Vantage::ALL.map(Some).into_iter().chain([None]) {
            let shared = self.read(slots::shared(vantage))?;
            other_devices.add(&shared);
            if let Some(vantage) = vantage {
                vantages.of_mut(vantage).add(&shared);
            }
        }
        let mut devices = Vec::with_capacity(self.devices.len());
        for watched in self.devices.values() {
            let own = matches!(watched.place, Place::Own(_));
            // What shares counters with others has no figures to show.
            if !own && watched.counting.is_ok() {
                continue;
            }
            let mut device = watched.describe();
            if own {
                device.traffic = self.read(watched.place.slot())?.since(&watched.base);
                if let Some(vantage) = watched.vantage {
                    vantages.of_mut(vantage).add(&device.traffic);
                }
            }
            devices.push(device);
        }
        devices.sort_by(|one, other| one.name.cmp(&other.name));
        self.tables.serve_listeners()?;
        let mut tcp = self.tables.read()?;
        tcp.resets_sent = self.resets_sent()?;
        Ok(Snapshot {
            devices,
            other_devices,
            vantages,
            sources: self.sources(),
            tcp,
            drops: self.drops()?,
            boundary_drops: self.boundary_drops(),
            ..Snapshot::empty(at)
        })
    }

    /// The counters of a slot, summed over CPUs.
    fn read(&self, slot: u32) -> Result<Traffic, KernelError> {
        let mut traffic = Traffic::ZERO;
        for (direction, tally) in
            [(Direction::Ingress, &mut traffic.ingress), (Direction::Egress, &mut traffic.egress)]
        {
            let per_cpu = self.tallies.get(&tally_key(slot, direction), 0);
            let per_cpu = per_cpu.map_err(|error| KernelError::Unreadable {
                what: format!("slot {slot}"),
                why: error::reason(&error),
            })?;
            for words in per_cpu.iter() {
                tally.add(&Tally::from_words(words));
            }
        }
        Ok(traffic)
    }

    /// Resets sent by reason. Those without a name are one reason.
    fn resets_sent(&self) -> Result<Vec<(String, u64)>, KernelError> {
        let mut resets: BTreeMap<&str, u64> = BTreeMap::from([(reasons::UNSPECIFIED, 0)]);
        for (reason, count) in self.tables.resets_sent()?.into_iter().enumerate() {
            if count > 0 {
                *resets.entry(self.reset_reasons.name(reason)).or_default() += count;
            }
        }
        Ok(resets.into_iter().map(|(reason, count)| (reason.to_owned(), count)).collect())
    }

    /// Packets dropped by reason. Those without a name are one reason.
    fn drops(&self) -> Result<Vec<DropCount>, KernelError> {
        let mut drops: BTreeMap<&str, Dropped> = BTreeMap::new();
        for (reason, dropped) in self.tables.drops()?.into_iter().enumerate() {
            let name = self.drop_reasons.name(reason);
            if dropped.packets > 0 && !reasons::NO_DROPS.contains(&name) {
                drops.entry(name).or_insert(Dropped::ZERO).add(&dropped);
            }
        }
        let drops = drops.into_iter().map(|(reason, dropped)| DropCount {
            subsystem: drops::subsystem(reason),
            reason: reason.to_owned(),
            expected: self.expected.contains(reason),
            dropped,
        });
        Ok(drops.collect())
    }

    /// Where each signal comes from.
    fn sources(&self) -> Sources {
        let mut sources = Sources::default();
        let grips = self.devices.values().flat_map(|watched| watched.grips.iter().flatten());
        sources.set(Signal::Packets, grips.map(Grip::mechanism).next());
        for (signal, source) in self.hooks.iter().flat_map(tracing::Attached::feeds) {
            sources.set(signal, Some(source));
        }
        sources
    }
}

impl Drop for Kernel {
    fn drop(&mut self) {
        for watched in std::mem::take(&mut self.devices).into_values() {
            for grip in watched.grips.into_iter().flatten() {
                tc::release(&mut self.ebpf, grip);
            }
        }
    }
}

/// Version of the running kernel; (0, 0) if it does not say.
fn release() -> (u32, u32) {
    let text = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut numbers = text.split(['.', '-']).map_while(|part| part.trim().parse().ok());
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

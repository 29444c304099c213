//! The kernel as a source of snapshots: object, attach ladders, map handles.
//!
//! Nothing outside of this folder knows of eBPF. Counters are only ever read
//! and summed here; what they mean is said in netmon-common.

mod btf;
#[cfg(feature = "debug-log")]
mod debug;
mod error;
mod health;
mod hooks;
mod members;
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
    slot::{OTHER_SLOT, SlotEntry, tally_key},
    tally::Tally,
};

pub use error::KernelError;

use self::{
    object::Object,
    reasons::Reasons,
    slots::{Place, Slots},
    tables::Tables,
    tc::{Grip, Target},
};
use crate::{
    config::{Config, TcMechanism},
    links::{Link, framing},
    signal::{Signal, Sources},
    snapshot::{Device, Drops, Snapshot, Traffic, Vantage, Vantages},
    view::Refusal,
};

/// The programs at work and everything needed to read them.
pub struct Kernel {
    ebpf: Ebpf,
    table: Array<MapData, u64>,
    tallies: PerCpuArray<MapData, [u64; Tally::WORDS]>,
    tables: Tables,
    hooks: Vec<tracing::Attached>,
    reset_reasons: Reasons,
    policy: TcMechanism,
    slots: Slots,
    devices: BTreeMap<u32, Watched>,
    /// Traffic of devices that are no longer watched.
    retired: Vantages,
    /// What the last attempt to attach a TC program ran into, by direction.
    refused: [Vec<Refusal>; 2],
    #[cfg(feature = "debug-log")]
    debug_log: Option<debug::DebugLog>,
}

/// A device whose packets are counted.
struct Watched {
    link: Link,
    listed: bool,
    vantage: Option<Vantage>,
    place: Place,
    /// What its slot held before the device had it.
    base: Traffic,
    /// What holds the programs, by direction.
    grips: [Option<Grip>; 2],
    counting: Result<(), String>,
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
        let mut tables = Tables::open(&mut ebpf)?;
        tables.serve(config.tcp.service_ports.iter().map(|port| port.0))?;
        drop(object.btf);
        sys::return_free_memory();
        Ok(Self {
            #[cfg(feature = "debug-log")]
            debug_log: debug::DebugLog::open(&mut ebpf),
            ebpf,
            table,
            tallies,
            tables,
            hooks,
            reset_reasons: object.reset_reasons,
            policy: config.kernel.tc,
            slots: Slots::default(),
            devices: BTreeMap::new(),
            retired: Vantages::ZERO,
            refused: [Vec::new(), Vec::new()],
        })
    }

    /// Removes what an earlier netmon that was killed left at a device.
    pub fn remove_leftovers(link: &Link) {
        tc::remove_leftovers(&link.name);
    }

    /// Whether a device is watched.
    pub fn watches(&self, ifindex: u32) -> bool {
        self.devices.contains_key(&ifindex)
    }

    /// Begins to count the packets of a device. Where that fails, the device is
    /// in the snapshots all the same, with the reason.
    ///
    /// # Errors
    ///
    /// When the counters cannot be read or the table not be written.
    pub fn watch(
        &mut self,
        link: Link,
        vantage: Option<Vantage>,
        listed: bool,
    ) -> Result<(), KernelError> {
        let place = self.slots.take(link.ifindex, vantage);
        let base = self.read(place.slot())?;
        if place != Place::Unknown {
            self.enter(&link, place)?;
        }
        let mut watched =
            Watched { link, listed, vantage, place, base, grips: [None, None], counting: Ok(()) };
        self.attach(&mut watched);
        self.devices.insert(watched.link.ifindex, watched);
        Ok(())
    }

    /// Why the packets of a watched device are not counted, if so and if it is
    /// still there.
    pub fn failure(&self, ifindex: u32) -> Option<&str> {
        let why = self.devices.get(&ifindex)?.counting.as_ref().err()?;
        (!why.ends_with(tc::GONE)).then_some(why)
    }

    /// Ends it. The counts stay in the traffic of the vantage.
    ///
    /// # Errors
    ///
    /// When the counters cannot be read.
    pub fn unwatch(&mut self, ifindex: u32) -> Result<(), KernelError> {
        let Some(watched) = self.devices.remove(&ifindex) else { return Ok(()) };
        for grip in watched.grips.into_iter().flatten() {
            tc::release(&mut self.ebpf, grip);
        }
        let last = self.read(watched.place.slot());
        if self.slots.give_back(ifindex, watched.place) {
            // Where this fails, the entry speaks of a device that is gone; the
            // next one with its place overwrites it.
            let _ = self.table.set(SlotEntry::position(ifindex), 0, 0);
        }
        if let (Place::Own(_), Some(vantage)) = (watched.place, watched.vantage) {
            self.retired.of_mut(vantage).add(&last?.since(&watched.base));
        }
        Ok(())
    }

    /// Takes note of what changed about a device, and of what somebody detached.
    /// Tries again what could not be attached: what stood in the way may be gone.
    ///
    /// # Errors
    ///
    /// When the counters cannot be read or the table not be written.
    pub fn update(
        &mut self,
        link: Link,
        vantage: Option<Vantage>,
        listed: bool,
    ) -> Result<(), KernelError> {
        let Some(mut watched) = self.devices.remove(&link.ifindex) else { return Ok(()) };
        let moved = watched.vantage != vantage || watched.link.hardware != link.hardware;
        if moved {
            // What was counted belongs to the vantage that it was counted at.
            self.devices.insert(link.ifindex, watched);
            self.unwatch(link.ifindex)?;
            return self.watch(link, vantage, listed);
        }
        let ifindex = link.ifindex;
        watched.link = link;
        watched.listed = listed;
        if watched.counting.is_err() {
            self.attach(&mut watched);
        } else if watched.grips.iter().flatten().any(|grip| tc::is_lost(grip, ifindex)) {
            for grip in std::mem::take(&mut watched.grips).into_iter().flatten() {
                tc::release(&mut self.ebpf, grip);
            }
            // Told first, mended with the next list of devices.
            watched.counting = Err("somebody removed the clsact qdisc".to_owned());
        }
        self.devices.insert(watched.link.ifindex, watched);
        Ok(())
    }

    /// Gives slots to ports that a configuration names.
    ///
    /// # Errors
    ///
    /// When the table of ports cannot be written.
    pub fn serve(&mut self, ports: impl IntoIterator<Item = u16>) -> Result<(), KernelError> {
        self.tables.serve(ports)
    }

    /// Attaches the programs at every device anew, by another policy.
    pub fn set_policy(&mut self, policy: TcMechanism) {
        if self.policy == policy {
            return;
        }
        self.policy = policy;
        let mut devices = std::mem::take(&mut self.devices);
        for watched in devices.values_mut() {
            for grip in std::mem::take(&mut watched.grips).into_iter().flatten() {
                tc::release(&mut self.ebpf, grip);
            }
            self.attach(watched);
        }
        self.devices = devices;
    }

    /// The devices that are watched, by index.
    pub fn watched(&self) -> impl Iterator<Item = u32> {
        self.devices.keys().copied()
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
            at,
            directed: true,
            devices,
            other_devices,
            vantages,
            sources: self.sources(),
            tcp,
            drops: Vec::new(),
        })
    }

    /// Attaches the programs at a device that are not attached yet.
    fn attach(&mut self, watched: &mut Watched) {
        watched.counting = Ok(());
        let target = Target { ifindex: watched.link.ifindex, name: &watched.link.name };
        for (direction, grip) in Direction::ALL.iter().zip(&mut watched.grips) {
            if grip.is_some() {
                continue;
            }
            let mut refused = Vec::new();
            match tc::attach(&mut self.ebpf, target, *direction, self.policy, &mut refused) {
                Ok(attached) => *grip = Some(attached),
                Err(why) => watched.counting = Err(format!("{}: {why}", direction.label())),
            }
            if let Some(last) = self.refused.get_mut(direction.index()) {
                *last = refused;
            }
        }
    }

    /// Tells the programs where a device counts and how its frames begin.
    fn enter(&mut self, link: &Link, place: Place) -> Result<(), KernelError> {
        let entry = SlotEntry {
            ifindex: link.ifindex,
            slot: u16::try_from(place.slot()).unwrap_or_default(),
            link: framing(link.hardware),
        };
        self.table
            .set(SlotEntry::position(link.ifindex), entry.to_word(), 0)
            .map_err(|error| KernelError::of("writing the slot table", &error))
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

impl Watched {
    /// The device of a snapshot, without its traffic.
    fn describe(&self) -> Device {
        let stats = &self.link.stats;
        Device {
            name: self.link.name.to_string(),
            ifindex: self.link.ifindex,
            up: self.link.up,
            speed: self.link.speed,
            vantage: self.vantage,
            counting: self.counting.clone(),
            listed: self.listed,
            flaps: self.link.flaps,
            drops: Drops {
                ingress_driver: stats.rx_dropped,
                ingress_fifo: stats.rx_fifo_errors,
                ingress_missed: stats.rx_missed_errors,
                egress_driver: stats.tx_dropped,
                egress_fifo: stats.tx_fifo_errors,
            },
            traffic: Traffic::ZERO,
        }
    }
}

/// Version of the running kernel; (0, 0) if it does not say.
fn release() -> (u32, u32) {
    let text = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut numbers = text.split(['.', '-']).map_while(|part| part.trim().parse().ok());
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

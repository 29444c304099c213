//! The kernel as a source of snapshots: object, attach ladders, map handles.
//!
//! Nothing outside of this folder knows of eBPF. Counters are only ever read
//! and summed here; what they mean is said in netmon-common.

mod anchor;
mod attempts;
mod btf;
#[cfg(feature = "debug-log")]
mod debug;
mod devices;
mod dns;
mod error;
mod forbid;
mod forwarded;
mod health;
mod hooks;
mod keys;
mod members;
mod networks;
mod object;
mod programs;
mod reasons;
mod records;
mod services;
mod slots;
mod sock_ops;
mod sys;
mod tables;
mod tail_call;
mod tc;
mod tracing;

use std::{collections::BTreeMap, fs, sync::Arc, time::Duration};

use netmon_common::{
    abi::{
        attempts::AttemptEvents,
        labels::Direction,
        slot::{OTHER_SLOT, tally_key},
        tally::Tally,
        tcp::Dropped,
    },
    attempts::{Askers, Suspect},
};

pub use error::KernelError;
pub use forbid::{Forbidden, VARIABLE as FORBID};
pub use programs::bytes_per_look;
pub use sock_ops::root as cgroups;
pub use sys::monotonic;
pub use tail_call::PROGRAMS as HANDED_ON;

use self::{
    devices::Watched,
    programs::Programs,
    slots::{Place, Slots},
    tc::Grip,
};
use crate::{
    config::{Config, TcMechanism},
    drops::{self, Expected},
    flows::Record,
    names::Sighting,
    signal::{Signal, Sources},
    snapshot::{Dns, DropCount, Drops, Snapshot, Tcp, Traffic, Vantage, Vantages},
    view::Refusal,
};

/// The programs and the devices that they are attached to.
pub struct Kernel {
    /// None where there can be none: then nothing is counted, and all else goes on.
    programs: Result<Box<Programs>, KernelError>,
    /// Version of the running kernel.
    release: (u32, u32),
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
}

/// What became of a program that was attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Somebody took it away from its hook.
    Lost {
        /// Its name.
        program: &'static str,
    },
    /// It is attached again.
    Back {
        /// Its name.
        program: &'static str,
    },
}

impl Kernel {
    /// Loads the programs and attaches those that do not belong to a device. What
    /// the kernel refuses, or the environment forbids, is left out and reported by
    /// [`refusal`](Self::refusal) and [`health`](Self::health).
    pub fn load(config: &Config, forbidden: &Forbidden) -> Self {
        let release = release();
        Self {
            programs: Programs::load(config, forbidden, release).map(Box::new),
            release,
            expected: Expected::new(&config.drops),
            policy: config.kernel.tc,
            slots: Slots::default(),
            devices: BTreeMap::new(),
            retired: Vantages::ZERO,
            retired_drops: Drops::default(),
            refused: [Vec::new(), Vec::new()],
        }
    }

    /// Why packets cannot be counted at any device, in both directions; none when
    /// they can.
    pub fn refusal(&self) -> Option<&KernelError> {
        match &self.programs {
            Ok(programs) => programs.tc.iter().flatten().next(),
            Err(error) => Some(error),
        }
    }

    /// Gives slots to ports that a configuration names.
    ///
    /// # Errors
    ///
    /// When the table of ports cannot be written.
    pub fn serve(&mut self, ports: impl IntoIterator<Item = u16>) -> Result<(), KernelError> {
        self.programs.as_mut().map_or(Ok(()), |programs| programs.tables.serve(ports))
    }

    /// Finds programs that somebody took away from their hooks, and attaches again
    /// those that were found missing before. Devices are looked after by
    /// [`update`](Self::update).
    pub fn check(&mut self) -> Vec<Change> {
        let Ok(programs) = &mut self.programs else { return Vec::new() };
        let ebpf = &mut programs.ebpf;
        let mut changes: Vec<_> =
            programs.hooks.iter_mut().filter_map(|hook| hook.check(ebpf)).collect();
        changes.extend(programs.stand_in());
        changes
    }

    /// Takes every DNS message that waits in the ring, oldest first, by the time of the
    /// programs: see [`monotonic`].
    pub fn drain(&mut self, take: impl FnMut(&Sighting<'_>)) {
        if let Ok(programs) = &mut self.programs {
            programs.dns.drain(take);
        }
    }

    /// Takes every record of a connection that waits in the ring, oldest first, by the time
    /// of the programs: see [`monotonic`].
    pub fn drain_records(&mut self, take: impl FnMut(&Record)) {
        if let Ok(programs) = &mut self.programs {
            programs.records.drain(take);
        }
    }

    /// Begins the next window of attempts to connect; see [`attempts`](Self::attempts).
    ///
    /// # Errors
    ///
    /// When the kernel cannot be told.
    pub fn turn_attempts(&mut self) -> Result<(), KernelError> {
        self.programs.as_mut().map_or(Ok(()), |programs| programs.attempts.turn())
    }

    /// Who asked for connections in the window before this one, and what was counted of all
    /// attempts; nothing where nobody looks.
    ///
    /// # Errors
    ///
    /// When the tables cannot be read.
    pub fn attempts(
        &self,
        take: impl FnMut(&Suspect),
    ) -> Result<Option<AttemptEvents>, KernelError> {
        let Ok(programs) = &self.programs else { return Ok(None) };
        if programs.attempts.refused().is_some() {
            return Ok(None);
        }
        programs.attempts.read(take)?;
        programs.attempts.events().map(Some)
    }

    /// Who asked for connections in the window before this one, however many those are.
    ///
    /// # Errors
    ///
    /// When the sketches cannot be read.
    pub fn askers(&self) -> Result<Askers, KernelError> {
        self.programs.as_ref().map_or(Ok(Askers::EMPTY), |programs| programs.attempts.askers())
    }

    /// The chance of somebody who asks to be overlooked, because what he asks for is taken
    /// for something that many ask for: 0 to 1.
    ///
    /// # Errors
    ///
    /// When the tables cannot be read.
    pub fn crowding(&self) -> Result<f64, KernelError> {
        self.programs.as_ref().map_or(Ok(0.0), |programs| programs.attempts.crowding())
    }

    /// Why DNS messages cannot be looked at, if so.
    pub fn dns_refusal(&self) -> Option<&KernelError> {
        self.programs.as_ref().map_or_else(Some, |programs| programs.dns.refused())
    }

    /// Takes over what is configured of DNS. Of the packets of the moment some may count
    /// by the one and some by the other configuration.
    ///
    /// # Errors
    ///
    /// When a table cannot be written.
    pub fn set_dns(&mut self, config: &Config) -> Result<(), KernelError> {
        let Ok(programs) = &mut self.programs else { return Ok(()) };
        programs.dns.configure(config)?;
        self.enter_all()
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
        if let Ok(programs) = &mut self.programs
            && let Some(log) = &mut programs.debug_log
        {
            log.drain();
        }
        self.mark_own()?;
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
            // rtnetlink is about to tell that it is gone.
            if self.failure(device.ifindex).is_some() || device.counting.is_ok() {
                devices.push(device);
            }
        }
        devices.sort_by(|one, other| one.name.cmp(&other.name));
        let (mut tcp, mut drops) = (Tcp::empty(), Vec::new());
        let mut dns = Dns::unseen();
        if let Ok(programs) = &mut self.programs {
            programs.tables.serve_listeners()?;
            tcp = programs.tables.read()?;
            programs.forwarded.read(at, &mut tcp)?;
            tcp.resets_sent = programs.resets_sent()?;
            drops = programs.drops(&self.expected)?;
            dns = programs.dns.read(monotonic())?;
        }
        Ok(Snapshot {
            devices,
            other_devices,
            vantages,
            sources: self.sources(),
            tcp,
            drops,
            boundary_drops: self.boundary_drops(),
            dns: Arc::new(dns),
            ..Snapshot::empty(at)
        })
    }

    /// The counters of a slot, summed over CPUs; nothing without programs.
    fn read(&self, slot: u32) -> Result<Traffic, KernelError> {
        self.programs.as_ref().map_or(Ok(Traffic::ZERO), |programs| programs.traffic(slot))
    }

    /// Where each signal comes from.
    fn sources(&self) -> Sources {
        let mut sources = Sources::default();
        let Ok(programs) = &self.programs else { return sources };
        let grips = self.devices.values().flat_map(|watched| watched.grips.iter().flatten());
        sources.set(Signal::Packets, grips.map(Grip::mechanism).next());
        // They are timed where packets leave.
        let leaving = self
            .devices
            .values()
            .filter_map(|watched| watched.grips.get(Direction::Egress.index())?.as_ref());
        let leaving = leaving.map(Grip::mechanism).next();
        let timed = programs.attempts.refused().is_none();
        sources.set(Signal::ForwardedHandshakes, leaving.filter(|_| timed));
        let hooks = programs.hooks.iter().flat_map(tracing::Attached::feeds);
        for (signal, source) in hooks.chain(programs.sock_ops.feeds()) {
            sources.set(signal, Some(source));
        }
        // The kernel must say why it drops a packet.
        let says_why = programs.drop_reasons.value(object::NO_SOCKET) != 0;
        let drops = sources.of(Signal::Drops).filter(|_| says_why);
        sources.set(Signal::RefusedDatagrams, drops);
        sources
    }
}

impl Programs {
    /// The counters of a slot, summed over CPUs.
    fn traffic(&self, slot: u32) -> Result<Traffic, KernelError> {
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
    fn drops(&self, expected: &Expected) -> Result<Vec<DropCount>, KernelError> {
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
            expected: expected.contains(reason),
            dropped,
        });
        Ok(drops.collect())
    }
}

impl Drop for Kernel {
    fn drop(&mut self) {
        let Ok(programs) = &mut self.programs else { return };
        for watched in std::mem::take(&mut self.devices).into_values() {
            for grip in watched.grips.into_iter().flatten() {
                tc::release(&mut programs.ebpf, grip);
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

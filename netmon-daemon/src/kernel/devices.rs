//! The devices whose packets are counted: attaching, following what changes about
//! them, and letting go.
//!
//! Invariant: what was counted stays in the traffic of its vantage, whatever
//! becomes of the device.

use std::collections::BTreeSet;

use netmon_common::abi::{
    labels::Direction,
    slot::{BOUNDARY, INTERNAL, LOOPBACK, SlotEntry},
};

use super::{
    Kernel, KernelError,
    anchor::TAKEN_AWAY,
    slots::Place,
    tc::{self, Grip, Target},
};
use crate::{
    config::TcMechanism,
    links::{Link, framing, limit},
    signal::Signal,
    snapshot::{Device, Drops, Load, Traffic, Vantage},
};

/// A device whose packets are counted.
pub(super) struct Watched {
    pub(super) link: Link,
    pub(super) listed: bool,
    pub(super) vantage: Option<Vantage>,
    pub(super) place: Place,
    /// What its slot held before the device had it.
    pub(super) base: Traffic,
    /// What the device had dropped before it was watched.
    pub(super) base_drops: Drops,
    /// What holds the programs, by direction.
    pub(super) grips: [Option<Grip>; 2],
    pub(super) counting: Result<(), String>,
    /// Whether the programs know that sockets of this kernel are behind it.
    pub(super) own: bool,
}

impl Kernel {
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
        let mut watched = Watched {
            base_drops: drops(&link),
            link,
            listed,
            vantage,
            place,
            base,
            grips: [None, None],
            counting: Ok(()),
            own: false,
        };
        if place != Place::Unknown {
            self.enter(&watched)?;
        }
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

    /// The bytes that a device with counters of its own received and sent.
    pub fn bytes(&self, ifindex: u32) -> Option<[u64; 2]> {
        let watched = self.devices.get(&ifindex)?;
        let Place::Own(slot) = watched.place else { return None };
        let [ingress, egress] = self.programs.as_ref().ok()?.bytes(slot)?;
        let base = &watched.base;
        Some([ingress.wrapping_sub(base.ingress.bytes()), egress.wrapping_sub(base.egress.bytes())])
    }

    /// Ends it. The counts stay in the traffic of the vantage.
    ///
    /// # Errors
    ///
    /// When the counters cannot be read.
    pub fn unwatch(&mut self, ifindex: u32) -> Result<(), KernelError> {
        let Some(watched) = self.devices.remove(&ifindex) else { return Ok(()) };
        self.retired_drops.add(&watched.boundary_drops());
        self.release(watched.grips);
        let last = self.read(watched.place.slot());
        if self.slots.give_back(ifindex, watched.place) {
            // Where this fails, the entry speaks of a device that is gone; the
            // next one with its place overwrites it.
            if let Ok(programs) = &mut self.programs {
                let _ = programs.table.set(SlotEntry::position(ifindex), 0, 0);
            }
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
        } else {
            let is_lost = |grip: &mut Grip| tc::is_lost(grip, ifindex);
            let lost = watched.grips.each_mut().map(|grip| grip.take_if(is_lost));
            // Told first, mended with the next list of devices.
            for (direction, _) in Direction::ALL.iter().zip(&lost).filter(|(_, it)| it.is_some()) {
                watched.counting = Err(format!("{}: {TAKEN_AWAY}", direction.label()));
            }
            self.release(lost);
        }
        self.devices.insert(watched.link.ifindex, watched);
        Ok(())
    }

    /// Attaches the programs at every device anew, by another policy.
    pub fn set_policy(&mut self, policy: TcMechanism) {
        if self.policy == policy {
            return;
        }
        self.policy = policy;
        let mut devices = std::mem::take(&mut self.devices);
        for watched in devices.values_mut() {
            self.release(std::mem::take(&mut watched.grips));
            self.attach(watched);
        }
        self.devices = devices;
    }

    /// The devices that are watched, by index.
    pub fn watched(&self) -> impl Iterator<Item = u32> {
        self.devices.keys().copied()
    }

    /// Attaches the programs at a device that are not attached yet.
    fn attach(&mut self, watched: &mut Watched) {
        watched.counting = Ok(());
        let programs = match &mut self.programs {
            Ok(programs) => programs,
            Err(error) => {
                watched.counting = Err(error.refusal("").why);
                return;
            }
        };
        let target = Target { ifindex: watched.link.ifindex, name: &watched.link.name };
        for (direction, grip) in Direction::ALL.iter().zip(&mut watched.grips) {
            if grip.is_some() {
                continue;
            }
            if let Some(Some(error)) = programs.tc.get(direction.index()) {
                let why = error.refusal("").why;
                watched.counting = Err(format!("{}: {why}", direction.label()));
                continue;
            }
            let mut refused = Vec::new();
            match tc::attach(&mut programs.ebpf, target, *direction, self.policy, &mut refused) {
                Ok(attached) => *grip = Some(attached),
                Err(why) => watched.counting = Err(format!("{}: {why}", direction.label())),
            }
            if let Some(last) = self.refused.get_mut(direction.index()) {
                *last = refused;
            }
        }
    }

    /// What devices at the boundary dropped while they were watched.
    pub(super) fn boundary_drops(&self) -> Drops {
        let mut drops = self.retired_drops;
        for watched in self.devices.values() {
            drops.add(&watched.boundary_drops());
        }
        drops
    }

    /// Tells the programs where a device counts and how its frames begin.
    pub(super) fn enter(&mut self, watched: &Watched) -> Result<(), KernelError> {
        let Ok(programs) = &mut self.programs else { return Ok(()) };
        let entry = SlotEntry {
            ifindex: watched.link.ifindex,
            slot: u16::try_from(watched.place.slot()).unwrap_or_default(),
            link: framing(watched.link.hardware),
            tables: programs.networks.is_filled() || programs.dns.has_further_ports(),
            own: watched.own,
            vantage: number(watched.vantage),
        };
        programs
            .table
            .set(SlotEntry::position(entry.ifindex), entry.to_word(), 0)
            .map_err(|error| KernelError::of("writing the slot table", &error))
    }

    /// Tells the programs behind which devices sockets of this kernel are: ports of
    /// containers, and bridges of such. Their connections are left to the hooks of
    /// the TCP stack, as long as there are any that time handshakes.
    ///
    /// # Errors
    ///
    /// When the table cannot be written.
    pub(super) fn mark_own(&mut self) -> Result<(), KernelError> {
        let followed = self.sources().has(Signal::Handshakes);
        let is_port = |watched: &Watched| {
            let pair = matches!(watched.link.kind.as_deref(), Some("veth" | "netkit"));
            followed && pair && watched.vantage == Some(Vantage::Internal)
        };
        let ports = self.devices.values().filter(|watched| is_port(watched));
        let bridges: BTreeSet<u32> = ports.filter_map(|port| port.link.master).collect();
        let changed = |watched: &Watched| {
            let own = is_port(watched) || bridges.contains(&watched.link.ifindex);
            (own != watched.own && watched.place != Place::Unknown).then_some(own)
        };
        let changed: Vec<(u32, bool)> = self
            .devices
            .iter()
            .filter_map(|(ifindex, watched)| Some((*ifindex, changed(watched)?)))
            .collect();
        for (ifindex, own) in changed {
            let Some(mut watched) = self.devices.remove(&ifindex) else { continue };
            watched.own = own;
            let entered = self.enter(&watched);
            self.devices.insert(ifindex, watched);
            entered?;
        }
        Ok(())
    }

    /// Lets programs go.
    fn release(&mut self, grips: [Option<Grip>; 2]) {
        let Ok(programs) = &mut self.programs else { return };
        for grip in grips.into_iter().flatten() {
            tc::release(&mut programs.ebpf, grip);
        }
    }
}

impl Watched {
    /// The device of a snapshot, without its traffic.
    pub(super) fn describe(&self) -> Device {
        Device {
            name: self.link.name.to_string(),
            ifindex: self.link.ifindex,
            up: self.link.up,
            speed: self.link.speed,
            vantage: self.vantage,
            counting: self.counting.clone(),
            listed: self.listed,
            flaps: self.link.flaps,
            drops: drops(&self.link),
            traffic: Traffic::ZERO,
            load: Load { limit: limit(&self.link), ..Load::default() },
        }
    }

    /// What it dropped while it was watched, if it stands at the boundary.
    fn boundary_drops(&self) -> Drops {
        let boundary = self.vantage == Some(Vantage::Boundary);
        if boundary { drops(&self.link).since(&self.base_drops) } else { Drops::default() }
    }
}

/// What a device dropped since it exists.
/// The number of a vantage in the kernel's table.
const fn number(vantage: Option<Vantage>) -> u32 {
    match vantage {
        None => 0,
        Some(Vantage::Boundary) => BOUNDARY,
        Some(Vantage::Internal) => INTERNAL,
        Some(Vantage::Loopback) => LOOPBACK,
    }
}

const fn drops(link: &Link) -> Drops {
    let stats = &link.stats;
    Drops {
        ingress_driver: stats.rx_dropped,
        ingress_fifo: stats.rx_fifo_errors,
        ingress_missed: stats.rx_missed_errors,
        egress_driver: stats.tx_dropped,
        egress_fifo: stats.tx_fifo_errors,
    }
}

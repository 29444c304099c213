//! The networks that the configuration names, where the programs look them up.

use aya::maps::{Array, MapData};
use netmon_common::abi::networks::Networks;

use super::{Kernel, KernelError, slots::Place};

/// The table of networks.
pub(super) struct Table {
    map: Array<MapData, [u64; Networks::WORDS]>,
    /// Whether it has a network in it.
    filled: bool,
}

impl Table {
    /// The table of this map, which is empty.
    pub(super) const fn new(map: Array<MapData, [u64; Networks::WORDS]>) -> Self {
        Self { map, filled: false }
    }

    /// Replaces what is in it, and says whether it is empty now and was not, or the
    /// other way round.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub(super) fn set(&mut self, networks: &Networks) -> Result<bool, KernelError> {
        self.map
            .set(0, networks.words(), 0)
            .map_err(|error| KernelError::of("writing the table of networks", &error))?;
        let before = self.filled;
        self.filled = !networks.is_empty();
        Ok(before != self.filled)
    }

    /// Whether there are networks to look a remote address up in.
    pub(super) const fn is_filled(&self) -> bool {
        self.filled
    }
}

impl Kernel {
    /// Gives the addresses of these networks another scope, and those of the
    /// networks before them the one that is built in. No packet is missed over
    /// it; those of the moment may be counted with either scope.
    ///
    /// # Errors
    ///
    /// When a table cannot be written.
    pub fn set_networks(&mut self, networks: &Networks) -> Result<(), KernelError> {
        let Ok(programs) = &mut self.programs else { return Ok(()) };
        if !programs.networks.set(networks)? {
            return Ok(());
        }
        // The programs look at the table only where the device's entry says so.
        self.enter_all()
    }

    /// Writes the entries of all devices anew.
    ///
    /// # Errors
    ///
    /// When the table cannot be written.
    pub(super) fn enter_all(&mut self) -> Result<(), KernelError> {
        let devices = std::mem::take(&mut self.devices);
        let entered = devices
            .values()
            .filter(|watched| watched.place != Place::Unknown)
            .try_for_each(|watched| self.enter(watched));
        self.devices = devices;
        entered
    }
}

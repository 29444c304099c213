//! Which ports have a slot of their own: listeners and destinations that the
//! configuration names.
//!
//! Invariant: a slot once given stays with its port, because its counters may
//! never fall. When there are no more, further ports count with the others.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    ops::RangeInclusive,
};

use netmon_common::abi::service::SERVICES;

/// The ports that have slots.
#[derive(Clone, Debug, Default)]
pub(super) struct Services {
    /// Slot by port.
    slots: BTreeMap<u16, u8>,
    /// Ports that found no slot, each counted once.
    refused: BTreeSet<u16>,
}

impl Services {
    /// The slot of a port, and whether it is new; none when there are no more.
    pub(super) fn take(&mut self, port: u16) -> Option<(u8, bool)> {
        if let Some(slot) = self.slots.get(&port) {
            return Some((*slot, false));
        }
        let slot = u8::try_from(self.slots.len() + 1).ok();
        let Some(slot) = slot.filter(|slot| u32::from(*slot) < SERVICES) else {
            self.refused.insert(port);
            return None;
        };
        self.slots.insert(port, slot);
        Some((slot, true))
    }

    /// Label values by slot, from slot 1 on.
    pub(super) fn names(&self) -> Vec<String> {
        let mut ports: Vec<_> = self.slots.iter().map(|(port, slot)| (*slot, *port)).collect();
        ports.sort_unstable();
        ports.into_iter().map(|(_, port)| format!("tcp/{port}")).collect()
    }

    /// Slots in use.
    pub(super) fn used(&self) -> u64 {
        self.slots.len() as u64
    }

    /// Ports that found no slot.
    pub(super) fn failures(&self) -> u64 {
        self.refused.len() as u64
    }
}

/// The ports that the kernel picks from for whoever asks for none in particular.
pub(super) fn ephemeral_ports() -> RangeInclusive<u16> {
    let text = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let mut bounds = text.split_whitespace().map_while(|bound| bound.parse().ok());
    // The kernel's own default.
    bounds.next().unwrap_or(32_768)..=bounds.next().unwrap_or(60_999)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_given_once_and_run_out() {
        let mut services = Services::default();
        assert_eq!(services.take(443), Some((1, true)));
        assert_eq!(services.take(80), Some((2, true)));
        assert_eq!(services.take(443), Some((1, false)));
        assert_eq!(services.names(), ["tcp/443", "tcp/80"]);
        for port in 1000..1062 {
            assert!(services.take(port).is_some(), "{port}");
        }
        assert_eq!((services.take(9), services.take(9)), (None, None));
        assert_eq!((services.used(), services.failures()), (64, 1));
        assert_eq!(services.take(80), Some((2, false)));
    }
}

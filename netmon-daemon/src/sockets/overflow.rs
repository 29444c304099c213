//! Handshakes that listeners dropped, by port, from one census to the next.
//!
//! The kernel counts them per socket and forgets the count with the socket.
//! Invariant: what is counted here never falls, and its memory is bounded by that
//! of a census.

use std::collections::{BTreeMap, HashMap};

use super::{
    census::{Census, MAX_LISTENERS},
    listener::Listener,
};

/// Handshakes that listeners dropped since the first census.
#[derive(Clone, Debug, Default)]
pub struct Overflows {
    /// What the kernel said last, by the cookie of the socket; none before the first
    /// census.
    last: Option<HashMap<u64, u32>>,
    /// By port, for at most [`MAX_LISTENERS`] ports.
    counts: BTreeMap<u16, u64>,
}

impl Overflows {
    /// Takes another census.
    pub fn take(&mut self, census: &Census) {
        let last = self.last.take();
        let drops = |listener: &Listener| Some((listener.cookie, listener.drops?));
        for listener in &census.listeners {
            let Some(now) = listener.drops else { continue };
            let before = match &last {
                // What was dropped before netmon came is not known to be recent.
                None => now,
                // A socket that was not there has dropped all of it since.
                Some(last) => last.get(&listener.cookie).copied().unwrap_or(0),
            };
            let known = self.counts.contains_key(&listener.port);
            if known || self.counts.len() < MAX_LISTENERS {
                *self.counts.entry(listener.port).or_default() +=
                    u64::from(now.wrapping_sub(before));
            }
        }
        self.last = Some(census.listeners.iter().filter_map(drops).collect());
    }

    /// Handshakes dropped by port.
    pub const fn counts(&self) -> &BTreeMap<u16, u64> {
        &self.counts
    }
}

#[cfg(test)]
mod tests {
    use netmon_common::abi::labels::IpVersion;

    use super::*;
    use crate::sockets::AddressClass;

    fn census(listeners: &[(u16, u64, Option<u32>)]) -> Census {
        let listener = |(port, cookie, drops): &(u16, u64, Option<u32>)| Listener {
            port: *port,
            family: IpVersion::V4,
            address: AddressClass::Any,
            backlog: 0,
            backlog_max: 1,
            drops: *drops,
            cookie: *cookie,
            inode: 0,
        };
        Census { listeners: listeners.iter().map(listener).collect(), ..Census::default() }
    }

    /// Drops of a count that goes from 4 to the last number below a wrap.
    const WRAPPED: u64 = (1 << 32) - 1 - 4;

    #[test]
    fn only_what_was_dropped_since_counts() {
        let mut overflows = Overflows::default();
        for (listeners, expected) in [
            // What was there before netmon is the beginning.
            (&[(80, 1, Some(5)), (22, 2, None)][..], &[(80, 0)][..]),
            (&[(80, 1, Some(7))], &[(80, 2)]),
            // Another socket at the same port, with all it dropped.
            (&[(80, 3, Some(4))], &[(80, 6)]),
            // Two share a port; a count of the kernel's wraps.
            (&[(80, 3, Some(u32::MAX)), (80, 4, Some(1))], &[(80, 6 + WRAPPED + 1)]),
            (&[(80, 3, Some(1)), (80, 4, Some(1))], &[(80, 6 + WRAPPED + 3)]),
            // A port without a socket keeps its count.
            (&[(443, 9, Some(0))], &[(80, 6 + WRAPPED + 3), (443, 0)]),
        ] {
            overflows.take(&census(listeners));
            let counts: Vec<_> = overflows.counts().iter().map(|(port, n)| (*port, *n)).collect();
            assert_eq!(counts, expected);
        }
    }
}

//! What this host sends to public addresses and receives from them, over hours.
//!
//! Invariant: what is sent counts once, where it leaves. A packet in a tunnel leaves
//! within another packet, and it is that one which counts, by its own address.

use std::{collections::BTreeMap, time::Duration};

use netmon_common::{
    abi::{
        counters::increase,
        labels::{Class, Family},
        tally::{Tally, host_cell},
    },
    scope::Scope,
};

use super::{HostRates, Hours, Memory, Rates, Window};
use crate::{
    snapshot::{Snapshot, Traffic},
    store::{Keep, Unfit},
};

const HOUR: Duration = Duration::from_secs(3600);

/// How far apart the moments of the last hour are kept.
const MINUTE: Duration = Duration::from_secs(60);

/// Bytes received and sent.
type Sides = [u64; 2];

/// What is remembered.
#[derive(Clone, Debug)]
pub(super) struct Outbound {
    /// What the boundary had counted at the last snapshot; none before the first one that
    /// tells directions apart.
    boundary: Option<Sides>,
    /// The same of tunnels, by index.
    tunnels: BTreeMap<u32, Sides>,
    /// All that moved since, without that in tunnels.
    total: Sides,
    last_hour: Memory<Sides>,
    hours: Hours,
    /// When the hour began that is not over yet, and what had been sent by then.
    hour: Option<(Duration, u64)>,
}

/// What moved between this host and public addresses.
#[derive(Clone, Copy, Debug)]
pub struct Exchange<'a> {
    /// Bytes received within the last hour, or since the host is watched.
    pub received: u64,
    /// Bytes sent within that time.
    pub sent: u64,
    /// The whole hours before.
    pub hours: &'a Hours,
}

impl Default for Outbound {
    fn default() -> Self {
        Self {
            boundary: None,
            tunnels: BTreeMap::new(),
            total: [0; 2],
            last_hour: Memory::new(HOUR, MINUTE),
            hours: Hours::default(),
            hour: None,
        }
    }
}

impl Outbound {
    /// Remembers a snapshot. Where directions are not told apart, nobody knows who sends.
    pub(super) fn push(&mut self, snapshot: &Snapshot) {
        if !snapshot.directed {
            return;
        }
        let boundary = public(&snapshot.vantages.boundary);
        let before = self.boundary.replace(boundary).unwrap_or(boundary);
        let is_tunnel = |ifindex: &u32| snapshot.tunnels.contains(ifindex);
        let tunnels = snapshot.devices.iter().filter(|device| is_tunnel(&device.ifindex));
        let tunnels = tunnels.map(|device| (device.ifindex, public(&device.traffic))).collect();
        let tunnels_before = std::mem::replace(&mut self.tunnels, tunnels);
        for (side, total) in self.total.iter_mut().enumerate() {
            let moved = |now: &Sides, before: &Sides| increase(now[side], before[side]);
            let in_tunnels = self
                .tunnels
                .iter()
                .filter_map(|(ifindex, now)| Some(moved(now, tunnels_before.get(ifindex)?)));
            let in_tunnels = in_tunnels.fold(0, u64::saturating_add);
            *total = total.wrapping_add(moved(&boundary, &before).saturating_sub(in_tunnels));
        }
        self.last_hour.push(snapshot.at, self.total);
        let [_, sent] = self.total;
        let (began, sent_before) = *self.hour.get_or_insert((snapshot.at, sent));
        let took = snapshot.at.saturating_sub(began);
        if took >= HOUR {
            // Where nobody looked for long, it is no hour.
            if took < HOUR + HOUR / 10 {
                self.hours.push(sent.wrapping_sub(sent_before));
            }
            self.hour = Some((snapshot.at, sent));
        }
    }
}

impl Rates {
    /// What was sent to public addresses by the hour, to be kept.
    pub const fn hours(&self) -> &Hours {
        &self.outbound.hours
    }

    /// Takes over the hours that an earlier netmon watched.
    pub fn restore_hours(&mut self, hours: Hours) {
        self.outbound.hours = hours.checked();
    }
}

impl HostRates<'_> {
    /// What moved between this host and public addresses within the last hour; none where
    /// directions are not told apart.
    pub fn exchange(&self) -> Option<Exchange<'_>> {
        let Outbound { last_hour, hours, boundary, .. } = &self.rates.outbound;
        boundary.is_some().then(|| {
            let moved = |side: usize| {
                let window = Window { span: HOUR, ago: Duration::ZERO };
                last_hour.moved(window, |sides| sides[side])
            };
            Exchange { received: moved(0), sent: moved(1), hours }
        })
    }
}

/// Bytes of IP with public addresses, received and sent.
fn public(traffic: &Traffic) -> Sides {
    let bytes = |tally: &Tally| {
        let first = host_cell(Scope::Public.index(), 0);
        let cells = Class::ALL.iter().zip(tally.host_bytes.iter().skip(first));
        cells
            .filter(|(class, _)| class.family() != Family::Other)
            .fold(0_u64, |sum, (_, bytes)| sum.wrapping_add(*bytes))
    };
    [bytes(&traffic.ingress), bytes(&traffic.egress)]
}

/// The whole hours outlive the daemon. When they were is not asked: hours in which nobody
/// watched are missing either way.
impl Keep for Rates {
    fn save(&self) -> Vec<u8> {
        // A struct of numbers can always be written.
        serde_json::to_vec(self.hours()).unwrap_or_default()
    }

    fn load(&mut self, saved: Option<&[u8]>, _began: u64) -> Result<(), Unfit> {
        if let Some(saved) = saved {
            self.restore_hours(serde_json::from_slice(saved).map_err(|_| Unfit)?);
        }
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use super::*;

    #[test]
    fn hours_outlive_the_daemon() {
        let mut before = Rates::default();
        let mut hours = Hours::default();
        for sent in [7, 8, 9] {
            hours.push(sent);
        }
        before.restore_hours(hours);
        let saved = before.save();
        let mut after = Rates::default();
        after.load(None, 0).unwrap();
        assert_eq!(after.hours(), &Hours::default());
        after.load(Some(&saved), 0).unwrap();
        assert_eq!(after.hours(), before.hours());
        for damaged in [&saved[1..], &[], b"{}"] {
            assert_eq!(after.load(Some(damaged), 0), Err(Unfit));
        }
    }
}

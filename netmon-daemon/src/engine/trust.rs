//! Which signals can be relied on.
//!
//! One that has a source may still have a hole: what was not seen for a while is
//! missing in the windows that detectors judge, so a signal that came back is only
//! trusted once the hole is out of the longest of them. And one that the kernel's own
//! counters contradict is not trusted either. Pure: time is that of the snapshots.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use super::sees;
use crate::{
    audit::{Audit, Finding, Verdict},
    rates::{LONGEST_MEMORY, LONGEST_WINDOW},
    signal::{Signal, Sources},
    site::Site,
    snapshot::{Device, Snapshot, Vantage},
};

/// What is remembered of earlier snapshots.
#[derive(Clone, Debug, Default)]
pub(super) struct Trust {
    now: Duration,
    sources: Sources,
    /// When a signal last was without the source that it had before.
    holes: BTreeMap<Signal, Duration>,
    /// When packets of a vantage were last missed at a device that counted before.
    packet_holes: BTreeMap<Vantage, Duration>,
    /// Devices whose packets are counted.
    counted: BTreeSet<u32>,
    /// Devices whose packets were counted and are not any more.
    lost: BTreeSet<u32>,
    audit: Audit,
}

impl Trust {
    /// Takes note of a snapshot, which must not be older than the ones before, and
    /// tells what the audit found out.
    pub(super) fn observe(&mut self, snapshot: &Arc<Snapshot>) -> Vec<Verdict> {
        self.now = snapshot.at;
        for signal in Signal::ALL.into_iter().filter(|signal| *signal != Signal::Packets) {
            let before = self.sources.of(signal);
            if before.is_some() && before != snapshot.sources.of(signal) {
                self.holes.insert(signal, self.now);
            }
        }
        self.sources = snapshot.sources;
        self.observe_devices(&snapshot.devices);
        self.audit.observe(snapshot)
    }

    /// What the audit found.
    pub(super) fn findings(&self) -> &[Finding] {
        self.audit.findings()
    }

    /// Whether a signal can be relied on at a site, of the snapshot observed last.
    pub(super) fn trusts(&self, snapshot: &Snapshot, signal: Signal, site: Site) -> bool {
        let is_whole = |vantage, window| past(self.packet_holes.get(&vantage), window, self.now);
        let without_hole = match (signal, site) {
            (Signal::Packets, Site::Vantage(vantage)) => is_whole(vantage, LONGEST_WINDOW),
            (Signal::Packets, Site::Host) => {
                Vantage::ALL.into_iter().all(|vantage| is_whole(vantage, LONGEST_MEMORY))
            }
            _ => past(self.holes.get(&signal), LONGEST_MEMORY, self.now),
        };
        without_hole
            && sees(snapshot, signal, site)
            && !self.audit.contradicts(signal, site.vantage())
    }

    fn observe_devices(&mut self, devices: &[Device]) {
        let (counted, uncounted): (Vec<_>, Vec<_>) =
            devices.iter().partition(|device| device.counting.is_ok());
        let now = counted.iter().map(|device| device.ifindex).collect();
        let before = std::mem::replace(&mut self.counted, now);
        self.lost.retain(|ifindex| uncounted.iter().any(|device| device.ifindex == *ifindex));
        for device in uncounted {
            if before.contains(&device.ifindex) {
                self.lost.insert(device.ifindex);
            }
            if let Some(vantage) = device.vantage.filter(|_| self.lost.contains(&device.ifindex)) {
                self.packet_holes.insert(vantage, self.now);
            }
        }
    }
}

/// Whether a hole is out of a window of this length.
fn past(hole: Option<&Duration>, window: Duration, now: Duration) -> bool {
    hole.is_none_or(|hole| now >= hole.saturating_add(window))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        signal::PROC,
        snapshot::{Drops, Load, Traffic},
    };

    fn device(ifindex: u32, vantage: Vantage, counted: bool) -> Device {
        Device {
            name: ifindex.to_string(),
            ifindex,
            up: true,
            speed: None,
            vantage: Some(vantage),
            counting: if counted { Ok(()) } else { Err("lost".to_owned()) },
            listed: false,
            flaps: 0,
            drops: Drops::default(),
            traffic: Traffic::ZERO,
            load: Load::default(),
        }
    }

    /// Seconds of `timeline` after which the last of its states is trusted.
    fn trusted_after(timeline: &[Snapshot], signal: Signal, site: Site) -> Option<u64> {
        let mut trust = Trust::default();
        let mut last = None;
        for (second, snapshot) in (0..).zip(timeline) {
            let snapshot = Snapshot { at: Duration::from_secs(second), ..snapshot.clone() };
            trust.observe(&Arc::new(snapshot.clone()));
            last = Some((second, snapshot));
        }
        let (from, mut snapshot) = last?;
        (from..from + 1000)
            .find(|second| {
                snapshot.at = Duration::from_secs(*second);
                trust.observe(&Arc::new(snapshot.clone()));
                trust.trusts(&snapshot, signal, site)
            })
            .map(|second| second - from)
    }

    #[test]
    fn packets_that_were_missed_leave_a_hole_at_their_vantage() {
        use Vantage::{Boundary, Internal};
        let with = |devices: &[Device]| Snapshot {
            devices: devices.to_vec(),
            ..Snapshot::empty(Duration::ZERO)
        };
        let whole = with(&[device(1, Boundary, true), device(2, Internal, true)]);
        let lost = with(&[device(1, Boundary, false), device(2, Internal, true)]);
        let alone = with(&[device(2, Internal, true)]);
        let cases: [(&str, &[&Snapshot], Vantage, Option<u64>); 7] = [
            ("always there", &[&whole, &whole], Boundary, Some(0)),
            ("lost and back", &[&whole, &lost, &whole], Boundary, Some(59)),
            ("lost and back, elsewhere", &[&whole, &lost, &whole], Internal, Some(0)),
            ("lost for good", &[&whole, &lost], Boundary, None),
            ("it never counted before", &[&lost, &lost, &whole], Boundary, Some(0)),
            ("lost, and then the device vanishes", &[&whole, &lost, &alone], Boundary, Some(59)),
            ("the device vanishes", &[&whole, &alone, &whole], Boundary, Some(0)),
        ];
        for (name, timeline, vantage, expected) in cases {
            let timeline: Vec<Snapshot> = timeline.iter().map(|it| (*it).clone()).collect();
            let site = Site::Vantage(vantage);
            assert_eq!(trusted_after(&timeline, Signal::Packets, site), expected, "{name}");
        }
    }

    #[test]
    fn a_source_that_was_missing_or_is_another_leaves_a_hole() {
        let from = |source| {
            let mut snapshot = Snapshot::empty(Duration::ZERO);
            snapshot.sources.set(Signal::Retransmits, source);
            snapshot
        };
        let (none, best, other, last) =
            (from(None), from(Some("tp_btf")), from(Some("raw_tp")), from(Some(PROC)));
        let cases: [(&str, &[&Snapshot], Option<u64>); 6] = [
            ("always there", &[&best, &best], Some(0)),
            ("late", &[&none, &best], Some(0)),
            ("lost and back", &[&best, &none, &best], Some(299)),
            ("lost and back, from the last rung", &[&best, &last, &best], Some(300)),
            ("another one", &[&best, &other], Some(300)),
            ("the last rung knows too little", &[&best, &last], None),
        ];
        for (name, timeline, expected) in cases {
            let timeline: Vec<Snapshot> = timeline.iter().map(|it| (*it).clone()).collect();
            let after = trusted_after(&timeline, Signal::Retransmits, Site::Host);
            assert_eq!(after, expected, "{name}");
        }
    }
}

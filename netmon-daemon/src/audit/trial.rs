//! A scripted host: what netmon and the kernel count of it from check to check.

use std::time::Duration;

use netmon_common::abi::{tally::Tally, tcp::TcpEvents};

use super::*;
use crate::{
    links::Stats,
    proc::Counters,
    snapshot::{Drops, Load, Reference, Traffic},
};

pub(super) const IFINDEX: u32 = 2;

/// A host at a moment: everything in it moves by the same amount per check.
#[derive(Clone)]
pub(super) struct Host {
    pub(super) snapshot: Snapshot,
    pub(super) kernel: Reference,
    /// What the kernel counts between the two readings of its own counters.
    pub(super) meanwhile: Reference,
}

/// Nothing moves.
pub(super) fn host() -> Host {
    let mut snapshot = Snapshot::empty(Duration::ZERO);
    for signal in Signal::ALL {
        snapshot.sources.set(signal, Some("tp_btf"));
    }
    snapshot.devices.push(Device {
        name: "eth0".to_owned(),
        ifindex: IFINDEX,
        up: true,
        speed: None,
        vantage: Some(Vantage::Boundary),
        counting: Ok(()),
        listed: false,
        flaps: 0,
        drops: Drops::default(),
        traffic: Traffic::ZERO,
        load: Load::default(),
    });
    let kernel = Reference {
        devices: [(IFINDEX, Stats::default())].into(),
        counters: Counters {
            tcp_active_opens: Some(0),
            tcp_passive_opens: Some(0),
            tcp_attempt_fails: Some(0),
            embryonic_rsts: Some(0),
            tcp_retrans_segs: Some(0),
            tcp_out_rsts: Some(0),
            // Packets of other namespaces are more than enough for all tests but one.
            softnet_processed: Some(1 << 40),
            softnet_dropped: Some(0),
            ..Counters::default()
        },
    };
    Host { snapshot, meanwhile: kernel.clone(), kernel }
}

/// What a figure is after this many checks.
fn times(value: &mut u64, check: u64) {
    *value = value.wrapping_mul(check);
}

fn counters_times(counters: &mut Counters, check: u64) {
    for value in [
        &mut counters.tcp_active_opens,
        &mut counters.tcp_passive_opens,
        &mut counters.tcp_attempt_fails,
        &mut counters.embryonic_rsts,
        &mut counters.tcp_retrans_segs,
        &mut counters.tcp_out_rsts,
        &mut counters.softnet_processed,
        &mut counters.softnet_dropped,
    ] {
        times(value.as_mut().unwrap(), check);
    }
}

impl Host {
    /// The host after so many checks.
    pub(super) fn after(&self, check: u64) -> Arc<Snapshot> {
        let mut snapshot = self.snapshot.clone();
        snapshot.at = Duration::from_secs(15 * check);
        for device in &mut snapshot.devices {
            for tally in [&mut device.traffic.ingress, &mut device.traffic.egress] {
                let mut words = tally.words();
                for word in &mut words {
                    times(word, check);
                }
                *tally = Tally::from_words(&words);
            }
        }
        let mut words = snapshot.tcp.events.words();
        for word in &mut words {
            times(word, check);
        }
        snapshot.tcp.events = TcpEvents::from_words(&words);
        snapshot.drops.iter_mut().for_each(|drop| times(&mut drop.dropped.packets, check));

        let mut before = self.kernel.clone();
        for stats in before.devices.values_mut() {
            for value in [
                &mut stats.rx_packets,
                &mut stats.tx_packets,
                &mut stats.rx_bytes,
                &mut stats.tx_bytes,
                &mut stats.rx_dropped,
                &mut stats.tx_dropped,
            ] {
                times(value, check);
            }
        }
        counters_times(&mut before.counters, check);
        snapshot.proc = before.counters.clone();
        let mut after = before.clone();
        let more = &self.meanwhile;
        for (ifindex, stats) in &mut after.devices {
            stats.rx_packets += more.devices[ifindex].rx_packets;
            stats.rx_bytes += more.devices[ifindex].rx_bytes;
        }
        *after.counters.tcp_active_opens.as_mut().unwrap() +=
            more.counters.tcp_active_opens.unwrap();
        snapshot.references = Some(Arc::new(References { before, after }));
        Arc::new(snapshot)
    }

    /// Runs the checks that make a contradiction of what is always wrong.
    pub(super) fn audited(&self) -> Audit {
        let mut audit = Audit::default();
        for check in 1..=u64::from(BAD_CHECKS) + 1 {
            audit.observe(&self.after(check));
        }
        audit
    }

    /// Whether a signal is contradicted then.
    pub(super) fn contradicts(&self, signal: Signal) -> bool {
        self.audited().contradicts(signal, None)
    }
}

/// What a device counts per check: netmon's packets, those of them beyond the first
/// of a merged buffer, bytes, bytes of the headers of the former; then the driver's
/// packets and bytes.
pub(super) struct Counts {
    pub(super) netmon: [u64; 4],
    pub(super) driver: [u64; 2],
}

/// A host with traffic in one direction.
pub(super) fn counting(direction: Direction, counts: &Counts) -> Host {
    let mut host = host();
    let traffic = &mut host.snapshot.devices[0].traffic;
    let stats = host.kernel.devices.get_mut(&IFINDEX).unwrap();
    let [packets, merged, bytes, headers] = counts.netmon;
    let (tally, driver_packets, driver_bytes) = match direction {
        Direction::Ingress => (&mut traffic.ingress, &mut stats.rx_packets, &mut stats.rx_bytes),
        Direction::Egress => (&mut traffic.egress, &mut stats.tx_packets, &mut stats.tx_bytes),
    };
    // Mean sizes up to 64 bytes are in the first bucket.
    let bucket = usize::from(bytes > 64 * packets);
    tally.packet_size_bytes.buckets[bucket] = packets;
    tally.packet_size_bytes.sum = bytes;
    tally.merged_packets = merged;
    tally.merged_headers_bytes = headers;
    [*driver_packets, *driver_bytes] = counts.driver;
    host
}

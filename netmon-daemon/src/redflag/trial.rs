//! What the tests of this folder share: a detector that is easy to reckon with
//! and a host whose traffic is a script.

use std::time::Duration;

use super::Board;
use crate::{
    detect::{Detector, Verdict, Watch, named},
    rates::{HostRates, Rates, VantageRates, Window},
    signal::Signal,
    snapshot::{Snapshot, Vantage},
};

/// Warns at so many mDNS packets in one second, and is critical at ten times as
/// many.
struct Mdns(f64);

impl Watch for Mdns {
    const SPAN: Duration = Duration::from_secs(1);

    fn thresholds(&self) -> [f64; 2] {
        [self.0, self.0 * 10.0]
    }

    fn judge(&self, rates: &VantageRates<'_>) -> Verdict {
        let packets = rates.received(Window::last(1), |tally| tally.mdns_packets);
        moved(self, packets, &format!("{packets} in 1 s"))
    }
}

/// Raises a flag wherever it may judge as soon as anything moved anywhere, and says
/// by what it judged.
struct Ladder;

impl Watch for Ladder {
    const HOST: &'static [&'static [Signal]] =
        &[&[Signal::Drops, Signal::Packets], &[Signal::KernelCounters]];
    const SPAN: Duration = Duration::from_secs(1);

    fn thresholds(&self) -> [f64; 2] {
        [1.0, 100.0]
    }

    fn judge(&self, rates: &VantageRates<'_>) -> Verdict {
        moved(self, rates.received(Window::last(1), |tally| tally.mdns_packets), "packets")
    }

    fn judge_host(&self, rates: &HostRates<'_>) -> Verdict {
        let by = if rates.sees(Signal::Drops) { "drops" } else { "counters" };
        moved(self, rates.moved(Window::last(1), |health| health.kernel.sent), by)
    }
}

fn moved(watch: &impl Watch, moved: u64, by: &str) -> Verdict {
    let moved = moved as f64;
    let [warning, critical] = watch.thresholds();
    Verdict {
        statistic: moved,
        thresholds: [warning, critical],
        warning: moved / warning,
        critical: moved / critical,
        detail: by.to_owned(),
        ..Verdict::blind()
    }
}

/// A detector with three rungs.
pub(super) fn ladder() -> Board {
    Board::new(vec![named("ladder", Ladder)])
}

pub(super) fn board(names: &[&'static str], warning: f64) -> Board {
    Board::new(detectors(names, warning))
}

pub(super) fn detectors(names: &[&'static str], warning: f64) -> Vec<Box<dyn Detector>> {
    names.iter().map(|name| named(name, Mdns(warning))).collect()
}

/// A host on which every second some mDNS packets arrive at each vantage, and as
/// many TCP segments are sent.
pub(super) struct Host {
    pub(super) rates: Rates,
    pub(super) snapshot: Snapshot,
}

impl Host {
    pub(super) fn new() -> Self {
        let mut host = Self { rates: Rates::default(), snapshot: Snapshot::empty(Duration::ZERO) };
        host.rates.push(&host.snapshot);
        host
    }

    pub(super) fn second(&mut self, packets: u64, vantages: &[Vantage]) -> &Rates {
        self.snapshot.at += Duration::from_secs(1);
        let sent = self.snapshot.proc.tcp_out_segs.get_or_insert(0);
        *sent += packets;
        for vantage in vantages {
            self.snapshot.vantages.of_mut(*vantage).ingress.mdns_packets += packets;
        }
        self.rates.push(&self.snapshot);
        &self.rates
    }
}

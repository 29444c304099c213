//! What the tests of this folder share: a detector that is easy to reckon with
//! and a host whose traffic is a script.

use std::time::Duration;

use super::Board;
use crate::{
    detect::{Detector, Verdict, Watch, named},
    rates::{Rates, VantageRates, Window},
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
        let moved = rates.received(Window::last(1), |tally| tally.mdns_packets) as f64;
        Verdict {
            statistic: moved,
            warning: moved / self.0,
            critical: moved / (self.0 * 10.0),
            detail: format!("{moved} in 1 s"),
        }
    }
}

pub(super) fn board(names: &[&'static str], warning: f64) -> Board {
    Board::new(detectors(names, warning))
}

pub(super) fn detectors(names: &[&'static str], warning: f64) -> Vec<Box<dyn Detector>> {
    names.iter().map(|name| named(name, Mdns(warning))).collect()
}

/// A host on which every second some mDNS packets arrive at each vantage.
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
        for vantage in vantages {
            self.snapshot.vantages.of_mut(*vantage).ingress.mdns_packets += packets;
        }
        self.rates.push(&self.snapshot);
        &self.rates
    }
}

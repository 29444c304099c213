//! What the tests of this folder share: a detector that is easy to reckon with
//! and a host whose traffic is a script.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use super::{Board, Transition};
use crate::{
    config::Exemption,
    detect::{Detector, Verdict, Watch, exempting, named},
    party::Party,
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
    Verdict::of_count(moved, watch.thresholds(), by.to_owned()).because([("packets", moved)])
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

/// Says what it is told to say: of each workload a count of packets. It warns at 10 and is
/// critical at 100, within a second.
struct Told(Arc<Mutex<Vec<Verdict>>>);

impl Watch for Told {
    const HOST: &'static [&'static [Signal]] = &[&[Signal::KernelCounters]];
    const SPAN: Duration = Duration::from_secs(1);
    const WARM_UP: Duration = Duration::from_secs(5);

    fn thresholds(&self) -> [f64; 2] {
        [10.0, 100.0]
    }

    fn judge_each(&self, _rates: &HostRates<'_>) -> Vec<Verdict> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A host of which a detector says what a test wants.
pub(super) struct Stage {
    pub(super) board: Board,
    host: Host,
    told: Arc<Mutex<Vec<Verdict>>>,
}

/// What is said of a subject: its name and the count.
pub(super) type Said<'a> = (&'a str, u64);

impl Stage {
    pub(super) fn new(exempt: Vec<Exemption>, change: impl Fn(Board) -> Board) -> Self {
        let told = Arc::default();
        let detector = exempting("syn_flood", Told(Arc::clone(&told)), exempt);
        let board = change(Board::new(vec![detector]));
        Self { board, host: Host::new(), told }
    }

    /// Another detector of the same kind.
    pub(super) fn detector(&self, exempt: Vec<Exemption>) -> Vec<Box<dyn Detector>> {
        vec![exempting("syn_flood", Told(Arc::clone(&self.told)), exempt)]
    }

    /// One second in which this is said.
    pub(super) fn second(&mut self, said: &[Said<'_>]) -> Vec<Transition> {
        let verdicts = said.iter().map(|(name, count)| {
            let verdict = Verdict::of_count(*count, [10.0, 100.0], format!("{count} packets"));
            match *name {
                "" => verdict,
                name => verdict.about(Party::Workload(name.to_owned())),
            }
        });
        let verdicts =
            if said.is_empty() { vec![Verdict::quiet([10.0, 100.0])] } else { verdicts.collect() };
        self.verdicts(verdicts)
    }

    /// One second with these verdicts.
    pub(super) fn verdicts(&mut self, verdicts: Vec<Verdict>) -> Vec<Transition> {
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) = verdicts;
        self.board.judge(self.host.second(0, &[]), |_, _| true)
    }

    /// What a second like this does, as `word subject severity`.
    pub(super) fn events(&mut self, said: &[Said<'_>]) -> Vec<String> {
        self.second(said).iter().map(words).collect()
    }
}

/// A transition in words.
pub(super) fn words(transition: &Transition) -> String {
    let word = match transition {
        Transition::Raised(_) => "raised",
        Transition::Cleared(_) => "cleared",
        Transition::Suppressed(_, reason) => reason.label(),
    };
    let flag = transition.flag();
    format!("{word} {} {}", flag.subject(), flag.severity.label())
}

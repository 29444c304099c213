//! netmon checked against the kernel: what its programs counted, compared with
//! counters that the kernel keeps by itself.
//!
//! Pure: snapshots come in, findings go out. A check compares two snapshots that have
//! [`References`]. It is bad when the difference is more than 0.1 % of the kernel's
//! figure and more than what may be under way at one moment. After three bad checks in a row a signal is contradicted, until a good one.
//! docs/audit.md says what may differ, and why.

mod packets;
mod range;
mod stack;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod trial;

use std::{collections::BTreeMap, sync::Arc};

use netmon_common::abi::labels::Direction;

use self::{
    packets::{BYTES_SLACK, Between, Found, PACKETS_SLACK},
    range::{Outcome, Range},
    stack::PAIRS,
};
use crate::{
    signal::Signal,
    snapshot::{Device, References, Snapshot, Vantage},
};

/// After how many bad checks in a row a signal is contradicted.
pub const BAD_CHECKS: u32 = 3;

const PACKETS: &str = "packets";
const BYTES: &str = "bytes";
const SOFTNET: &str = "softnet";

/// What the checks of one comparison found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Finding {
    /// The name of the comparison.
    pub name: &'static str,
    /// What the last check could not explain, as a part of the kernel's figure; none
    /// before the first check.
    pub difference: Option<f64>,
    /// What could not be explained in all: packets, bytes or events.
    pub unexplained: u64,
    bad_checks: u32,
}

/// A signal became contradicted, or is no longer.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// What was compared.
    pub name: &'static str,
    /// The device, where it is about one.
    pub device: Option<String>,
    /// Whether netmon and the kernel contradict each other.
    pub contradicted: bool,
    /// By how much, in the last check.
    pub unexplained: u64,
    /// The kernel's figure in the last check.
    pub kernel: u64,
}

/// The checks so far.
#[derive(Clone, Debug)]
pub struct Audit {
    last: Option<Arc<Snapshot>>,
    findings: Vec<Finding>,
    /// By index.
    devices: BTreeMap<u32, Streak>,
}

/// Bad checks of a device in a row.
#[derive(Clone, Copy, Debug, Default)]
struct Streak {
    bad_checks: u32,
    /// In which direction they were bad: a driver whose figures are late is behind in
    /// one check and ahead in the next.
    too_many: bool,
    vantage: Option<Vantage>,
}

impl Default for Audit {
    fn default() -> Self {
        let names = [PACKETS, BYTES, SOFTNET].into_iter().chain(PAIRS.iter().map(|it| it.name));
        let findings = names
            .map(|name| Finding { name, difference: None, unexplained: 0, bad_checks: 0 })
            .collect();
        Self { last: None, findings, devices: BTreeMap::new() }
    }
}

impl Audit {
    /// Checks a snapshot against the one that was checked before it; one without
    /// references changes nothing.
    pub fn observe(&mut self, snapshot: &Arc<Snapshot>) -> Vec<Verdict> {
        let Some(now) = &snapshot.references else { return Vec::new() };
        let last = self.last.replace(Arc::clone(snapshot));
        let Some(last) = last else { return Vec::new() };
        let Some(before) = &last.references else { return Vec::new() };
        let (snapshots, references) = ([&*last, &**snapshot], [&**before, &**now]);
        let mut verdicts = Vec::new();
        for pair in &PAIRS {
            if let Some(outcome) = pair.check(snapshots, references) {
                verdicts.extend(self.note(pair.name, outcome, stack::SLACK));
            }
        }
        if let Some(outcome) = softnet(snapshots, references) {
            verdicts.extend(self.note(SOFTNET, outcome, PACKETS_SLACK));
        }
        self.check_devices(snapshots, references, &mut verdicts);
        verdicts
    }

    /// What the checks found, by comparison.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Whether the kernel contradicts what netmon says of a signal, packets at a
    /// vantage or, without one, anywhere.
    pub fn contradicts(&self, signal: Signal, vantage: Option<Vantage>) -> bool {
        let is_bad = |name: &str| {
            self.findings.iter().any(|it| it.name == name && it.bad_checks >= BAD_CHECKS)
        };
        if signal == Signal::Packets {
            let at = |of: Option<Vantage>| vantage.is_none() || of == vantage;
            return is_bad(SOFTNET)
                || self.devices.values().any(|it| it.bad_checks >= BAD_CHECKS && at(it.vantage));
        }
        PAIRS.iter().any(|pair| pair.signals.contains(&signal) && is_bad(pair.name))
    }

    fn check_devices(
        &mut self,
        [earlier, later]: [&Snapshot; 2],
        references: [&References; 2],
        verdicts: &mut Vec<Verdict>,
    ) {
        let mut sums = [None::<Outcome>; 2];
        let mut excess = [0_u64; 2];
        let mut devices = BTreeMap::new();
        for device in &later.devices {
            let was = self.devices.get(&device.ifindex).copied().unwrap_or_default();
            let mut now = Streak { vantage: device.vantage, ..was };
            let Some(found) = check_device(device, [earlier, later], references) else {
                devices.insert(device.ifindex, now);
                continue;
            };
            let mut bad = None;
            for Found { packets, bytes } in found {
                for (at, outcome, slack) in
                    [(0, Some(packets), PACKETS_SLACK), (1, bytes, BYTES_SLACK)]
                {
                    let Some(outcome) = outcome else { continue };
                    sums[at].get_or_insert_default().add(outcome);
                    if outcome.is_bad(slack) {
                        excess[at] = excess[at].saturating_add(outcome.unexplained);
                        bad = bad.or(Some((at, outcome)));
                    }
                }
            }
            let (at, outcome) = bad.unwrap_or_default();
            now.bad_checks = match bad {
                None => 0,
                Some(_) if was.too_many != outcome.too_many => 1,
                Some(_) => was.bad_checks.saturating_add(1),
            };
            now.too_many = outcome.too_many;
            devices.insert(device.ifindex, now);
            if (was.bad_checks >= BAD_CHECKS) != (now.bad_checks >= BAD_CHECKS) {
                verdicts.push(Verdict {
                    name: if at == 0 { PACKETS } else { BYTES },
                    device: Some(device.name.clone()),
                    contradicted: now.bad_checks >= BAD_CHECKS,
                    unexplained: outcome.unexplained,
                    kernel: outcome.kernel,
                });
            }
        }
        self.devices = devices;
        for (name, sum, excess) in [(PACKETS, sums[0], excess[0]), (BYTES, sums[1], excess[1])] {
            let finding = self.findings.iter_mut().find(|finding| finding.name == name);
            if let Some((finding, sum)) = finding.zip(sum) {
                finding.difference = Some(sum.ratio());
                finding.unexplained = finding.unexplained.saturating_add(excess);
            }
        }
    }

    /// Takes note of what a check found; a verdict where it changes one.
    fn note(&mut self, name: &'static str, outcome: Outcome, slack: u64) -> Option<Verdict> {
        let finding = self.findings.iter_mut().find(|finding| finding.name == name)?;
        finding.difference = Some(outcome.ratio());
        let was_bad = finding.bad_checks;
        let is_bad = outcome.is_bad(slack);
        if is_bad {
            finding.unexplained = finding.unexplained.saturating_add(outcome.unexplained);
            finding.bad_checks = was_bad.saturating_add(1);
        } else {
            finding.bad_checks = 0;
        }
        let contradicted = finding.bad_checks >= BAD_CHECKS;
        (contradicted != (was_bad >= BAD_CHECKS)).then_some(Verdict {
            name,
            device: None,
            contradicted,
            unexplained: outcome.unexplained,
            kernel: outcome.kernel,
        })
    }
}

/// Checks a device in both directions. None where there is nothing to compare with:
/// it came in between, is a stack of others, or was not counted all the time.
fn check_device(
    device: &Device,
    [earlier, later]: [&Snapshot; 2],
    references: [&References; 2],
) -> Option<[Found; 2]> {
    let was = earlier.devices.iter().find(|it| it.ifindex == device.ifindex)?;
    device.vantage.filter(|_| was.vantage == device.vantage)?;
    if device.counting.is_err() || was.counting.is_err() {
        return None;
    }
    let [earlier_driver, later_driver] = references.map(|references| {
        let both = [&references.before, &references.after];
        let [before, after] = both.map(|reference| reference.devices.get(&device.ifindex));
        Some([before?, after?])
    });
    let drivers = [earlier_driver?, later_driver?];
    let check = |direction| {
        let tallies = [was.traffic.of(direction), device.traffic.of(direction)];
        packets::check(direction, tallies, drivers, Between::of(direction, earlier, later))
    };
    Some([check(Direction::Ingress)?, check(Direction::Egress)?])
}

/// Every received packet passed a CPU: those of all namespaces, so there may be more
/// of them, and never less.
fn softnet(
    [earlier, later]: [&Snapshot; 2],
    [earlier_kernel, later_kernel]: [&References; 2],
) -> Option<Outcome> {
    if !earlier.sources.has(Signal::Packets) || !later.sources.has(Signal::Packets) {
        return None;
    }
    let read = |references: &References| {
        let both = [&references.before.counters, &references.after.counters];
        let [before, after] = both.map(|counters| counters.softnet_processed);
        Some([before?, after?])
    };
    let processed = Range::between(read(earlier_kernel)?, read(later_kernel)?);
    let buffers = later.devices.iter().filter_map(|device| {
        let was = earlier.devices.iter().find(|it| it.ifindex == device.ifindex)?;
        device.traffic.ingress.packets().checked_sub(was.traffic.ingress.packets())?;
        let tally = device.traffic.ingress.since(&was.traffic.ingress);
        Some(i128::from(tally.packets()) - i128::from(tally.merged_packets))
    });
    Some(processed.widened(processed.least, 0).judge(buffers.sum(), processed))
}

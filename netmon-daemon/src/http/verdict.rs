//! The state of the host in one line, for `/` and `/-/ready`.

use std::time::Duration;

use netmon_common::{abi::labels::Direction, reject::Reject};

use crate::{
    detect::Severity,
    snapshot::{Device, Vantage},
    view::View,
};

/// How it looks, worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Tone {
    Good,
    Unsure,
    Warning,
    Critical,
}

impl Tone {
    /// The word that stands beside the colour.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Good => "OK",
            Self::Unsure => "Unsure",
            Self::Warning => "Warning",
            Self::Critical => "Critical",
        }
    }

    /// The class of the colour.
    pub(super) const fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Unsure => "unsure",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

impl From<Severity> for Tone {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Warning => Self::Warning,
            Severity::Critical => Self::Critical,
        }
    }
}

/// The state of the host in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) tone: Tone,
    pub(super) title: String,
    /// What to know beside it; each is a sentence.
    pub(super) notes: Vec<String>,
}

/// What must happen before packets are counted; none when they are.
pub(super) fn missing(view: Option<&View>) -> Option<String> {
    let Some(view) = view else {
        return Some("the kernel's counters were not read yet".to_owned());
    };
    if view.hooks.iter().any(|hook| hook.mechanism.is_some()) {
        return uncounted(&view.snapshot.devices);
    }
    let why: Vec<String> = view
        .hooks
        .iter()
        .filter_map(|hook| Some(format!("{} ({})", hook.program, hook.refused.first()?.why)))
        .collect();
    Some(if why.is_empty() {
        "no program is attached".to_owned()
    } else {
        format!("no program is attached: {}", why.join(", "))
    })
}

/// Why no packet is counted though there are programs; none when one is.
fn uncounted(devices: &[Device]) -> Option<String> {
    if devices.is_empty() {
        return Some("no device matches interfaces.include and not interfaces.exclude".to_owned());
    }
    let why =
        |device: &Device| Some(format!("{} ({})", device.name, device.counting.as_ref().err()?));
    let why: Option<Vec<String>> = devices.iter().map(why).collect();
    why.map(|why| format!("no device is counted: {}", why.join(", ")))
}

/// Judges a view; `stale` is its age where it should long have been replaced.
pub(super) fn judge(view: Option<&View>, stale: Option<Duration>) -> Verdict {
    let unsure = |title: String| Verdict { tone: Tone::Unsure, title, notes: Vec::new() };
    let Some(view) = view else {
        return unsure("Starting: nothing was counted yet".to_owned());
    };
    if let Some(age) = stale {
        let mut verdict = unsure(format!("Blind: last counted {} s ago", age.as_secs()));
        verdict.notes.push("The counters should be read every tick. See the log.".to_owned());
        return verdict;
    }
    if let Some(missing) = missing(Some(view)) {
        return unsure(format!("Blind: {missing}"));
    }
    // What is silenced is listed, and worries nobody.
    let active = view.red_flags.iter().filter(|flag| flag.active && !flag.silenced);
    let count = active.clone().count();
    let silenced = view.red_flags.iter().filter(|flag| flag.active && flag.silenced).count();
    let blind: Vec<&str> = view
        .detectors
        .iter()
        .filter(|status| !status.trusted)
        .map(|status| status.detector)
        .collect();
    let mut notes = Vec::new();
    if !blind.is_empty() {
        notes.push(format!("These cannot see all that they judge: {}.", blind.join(", ")));
    }
    let uncounted = view.snapshot.devices.iter().filter(|device| device.counting.is_err()).count();
    if uncounted > 0 {
        notes.push(format!("{} not counted.", plural(uncounted, "interface is", "interfaces are")));
    }
    let lost = view.hooks.iter().filter(|hook| hook.mechanism.is_none()).count();
    if lost > 0 {
        notes.push(format!("{} not attached.", plural(lost, "hook is", "hooks are")));
    }
    if !view.pulse.reload_ok {
        notes.push("The last change of the configuration was refused; see the log.".to_owned());
    }
    let silenced = (silenced > 0)
        .then(|| format!("{} silenced.", plural(silenced, "red flag is", "red flags are")));
    if let Some(worst) = active.clone().map(|flag| Tone::from(flag.severity)).max() {
        let critical = active.filter(|flag| flag.severity == Severity::Critical).count();
        let mut title = plural(count, "red flag", "red flags");
        if critical > 0 {
            title = format!("{title}, {critical} critical");
        }
        notes.extend(silenced);
        return Verdict { tone: worst, title, notes };
    }
    if !view.detectors.is_empty() && blind.len() == view.detectors.len() {
        return Verdict { notes, ..unsure("Blind: no detector can see".to_owned()) };
    }
    if notes.is_empty() {
        let interfaces = plural(view.snapshot.devices.len(), "interface", "interfaces");
        let detectors = plural(view.detectors.len(), "detector", "detectors");
        notes.push(format!("{interfaces} counted, {detectors} quiet."));
        notes.extend(silenced);
        return Verdict { tone: Tone::Good, title: "Healthy".to_owned(), notes };
    }
    notes.extend(silenced);
    Verdict { notes, ..unsure("No red flags, but not all is seen".to_owned()) }
}

/// What devices dropped and what could not be classed, in packets; only what
/// is not 0.
pub(super) fn losses(view: &View) -> Vec<(String, u64)> {
    let dropped = view.snapshot.devices.iter().map(|device| {
        let drops = &device.drops;
        let sum = [
            drops.ingress_driver,
            drops.ingress_fifo,
            drops.ingress_missed,
            drops.egress_driver,
            drops.egress_fifo,
        ];
        (format!("Dropped by {}", device.name), sum.into_iter().fold(0, u64::wrapping_add))
    });
    let rejected = Reject::ALL.iter().map(|reason| {
        let sum = Vantage::ALL
            .into_iter()
            .map(|vantage| view.snapshot.vantages.of(vantage))
            .flat_map(|traffic| Direction::ALL.iter().map(|way| traffic.of(*way)))
            .filter_map(|tally| tally.rejected_packets.get(reason.index()))
            .fold(0, |sum: u64, packets| sum.wrapping_add(*packets));
        (format!("Rejected: {}", reason.label()), sum)
    });
    dropped.chain(rejected).filter(|(_, packets)| *packets > 0).collect()
}

/// A number and its noun.
fn plural(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::SystemTime};

    use super::*;
    use crate::{
        redflag::{RedFlag, Status, SuppressReason},
        snapshot::{Drops, Load, Snapshot, Traffic},
        view::{HookHealth, Pulse},
    };

    fn device(name: &str, counting: Result<(), &str>) -> Device {
        Device {
            name: name.to_owned(),
            ifindex: 2,
            up: true,
            speed: None,
            vantage: Some(Vantage::Boundary),
            counting: counting.map_err(str::to_owned),
            listed: false,
            flaps: 0,
            drops: Drops::default(),
            traffic: Traffic::ZERO,
            load: Load::default(),
        }
    }

    fn view(mechanism: Option<&'static str>, trusted: bool, flags: &[(Severity, bool)]) -> View {
        let now = SystemTime::UNIX_EPOCH;
        let flag = |(severity, active): &(Severity, bool)| RedFlag {
            detector: "syn_flood",
            severity: *severity,
            active: *active,
            ..RedFlag::EMPTY
        };
        View {
            snapshot: Arc::new(Snapshot {
                devices: vec![device("eth0", Ok(()))],
                ..Snapshot::empty(Duration::ZERO)
            }),
            device_rates: Vec::new(),
            audit: Vec::new(),
            trusted: Vec::new(),
            red_flags: flags.iter().map(flag).collect(),
            detectors: vec![Status {
                detector: "syn_flood",
                score: 0.0,
                thresholds: [1.0; 2],
                trusted,
                active: [false; 2],
                raised: [0; 2],
                suppressed: [0; SuppressReason::COUNT],
                last_raised: None,
            }],
            hooks: vec![HookHealth {
                program: "netmon_ingress",
                measures: "packets",
                feeds: &[],
                mechanism,
                refused: Vec::new(),
                verified_instructions: None,
                run: None,
                missed: None,
            }],
            maps: Vec::new(),
            pulse: Pulse::new(now),
        }
    }

    #[test]
    fn a_device_must_be_counted() {
        let cases: [(Vec<Device>, Option<&str>); 4] = [
            (vec![], Some("no device matches interfaces.include and not interfaces.exclude")),
            (vec![device("a", Ok(())), device("b", Err("gone"))], None),
            (vec![device("a", Err("gone"))], Some("no device is counted: a (gone)")),
            (
                vec![device("a", Err("gone")), device("b", Err("full"))],
                Some("no device is counted: a (gone), b (full)"),
            ),
        ];
        for (devices, expected) in cases {
            let mut view = view(Some("tcx"), true, &[]);
            view.snapshot = Arc::new(Snapshot { devices, ..Snapshot::empty(Duration::ZERO) });
            assert_eq!(missing(Some(&view)).as_deref(), expected);
        }
    }

    #[test]
    fn the_worst_that_is_known_comes_first() {
        use Severity::{Critical, Warning};
        let tcx = Some("tcx");
        let cases = [
            (view(tcx, true, &[]), None, Tone::Good, "Healthy"),
            (view(tcx, true, &[(Critical, false)]), None, Tone::Good, "Healthy"),
            (view(tcx, true, &[(Warning, true)]), None, Tone::Warning, "1 red flag"),
            (
                view(tcx, false, &[(Warning, true), (Critical, true)]),
                None,
                Tone::Critical,
                "2 red flags, 1 critical",
            ),
            (view(tcx, false, &[]), None, Tone::Unsure, "Blind: no detector can see"),
            (view(None, true, &[]), None, Tone::Unsure, "Blind: no program is attached"),
            // What was seen long ago says nothing about now.
            (
                view(tcx, true, &[(Critical, true)]),
                Some(9),
                Tone::Unsure,
                "Blind: last counted 9 s ago",
            ),
        ];
        for (view, stale, tone, title) in cases {
            let verdict = judge(Some(&view), stale.map(Duration::from_secs));
            assert_eq!((verdict.tone, verdict.title.as_str()), (tone, title));
        }
        assert_eq!(judge(None, None).title, "Starting: nothing was counted yet");
        let mut silenced = view(tcx, true, &[(Critical, true)]);
        silenced.red_flags[0].silenced = true;
        let verdict = judge(Some(&silenced), None);
        assert_eq!((verdict.tone, verdict.title.as_str()), (Tone::Good, "Healthy"));
        assert_eq!(verdict.notes.last().map(String::as_str), Some("1 red flag is silenced."));
    }
}

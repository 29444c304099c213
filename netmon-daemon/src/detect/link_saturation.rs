//! Lines that carry all that they can: for minutes, or again and again for a moment in
//! which packets are lost.
//!
//! Every device is judged by itself and by the fuller of its directions.

use std::time::Duration;

use super::{Verdict, Watch};
use crate::{
    config::section::section,
    party::Party,
    redflag::CLEAR_BELOW,
    rates::{HostRates, Line, Window},
    signal::Signal,
};

section! {
    /// Lines that are full: over five minutes, or in bursts that lose packets.
    ///
    /// The bytes of five minutes against the speed of the device, which its driver
    /// reports or `speeds` in `[interfaces]` says; or windows of 100 ms that are at least
    /// 95 % full, several within a minute in which the device dropped packets of the same
    /// direction. A download at line rate needs more than four minutes to be noticed, and
    /// one that lasts longer is a full line, whatever it carries. Devices whose speed is
    /// not known are not judged, nor those whose driver makes one up (veth, tun); a
    /// capture does not tell the speed. Bytes are those of frames without the gap between
    /// them: a line full of 1,500-byte packets reads 98 %, one full of the smallest 71 %.
    /// Known false positives: backups and replication that are meant to fill the line for
    /// hours.
    pub struct Config {
        /// Whether to judge at all.
        enabled: bool = true;
        /// Share of the speed over 5 minutes for a warning.
        warning: f64 = 0.85, in 0.01..=1.0;
        /// Share of the speed over 5 minutes for a critical flag.
        critical: f64 = 0.9, in 0.01..=1.0;
        /// Share of the speed over 5 minutes below which a flag is cleared.
        clear: f64 = 0.7, in 0.01..=1.0;
        /// Full windows of 100 ms in 60 seconds in which packets are dropped, for a warning.
        peaks: f64 = 10.0, in 1.0..=600.0;
    }
}

const WINDOW: Window = Window::last(300);
const MINUTE: Window = Window::last(60);

/// How many devices are spoken of at most.
const NAMED: usize = 8;

impl Watch for Config {
    const HOST: &'static [&'static [Signal]] = &[&[Signal::Packets]];
    const SPAN: Duration = WINDOW.span;

    fn thresholds(&self) -> [f64; 2] {
        [self.warning, self.critical]
    }

    fn judge_each(&self, rates: &HostRates<'_>) -> Vec<Verdict> {
        let mut verdicts: Vec<_> = rates.lines().map(|line| self.judge_line(&line)).collect();
        verdicts.sort_by(|one, other| other.warning.total_cmp(&one.warning));
        verdicts.truncate(NAMED);
        verdicts
    }
}

impl Config {
    fn judge_line(&self, line: &Line<'_>) -> Verdict {
        let ((minutes, time), (minute, _)) = (line.moved(WINDOW), line.moved(MINUTE));
        let sides = ["received", "sent"].into_iter().zip(minutes.bytes);
        let sides = sides.zip(minute.full).zip(minute.dropped);
        let verdicts = sides.map(|(((side, bytes), full), dropped)| {
            self.by_use(line, side, bytes, time).or_worse(self.by_peaks(line, side, [full, dropped]))
        });
        let worst = verdicts.reduce(Verdict::or_worse);
        let verdict = worst.unwrap_or_else(|| Verdict::quiet(self.thresholds()));
        verdict.about(Party::Device(line.name().to_owned()))
    }

    /// Judges how much was used of five minutes, whether or not all of them were watched.
    fn by_use(&self, line: &Line<'_>, side: &str, bytes: u64, time: Duration) -> Verdict {
        let capacity = line.limit() as f64 * WINDOW.span.max(time).as_secs_f64();
        let used = bytes as f64 / capacity;
        Verdict {
            statistic: used,
            thresholds: self.thresholds(),
            warning: self.score(used, self.warning),
            critical: self.score(used, self.critical),
            detail: format!(
                "{:.0} % of the speed of {} {side} over 5 minutes",
                used * 100.0,
                line.name()
            ),
            ..Verdict::blind()
        }
        .because([("bytes", bytes), ("speed_bytes_per_second", line.limit())])
    }

    /// Judges moments at which the line was full and the device dropped.
    fn by_peaks(&self, line: &Line<'_>, side: &str, [full, dropped]: [u64; 2]) -> Verdict {
        let detail = format!(
            "{full} windows of 100 ms full and {dropped} packets dropped in 60 s, {side} by {}",
            line.name()
        );
        let lossy = if dropped > 0 { f64::MAX } else { 0.0 };
        Verdict::of_count(full, [self.peaks, f64::INFINITY], detail)
            .because([("full_windows", full), ("dropped_packets", dropped)])
            .only_if(lossy)
    }

    /// A share against its threshold: 1 there, and where a flag is to be cleared what the
    /// board takes for calm.
    fn score(&self, used: f64, threshold: f64) -> f64 {
        if used < self.clear {
            return CLEAR_BELOW * used / self.clear;
        }
        let above = (used - self.clear) / (threshold - self.clear);
        if threshold > self.clear {
            CLEAR_BELOW + (1.0 - CLEAR_BELOW) * above
        } else {
            used / threshold
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        detect::{
            Severity,
            trial::{Script, raised},
        },
        redflag::RedFlag,
        snapshot::{Device, Drops, Load, Snapshot, Traffic, Vantage},
    };

    const SEEN: &[Signal] = &[Signal::Packets];
    const LIMIT: u64 = 1_000_000;

    /// A second in which a device uses so many percent of its line in one direction, has
    /// so many full windows in it, and drops so many packets.
    fn second(
        limit: Option<u64>,
        [percent, full, drops]: [u64; 3],
        name: &'static str,
    ) -> impl Fn(&mut Snapshot) {
        move |snapshot| {
            if !snapshot.devices.iter().any(|device| device.name == name) {
                snapshot.devices.push(device(name));
            }
            for device in snapshot.devices.iter_mut().filter(|device| device.name == name) {
                device.load.limit = limit;
                device.traffic.egress.packet_size_bytes.sum += LIMIT / 100 * percent;
                device.load.full[1] += full;
                device.drops.egress_fifo += drops;
                // What happens in the other direction is no evidence.
                device.drops.ingress_missed += 7;
            }
        }
    }

    fn device(name: &str) -> Device {
        Device {
            name: name.to_owned(),
            ifindex: u32::from(name.as_bytes()[0]),
            up: true,
            speed: None,
            vantage: Some(Vantage::Boundary),
            counting: Ok(()),
            listed: false,
            flaps: 0,
            drops: Drops::default(),
            traffic: Traffic::ZERO,
            load: Load::default(),
        }
    }

    fn eth0(figures: [u64; 3]) -> impl Fn(&mut Snapshot) {
        second(Some(LIMIT), figures, "eth0")
    }

    #[test]
    fn full_lines() {
        let (warning, critical) = (Some(Severity::Warning), Some(Severity::Critical));
        let cases: &[(&str, Script<'_>, Option<Severity>)] = &[
            ("silence", &[(400, &eth0([0, 0, 0]))], None),
            ("four minutes of a download", &[(1, &eth0([0; 3])), (240, &eth0([100, 10, 0]))], None),
            ("five minutes of it", &[(1, &eth0([0; 3])), (300, &eth0([100, 10, 0]))], critical),
            ("84 %", &[(900, &eth0([84, 0, 0]))], None),
            ("87 %", &[(400, &eth0([87, 0, 0]))], warning),
            ("91 %", &[(400, &eth0([91, 0, 0]))], critical),
            ("downloads with pauses", &[(1, &eth0([0; 3])), (200, &eth0([100, 10, 0])),
                (200, &eth0([30, 0, 0])), (200, &eth0([100, 10, 0]))], None),
            ("bursts without a loss", &[(300, &eth0([20, 2, 0]))], None),
            ("bursts with losses", &[(60, &eth0([20, 2, 0])), (1, &eth0([20, 1, 1]))], warning),
            ("nine bursts", &[(61, &eth0([20, 0, 0])), (1, &eth0([20, 9, 1])),
                (60, &eth0([0; 3]))], None),
            ("losses without a burst", &[(300, &eth0([20, 0, 50]))], None),
            ("nobody knows the speed", &[(900, &second(None, [100, 10, 9], "eth0"))], None),
        ];
        for (name, script, expected) in cases {
            let flags = raised(Config::default(), SEEN, script);
            assert_eq!(flags.iter().map(|flag| flag.severity).max(), *expected, "{name}");
            let subject = flags.first().map(RedFlag::subject);
            assert_eq!(subject, expected.map(|_| "eth0"), "{name}");
        }
    }

    #[test]
    fn a_device_that_becomes_known_late_has_no_past() {
        // A speed that a reload brings speaks of what is remembered, a device that
        // appears only of what it did since.
        let unknown = second(None, [90, 0, 0], "eth0");
        let script: Script<'_> = &[(400, &unknown), (1, &eth0([90, 0, 0]))];
        assert_eq!(raised(Config::default(), SEEN, script).len(), 1);
        let late = |snapshot: &mut Snapshot| {
            let mut device = device("late");
            device.load.limit = Some(LIMIT);
            device.traffic.egress.packet_size_bytes.sum = LIMIT * 1000;
            snapshot.devices.push(device);
        };
        let script: Script<'_> = &[(9, &|_| {}), (1, &late), (100, &|_| {})];
        assert_eq!(raised(Config::default(), SEEN, script), []);
    }

    #[test]
    fn a_flag_is_cleared_at_70_percent() {
        let config = Config::default();
        for (used, score) in
            [(0.0, 0.0), (0.35, 0.35), (0.7, 0.7), (0.775, 0.85), (0.85, 1.0), (1.0, 1.3)]
        {
            let found = config.score(used, config.warning);
            assert!((found - score).abs() < 1e-9, "{used}: {found}");
        }
        let odd = Config { clear: 0.9, ..config };
        assert!(odd.score(0.9, 0.85) > 1.0, "a clearing share above the threshold is harmless");
        let busy = eth0([95, 0, 0]);
        for (percent, active) in [(69, false), (72, true)] {
            let calm = eth0([percent, 0, 0]);
            let script: Script<'_> = &[(320, &busy), (1000, &calm)];
            let flags = raised(Config::default(), SEEN, script);
            assert_eq!(flags.iter().any(|flag| flag.active), active, "{percent} %");
        }
    }

    #[test]
    fn every_device_is_judged_by_itself() {
        let (full, idle) = (eth0([95, 0, 0]), second(Some(LIMIT), [10, 0, 0], "wan0"));
        let both = |snapshot: &mut Snapshot| {
            full(snapshot);
            idle(snapshot);
        };
        let flags = raised(Config::default(), SEEN, &[(300, &both)]);
        let found: Vec<_> = flags.iter().map(|flag| (flag.subject(), &*flag.detail)).collect();
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].0, "eth0");
        assert!(found[0].1.ends_with("% of the speed of eth0 sent over 5 minutes"), "{found:?}");
    }
}

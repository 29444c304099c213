//! Connections that take long to open: requests or answers are lost, or the peer is
//! far slower than it used to be.
//!
//! Every timed service is judged by itself, and both ends apart: what this host asks
//! for, and what it answers.

use std::time::Duration;

use netmon_common::abi::{
    labels::Role,
    native::{FIRST_INDEX, NATIVE_BUCKETS, SCHEMA, native_index},
};

use super::{
    Verdict, Watch, confirm,
    share::{lasting, proven_share, share},
};
use crate::{
    config::section::section,
    rates::{Health, HostRates, Window},
    signal::Signal,
};

section! {
    /// TCP handshakes that take long, by service.
    ///
    /// Of the handshakes within five minutes, the share that took more than a second,
    /// because a request or an answer was lost, as far as it is proven (Wilson score,
    /// 95 %) and lasting: a minute of loss raises nothing. Or the time that 95 % stay
    /// below: a warning when in each of the last three minutes it was several times
    /// what it was from the start of netmon until then. In a replay the handshakes
    /// that the capture shows are judged. Known false positive: clients far away that
    /// come all at once.
    pub struct Config {
        /// Whether to judge at all.
        enabled: bool = true;
        /// Share of handshakes that take more than a second, for a warning.
        warning: f64 = 0.01, in 0.0001..=0.999;
        /// Share of handshakes that take more than a second, for a critical flag.
        critical: f64 = 0.05, in 0.0001..=0.999;
        /// Least handshakes of one service in 5 minutes.
        handshakes: f64 = 50.0, in 1.0..=1e12;
        /// How many times as long as before is too long.
        factor: f64 = 3.0, in 1.0..=1e6;
        /// Milliseconds below which nothing is too long.
        milliseconds: f64 = 100.0, in 1.0..=1e6;
    }
}

const WINDOW: Window = Window::last(300);
/// The minutes that must all have been slow.
const MINUTES: [Window; 3] = [Window::last(60), Window::before(60, 60), Window::before(60, 120)];
/// How long ago the first of them began.
const BEFORE: Duration = Duration::from_secs(180);
/// Least handshakes in each of them, and before them: a twentieth of fewer is less
/// than one.
const LEAST: u64 = 20;
const LEAST_BEFORE: u64 = 100;
/// Whoever takes longer than this lost a segment: it is the time after which Linux
/// sends a request again.
const SEGMENT_LOST: u64 = 1_000_000_000;

/// Handshakes in native buckets.
type Buckets = [u64; NATIVE_BUCKETS];

impl Watch for Config {
    const HOST: &'static [&'static [Signal]] =
        &[&[Signal::Handshakes], &[Signal::ForwardedHandshakes]];
    const SPAN: Duration = WINDOW.span;

    fn thresholds(&self) -> [f64; 2] {
        [self.warning, self.critical]
    }

    fn judge_each(&self, rates: &HostRates<'_>) -> Vec<Verdict> {
        let services = 0..rates.names().services.len();
        let timed = services.flat_map(|at| Role::ALL.iter().map(move |role| Timed { at, role: *role }));
        let verdicts: Vec<Verdict> = timed
            .map(|timed| {
                let verdict =
                    self.judge_losses(rates, timed).or_worse(self.judge_times(rates, timed));
                verdict.at_service(timed.service(rates))
            })
            .collect();
        if verdicts.is_empty() { vec![Verdict::blind()] } else { verdicts }
    }

    fn confirm(&self, verdict: &Verdict) -> String {
        confirm::sockets("-tno", "state syn-sent", verdict)
    }
}

/// One end of the connections of one service.
#[derive(Clone, Copy)]
struct Timed {
    /// Its place among the services.
    at: usize,
    role: Role,
}

impl Timed {
    fn of(self, health: &Health) -> Option<&Buckets> {
        health.handshakes(self.at, self.role)
    }

    /// Handshakes in a window that took more than a second, and all.
    fn lost(self, rates: &HostRates<'_>, window: Window) -> [u64; 2] {
        let from = |first: usize| {
            rates.moved(window, |health| {
                let buckets = self.of(health).into_iter().flatten().skip(first);
                buckets.fold(0, |sum, count| sum.wrapping_add(*count))
            })
        };
        [from(native_index(SEGMENT_LOST) + 1), from(0)]
    }

    /// Handshakes in a window.
    fn within(self, rates: &HostRates<'_>, window: Window) -> Option<Buckets> {
        let [before, after] = rates.ends(window)?;
        let mut buckets = *self.of(after)?;
        for (count, earlier) in buckets.iter_mut().zip(self.of(before).into_iter().flatten()) {
            *count = count.wrapping_sub(*earlier);
        }
        Some(buckets)
    }

    fn service<'a>(self, rates: &'a HostRates<'_>) -> &'a str {
        rates.names().services.get(self.at).map_or("", String::as_str)
    }

    fn name(self, rates: &HostRates<'_>) -> String {
        let service = self.service(rates);
        match self.role {
            Role::Active => format!("to {service}"),
            Role::Passive => format!("at {service} of this host"),
        }
    }
}

impl Config {
    fn judge_losses(&self, rates: &HostRates<'_>, timed: Timed) -> Verdict {
        let [lost, all] = timed.lost(rates, WINDOW);
        let proven = proven_share(lost, all);
        let volume = all as f64 / self.handshakes;
        let score = |threshold: f64| {
            let score = volume.min(proven / threshold);
            let lasting = || {
                lasting(threshold, |minute| {
                    let [lost, all] = timed.lost(rates, minute);
                    share(lost, all)
                })
            };
            // Looking at each minute is only worth it where the rest is met.
            if score < 0.5 { score } else { score.min(lasting()) }
        };
        let warning = score(self.warning);
        Verdict {
            statistic: proven,
            thresholds: self.thresholds(),
            warning,
            critical: score(self.critical),
            detail: if warning > 0.0 {
                format!(
                    "{lost} of {all} handshakes {} took more than a second in 300 s, which \
                     proves {:.2} %",
                    timed.name(rates),
                    proven * 100.0
                )
            } else {
                String::new()
            },
            evidence: vec![("lost", lost), ("handshakes", all)],
            ..Verdict::blind()
        }
    }

    fn judge_times(&self, rates: &HostRates<'_>, timed: Timed) -> Verdict {
        let mut verdict = Verdict::quiet([self.milliseconds, f64::INFINITY]);
        let enough = |least: u64| move |it: &Buckets| it.iter().sum::<u64>() >= least;
        let before = rates.until(BEFORE).and_then(|health| timed.of(health)).copied();
        let Some(before) = before.filter(enough(LEAST_BEFORE)).map(|it| slow(&it)) else {
            return verdict;
        };
        let minutes = MINUTES.map(|minute| timed.within(rates, minute).filter(enough(LEAST)));
        let least = minutes.iter().map(|it| it.as_ref().map_or(0.0, slow)).reduce(f64::min);
        let limit = (self.factor * before).max(self.milliseconds);
        verdict.statistic = least.unwrap_or(0.0);
        verdict.thresholds = [limit, f64::INFINITY];
        verdict.warning = verdict.statistic / limit;
        if verdict.statistic > 0.0 {
            let judged = minutes.iter().flatten().flatten().sum();
            verdict.evidence = vec![("handshakes", judged)];
            verdict.detail = format!(
                "95 % of the handshakes {} took up to {:.0} ms or more in each of three \
                 minutes, {before:.0} ms before",
                timed.name(rates),
                verdict.statistic
            );
        }
        verdict
    }
}

/// The time that 95 % stay below, in milliseconds: off by at most the width of a
/// bucket, which is a fifth.
fn slow(buckets: &Buckets) -> f64 {
    let rank = buckets.iter().sum::<u64>() as f64 * 0.95;
    let mut below = 0.0;
    for (count, index) in buckets.iter().zip(FIRST_INDEX - 1..) {
        let inside = *count as f64;
        if inside > 0.0 && below + inside >= rank {
            let part = (rank - below) / inside;
            let steps = f64::from(1 << SCHEMA);
            return (f64::from(index - 1) / steps + part / steps).exp2() * 1000.0;
        }
        below += inside;
    }
    0.0
}

#[cfg(test)]
mod tests {
    use netmon_common::abi::histogram::HANDSHAKE_BOUNDS;

    use super::*;
    use crate::{
        detect::{
            Severity,
            trial::{Script, raised},
        },
        snapshot::{OTHER, Service, Snapshot},
    };

    const MILLISECOND: u64 = 1_000_000;

    /// Handshakes of one service that take so many milliseconds each.
    fn take(role: Role, times: &'static [(u64, u64)]) -> impl Fn(&mut Snapshot) {
        move |snapshot| {
            if snapshot.tcp.services.len() < 2 {
                snapshot.tcp.services.push(Service::new("tcp/443".to_owned(), 1));
            }
            let timings = snapshot.tcp.services[1].times.as_mut();
            for timing in timings.into_iter().map(|times| &mut times[role.index()]) {
                for (count, milliseconds) in times {
                    let nanoseconds = milliseconds * MILLISECOND;
                    timing.handshakes.nanoseconds.count(&HANDSHAKE_BOUNDS, nanoseconds, *count);
                }
            }
        }
    }

    fn asks(times: &'static [(u64, u64)]) -> impl Fn(&mut Snapshot) {
        take(Role::Active, times)
    }

    const WARNING: Option<Severity> = Some(Severity::Warning);
    const CRITICAL: Option<Severity> = Some(Severity::Critical);

    #[test]
    fn handshakes_that_lost_a_segment() {
        let quick = asks(&[(10, 20)]);
        let cases: &[(&str, Script<'_>, Option<Severity>)] = &[
            ("silence", &[(600, &asks(&[]))], None),
            ("500 in a second", &[(1, &asks(&[(500, 20)])), (300, &asks(&[]))], None),
            ("3 % for five minutes", &[(300, &asks(&[(97, 20), (3, 1020)]))], WARNING),
            ("8 % for five minutes", &[(300, &asks(&[(92, 20), (8, 3020)]))], CRITICAL),
            ("8 % at this host", &[(300, &take(Role::Passive, &[(92, 20), (8, 1001)]))], CRITICAL),
            ("slow but nothing lost", &[(600, &asks(&[(9, 20), (1, 999)]))], None),
            ("8 % for a minute", &[
                (290, &quick), (60, &asks(&[(92, 20), (8, 1020)])), (400, &quick),
            ], None),
            ("too few", &[(1, &asks(&[(49, 1020)])), (300, &asks(&[]))], None),
            ("1 %, which proves less", &[(600, &asks(&[(99, 20), (1, 1020)]))], None),
        ];
        for (name, script, expected) in cases {
            for signal in [Signal::Handshakes, Signal::ForwardedHandshakes] {
                let flags = raised(Config::default(), &[signal], script);
                assert_eq!(flags.iter().map(|flag| flag.severity).max(), *expected, "{name}");
            }
            assert_eq!(raised(Config::default(), &[], script), [], "{name}: not seen");
        }
    }

    #[test]
    fn handshakes_that_take_far_longer_than_before() {
        let quick = asks(&[(2, 30)]);
        let cases: &[(&str, Script<'_>, bool)] = &[
            ("three slow minutes", &[(120, &quick), (181, &asks(&[(2, 150)]))], true),
            ("a slow minute", &[(127, &quick), (60, &asks(&[(2, 150)])), (300, &quick)], false),
            ("not three times", &[(120, &asks(&[(2, 60)])), (200, &asks(&[(2, 150)]))], false),
            ("not 100 ms", &[(120, &asks(&[(2, 2)])), (200, &asks(&[(2, 80)]))], false),
            ("one in ten", &[(120, &quick), (181, &asks(&[(9, 30), (1, 200)]))], true),
            ("one in thirty", &[(120, &quick), (181, &asks(&[(29, 30), (1, 200)]))], false),
            ("always so", &[(600, &asks(&[(2, 200)]))], false),
            ("some always so", &[(600, &asks(&[(8, 20), (2, 200)]))], false),
            ("unknown before", &[(40, &quick), (181, &asks(&[(2, 150)]))], false),
            ("too few a minute", &[(120, &quick), (9, &asks(&[(2, 150)])), (300, &asks(&[]))], false),
        ];
        for (name, script, expected) in cases {
            let flags = raised(Config::default(), &[Signal::Handshakes], script);
            let severity = flags.iter().map(|flag| flag.severity).max();
            assert_eq!(severity, expected.then_some(Severity::Warning), "{name}");
        }
    }

    #[test]
    fn the_evidence_names_the_service() {
        let script: Script<'_> = &[(300, &asks(&[(92, 20), (8, 1020)]))];
        let flags = raised(Config::default(), &[Signal::Handshakes], script);
        assert!(flags[0].detail.contains("handshakes to tcp/443 took more than a second"));
        let script: Script<'_> =
            &[(120, &take(Role::Passive, &[(2, 30)])), (181, &take(Role::Passive, &[(2, 150)]))];
        let flags = raised(Config::default(), &[Signal::Handshakes], script);
        assert!(flags[0].detail.contains("handshakes at tcp/443 of this host took up to 1"));
        assert!(!flags[0].detail.contains(OTHER));
    }

    #[test]
    fn times_are_right_within_a_fifth() {
        for milliseconds in [1, 30, 100, 250, 1000, 3000, 30_000] {
            let mut buckets = [0; NATIVE_BUCKETS];
            buckets[native_index(milliseconds * MILLISECOND)] = 100;
            let ratio = slow(&buckets) / milliseconds as f64;
            assert!((0.84..1.19).contains(&ratio), "{milliseconds}: {ratio}");
        }
    }
}

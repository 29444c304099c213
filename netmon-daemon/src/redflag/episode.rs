//! The life of one red flag: raised, calming down, ended, come back.
//!
//! Knows one detector at one site and nothing of the others. Invariant: a
//! verdict that does not reach its threshold never raises, and a raised flag
//! ends only after `CLEAR_WINDOWS` windows of calm that were seen.

use std::time::Duration;

use super::{CLEAR_BELOW, CLEAR_WINDOWS, COOLDOWN, KEEP_ENDED, RedFlag, Transition};
use crate::{
    detect::{Detector, Severity, Verdict},
    site::Site,
};

/// One verdict and its circumstances.
#[derive(Clone, Copy)]
pub(super) struct Sighting<'a> {
    /// Who judged.
    pub(super) detector: &'a dyn Detector,
    /// What was judged.
    pub(super) site: Site,
    /// When.
    pub(super) now: Duration,
    /// Since when anything is seen at all.
    pub(super) started: Duration,
    /// The judgement, its scores finite.
    pub(super) verdict: &'a Verdict,
}

/// The flags of one detector at one site.
#[derive(Default)]
pub(super) struct Spot {
    /// The flag that is raised, or the last one that was.
    current: Option<Episode>,
    /// Flags before it that are still listed. As a new flag needs the cooldown
    /// to pass, there are never more than `KEEP_ENDED / COOLDOWN + 1`.
    earlier: Vec<Episode>,
}

struct Episode {
    flag: RedFlag,
    /// How far the statistic was above its threshold at its worst.
    excess: f64,
    /// The worst severity that was announced.
    announced: Severity,
    /// Since when the score is below `CLEAR_BELOW`.
    calm_since: Option<Duration>,
    ended_at: Duration,
}

impl Spot {
    /// Takes a verdict; `next_id` is used up when it begins a new flag.
    pub(super) fn judge(
        &mut self,
        sighting: Sighting<'_>,
        next_id: &mut u64,
    ) -> Option<Transition> {
        let due = due(sighting.verdict);
        match (&mut self.current, due) {
            (Some(episode), due) if episode.flag.active => episode.go_on(sighting, due),
            (_, None) => None,
            (Some(episode), Some(severity)) if episode.is_cooling(sighting.now) => {
                Some(episode.come_back(sighting, severity))
            }
            (_, Some(severity)) => {
                self.earlier.extend(self.current.take());
                self.earlier.retain(|episode| episode.is_listed(sighting.now));
                let episode = Episode::begin(sighting, severity, *next_id);
                *next_id += 1;
                let raised = Transition::Raised(episode.flag.clone());
                self.current = Some(episode);
                Some(raised)
            }
        }
    }

    /// The flag that is raised.
    pub(super) fn active(&self) -> Option<&RedFlag> {
        self.current.as_ref().map(|episode| &episode.flag).filter(|flag| flag.active)
    }

    /// The flags that are raised or ended within `KEEP_ENDED`.
    pub(super) fn listed(&self, now: Duration) -> impl Iterator<Item = &RedFlag> {
        let episodes = self.current.iter().chain(&self.earlier);
        episodes.filter(move |episode| episode.is_listed(now)).map(|episode| &episode.flag)
    }
}

impl Episode {
    fn begin(sighting: Sighting<'_>, severity: Severity, id: u64) -> Self {
        let Sighting { detector, site, now, started, verdict } = sighting;
        let flag = RedFlag {
            id,
            detector: detector.name(),
            severity,
            site,
            subject: verdict.subject.as_ref().map(ToString::to_string),
            peer: verdict.peer.as_ref().map(ToString::to_string),
            active: true,
            first_seen: now.saturating_sub(detector.span()).max(started),
            raised_at: now,
            last_seen: now,
            statistic: verdict.statistic,
            threshold: verdict.thresholds[severity as usize],
            detail: verdict.detail.clone(),
        };
        Self { flag, excess: excess(verdict), announced: severity, calm_since: None, ended_at: now }
    }

    /// Brings an active flag up to date.
    fn go_on(&mut self, sighting: Sighting<'_>, due: Option<Severity>) -> Option<Transition> {
        let Sighting { detector, now, verdict, .. } = sighting;
        if excess(verdict) > self.excess {
            self.show(verdict);
        }
        if let Some(severity) = due {
            self.flag.last_seen = now;
            self.calm_since = None;
            if severity > self.flag.severity {
                self.flag.severity = severity;
                self.show(verdict);
                return Some(self.announce());
            }
        } else if verdict.warning >= CLEAR_BELOW {
            self.calm_since = None;
        } else {
            let calm_since = *self.calm_since.get_or_insert(now);
            if now.saturating_sub(calm_since) >= detector.span() * CLEAR_WINDOWS {
                self.flag.active = false;
                self.ended_at = now;
                return Some(Transition::Cleared(self.flag.clone()));
            }
        }
        None
    }

    /// Raises an ended flag again: the same flag, with the evidence of now.
    fn come_back(&mut self, sighting: Sighting<'_>, severity: Severity) -> Transition {
        let Sighting { now, verdict, .. } = sighting;
        self.calm_since = None;
        self.flag.active = true;
        self.flag.severity = severity;
        self.flag.last_seen = now;
        self.show(verdict);
        self.announce()
    }

    /// Takes the evidence of a verdict.
    fn show(&mut self, verdict: &Verdict) {
        self.excess = excess(verdict);
        self.flag.statistic = verdict.statistic;
        self.flag.threshold = verdict.thresholds[self.flag.severity as usize];
        self.flag.subject = verdict.subject.as_ref().map(ToString::to_string);
        self.flag.peer = verdict.peer.as_ref().map(ToString::to_string);
        self.flag.detail.clone_from(&verdict.detail);
    }

    /// Only what is worse than all that was said of this flag is worth saying.
    fn announce(&mut self) -> Transition {
        if self.flag.severity > self.announced {
            self.announced = self.flag.severity;
            Transition::Raised(self.flag.clone())
        } else {
            Transition::Suppressed(self.flag.clone())
        }
    }

    fn is_cooling(&self, now: Duration) -> bool {
        now.saturating_sub(self.ended_at) < COOLDOWN
    }

    fn is_listed(&self, now: Duration) -> bool {
        self.flag.active || now.saturating_sub(self.ended_at) < KEEP_ENDED
    }
}

/// How far a statistic is above its warning threshold, whatever its unit: what a
/// detector judges may differ from verdict to verdict.
fn excess(verdict: &Verdict) -> f64 {
    verdict.statistic / verdict.thresholds[Severity::Warning as usize]
}

/// The severity that a verdict calls for.
fn due(verdict: &Verdict) -> Option<Severity> {
    if verdict.critical >= 1.0 {
        Some(Severity::Critical)
    } else if verdict.warning >= 1.0 {
        Some(Severity::Warning)
    } else {
        None
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use super::*;
    use crate::{
        redflag::trial::{Host, board},
        snapshot::Vantage,
    };

    /// Second, id, what happened, severity.
    type Event = (u64, u64, &'static str, &'static str);
    /// Name, script, events.
    type Case = (&'static str, &'static [(u64, u64)], &'static [Event]);

    fn words(transition: &Transition) -> (u64, &'static str, &'static str) {
        let (word, flag) = match transition {
            Transition::Raised(flag) => ("raised", flag),
            Transition::Cleared(flag) => ("cleared", flag),
            Transition::Suppressed(flag) => ("suppressed", flag),
        };
        (flag.id, word, flag.severity.label())
    }

    /// What happens to a flag with the threshold 10. The script says for how many
    /// seconds how many packets arrive in each.
    fn story(script: &[(u64, u64)]) -> Vec<Event> {
        let (mut host, mut board) = (Host::new(), board(&["mdns"], 10.0));
        assert_eq!(board.judge(&host.rates, |_, _| true), []);
        let mut story = Vec::new();
        for packets in script.iter().flat_map(|(seconds, packets)| {
            std::iter::repeat_n(*packets, usize::try_from(*seconds).unwrap())
        }) {
            let rates = host.second(packets, &[Vantage::Boundary]);
            for transition in board.judge(rates, |_, _| true) {
                let (id, word, severity) = words(&transition);
                story.push((rates.now().as_secs(), id, word, severity));
            }
        }
        story
    }

    #[test]
    fn flags_live_by_the_score() {
        const W: &str = "warning";
        const C: &str = "critical";
        #[rustfmt::skip]
        let cases: &[Case] = &[
            ("below the threshold", &[(9, 9)], &[]),
            ("at the threshold", &[(9, 10)], &[(1, 1, "raised", W)]),
            ("at ten times the threshold", &[(9, 100)], &[(1, 1, "raised", C)]),
            ("worse at once", &[(2, 10), (2, 100)], &[(1, 1, "raised", W), (3, 1, "raised", C)]),
            ("better is not announced", &[(2, 100), (5, 10)], &[(1, 1, "raised", C)]),
            ("cleared after two windows", &[(1, 10), (3, 6)], &[(1, 1, "raised", W), (4, 1, "cleared", W)]),
            ("not yet two windows", &[(1, 10), (2, 6)], &[(1, 1, "raised", W)]),
            ("at 0.7 not calm", &[(1, 10), (9, 7)], &[(1, 1, "raised", W)]),
            ("calm interrupted", &[(1, 10), (2, 0), (1, 7), (2, 0)], &[(1, 1, "raised", W)]),
            ("back within the cooldown", &[(1, 10), (601, 0), (1, 10)],
                &[(1, 1, "raised", W), (4, 1, "cleared", W), (603, 1, "suppressed", W)]),
            ("back after the cooldown", &[(1, 10), (602, 0), (1, 10)],
                &[(1, 1, "raised", W), (4, 1, "cleared", W), (604, 2, "raised", W)]),
            ("back and worse", &[(1, 10), (3, 0), (1, 100)],
                &[(1, 1, "raised", W), (4, 1, "cleared", W), (5, 1, "raised", C)]),
            ("back, then worse", &[(1, 10), (3, 0), (1, 10), (1, 100)],
                &[(1, 1, "raised", W), (4, 1, "cleared", W), (5, 1, "suppressed", W), (6, 1, "raised", C)]),
            ("back, then as bad as before", &[(1, 100), (3, 0), (1, 10), (1, 100)],
                &[(1, 1, "raised", C), (4, 1, "cleared", C), (5, 1, "suppressed", W), (6, 1, "suppressed", C)]),
        ];
        for (name, script, expected) in cases {
            assert_eq!(story(script), *expected, "{name}");
        }
    }
}

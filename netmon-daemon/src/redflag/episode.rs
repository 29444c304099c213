//! The life of one red flag: raised, calming down, ended, come back.
//!
//! Knows one detector, one site and one subject, and nothing of the others. Invariant: a
//! verdict that does not reach its threshold never raises, and a raised flag
//! ends only after `CLEAR_WINDOWS` windows of calm that were seen, unless a worse one
//! needs its place.

use std::time::Duration;

use super::{
    CLEAR_BELOW, CLEAR_WINDOWS, COOLDOWN, KEEP_ENDED, RedFlag, SuppressReason, Transition,
    matching::is_silenced,
};
use crate::{
    config::Silence,
    detect::{Detector, Severity, Verdict},
    party::Party,
    site::Site,
};

/// The circumstances of a verdict.
#[derive(Clone, Copy)]
pub(super) struct Moment<'a> {
    /// Who judged.
    pub(super) detector: &'a dyn Detector,
    /// What was judged.
    pub(super) site: Site,
    /// When.
    pub(super) now: Duration,
    /// Since when anything is seen at all.
    pub(super) started: Duration,
    /// The wall clock, since 1970, where there is one.
    pub(super) unix: Option<Duration>,
    /// What is only shown.
    pub(super) silences: &'a [Silence],
}

/// One red flag.
pub(super) struct Episode {
    flag: RedFlag,
    /// How far the statistic was above its threshold at its worst.
    excess: f64,
    /// The worst severity that was announced.
    announced: Option<Severity>,
    /// Since when the score is below `CLEAR_BELOW`.
    calm_since: Option<Duration>,
    ended_at: Duration,
}

impl Episode {
    /// A flag that a verdict calls for, and what is to be said of it.
    pub(super) fn begin(
        moment: Moment<'_>,
        verdict: &Verdict,
        severity: Severity,
        id: u64,
    ) -> (Self, Transition) {
        let Moment { detector, site, now, started, .. } = moment;
        let flag = RedFlag {
            id,
            detector: detector.name(),
            severity,
            site,
            active: true,
            silenced: is_silenced(moment, verdict),
            first_seen: now.saturating_sub(detector.span()).max(started),
            raised_at: now,
            last_seen: now,
            window: detector.span(),
            ..RedFlag::EMPTY
        };
        let mut episode =
            Self { flag, excess: 0.0, announced: None, calm_since: None, ended_at: now };
        episode.show(moment, verdict);
        let transition = episode.announce();
        (episode, transition)
    }

    /// The flag as it stands.
    pub(super) const fn flag(&self) -> &RedFlag {
        &self.flag
    }

    /// Brings an active flag up to date. Without a verdict nobody speaks of it any more.
    pub(super) fn go_on(
        &mut self,
        moment: Moment<'_>,
        verdict: Option<&Verdict>,
    ) -> Option<Transition> {
        let Some(verdict) = verdict else { return self.calm_down(moment) };
        self.flag.silenced = is_silenced(moment, verdict);
        if excess(verdict) > self.excess {
            self.show(moment, verdict);
        }
        let Some(severity) = due(verdict) else {
            if is_calm(verdict) {
                return self.calm_down(moment);
            }
            self.calm_since = None;
            return None;
        };
        self.flag.last_seen = moment.now;
        self.calm_since = None;
        if severity > self.flag.severity {
            self.flag.severity = severity;
            self.show(moment, verdict);
            return Some(self.announce());
        }
        // A silence that ended owes what it kept back.
        let is_owed = !self.flag.silenced && self.announced < Some(self.flag.severity);
        is_owed.then(|| self.announce())
    }

    /// Raises an ended flag again: the same flag, with the evidence of now.
    pub(super) fn come_back(
        &mut self,
        moment: Moment<'_>,
        verdict: &Verdict,
        severity: Severity,
    ) -> Transition {
        self.calm_since = None;
        self.flag.active = true;
        self.flag.silenced = is_silenced(moment, verdict);
        self.flag.severity = severity;
        self.flag.last_seen = moment.now;
        self.show(moment, verdict);
        self.announce()
    }

    /// Ends an active flag.
    pub(super) fn end(&mut self, now: Duration) -> Transition {
        self.flag.active = false;
        self.ended_at = now;
        Transition::Cleared(self.flag.clone())
    }

    /// When it ended, if it has.
    pub(super) const fn ended_at(&self) -> Option<Duration> {
        if self.flag.active { None } else { Some(self.ended_at) }
    }

    /// Whether it ended so recently that it would be the same flag again.
    pub(super) fn is_cooling(&self, now: Duration) -> bool {
        !self.flag.active && now.saturating_sub(self.ended_at) < COOLDOWN
    }

    /// Whether it is raised or ended within `KEEP_ENDED`.
    pub(super) fn is_listed(&self, now: Duration) -> bool {
        self.flag.active || now.saturating_sub(self.ended_at) < KEEP_ENDED
    }

    fn calm_down(&mut self, moment: Moment<'_>) -> Option<Transition> {
        let Moment { detector, now, .. } = moment;
        let calm_since = *self.calm_since.get_or_insert(now);
        let is_over = now.saturating_sub(calm_since) >= detector.span() * CLEAR_WINDOWS;
        is_over.then(|| self.end(now))
    }

    /// Takes the evidence of a verdict.
    fn show(&mut self, moment: Moment<'_>, verdict: &Verdict) {
        let parties = || [&verdict.subject, &verdict.peer].into_iter().flatten();
        let workload = parties().find(|party| matches!(party, Party::Workload(_)));
        self.excess = excess(verdict);
        self.flag.statistic = verdict.statistic;
        self.flag.threshold = verdict.thresholds[self.flag.severity as usize];
        self.flag.subject = verdict.subject.as_ref().map(ToString::to_string);
        self.flag.peer = verdict.peer.as_ref().map(ToString::to_string);
        self.flag.service_port = verdict.service();
        self.flag.workload = workload.map(ToString::to_string);
        self.flag.evidence.clone_from(&verdict.evidence);
        self.flag.detail.clone_from(&verdict.detail);
        self.flag.confirm = moment.detector.confirm(verdict);
    }

    /// Only what is worse than all that was said of this flag is worth saying.
    fn announce(&mut self) -> Transition {
        if self.flag.silenced {
            Transition::Suppressed(self.flag.clone(), SuppressReason::Silenced)
        } else if Some(self.flag.severity) > self.announced {
            self.announced = Some(self.flag.severity);
            Transition::Raised(self.flag.clone())
        } else {
            Transition::Suppressed(self.flag.clone(), SuppressReason::Cooldown)
        }
    }
}

/// Whether a raised flag may begin to clear.
pub(super) fn is_calm(verdict: &Verdict) -> bool {
    verdict.warning < CLEAR_BELOW
}

/// How far a statistic is above its warning threshold, whatever its unit: what a
/// detector judges may differ from verdict to verdict.
pub(super) fn excess(verdict: &Verdict) -> f64 {
    verdict.statistic / verdict.thresholds[Severity::Warning as usize]
}

/// The severity that a verdict calls for.
pub(super) fn due(verdict: &Verdict) -> Option<Severity> {
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
            Transition::Suppressed(flag, _) => ("suppressed", flag),
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

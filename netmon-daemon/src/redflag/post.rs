//! One detector at work: what it says at every site that it judges, and what became of it.
//!
//! Pure. Invariant: a detector that cannot see changes nothing, neither raising nor
//! clearing, and says that it is blind.

use std::time::Duration;

use super::{
    CLEAR_WINDOWS, RedFlag, Status, SuppressReason, Transition,
    crowd::{Crowd, Verdicts},
    episode::{Moment, due},
    held::Held,
    matching::is_exempt,
};
use crate::{
    config::Silence,
    detect::{Detector, Severity, Verdict},
    party::Party,
    rates::Rates,
    signal::Signal,
    site::Site,
};

/// One detector and what it said so far.
pub(super) struct Post {
    detector: Box<dyn Detector>,
    /// In the order of [`Site::ALL`].
    crowds: [Crowd; Site::ALL.len()],
    held: Held,
    /// The highest warning score of the last tick; NaN when nothing was seen.
    score: f64,
    trusted: bool,
    /// By severity.
    raised: [u64; Severity::ALL.len()],
    /// By reason.
    suppressed: [u64; SuppressReason::COUNT],
    last_raised: Option<Duration>,
}

/// What holds for all detectors at one moment.
#[derive(Clone, Copy)]
pub(super) struct Present<'a> {
    pub(super) now: Duration,
    /// When the first snapshot was judged.
    pub(super) started: Duration,
    /// The wall clock, since 1970, where there is one.
    pub(super) unix: Option<Duration>,
    /// Whether detectors must learn first what is normal.
    pub(super) warms_up: bool,
    pub(super) silences: &'a [Silence],
}

impl Post {
    pub(super) fn new(detector: Box<dyn Detector>) -> Self {
        Self {
            detector,
            crowds: Default::default(),
            held: Held::default(),
            score: f64::NAN,
            trusted: false,
            raised: [0; Severity::ALL.len()],
            suppressed: [0; SuppressReason::COUNT],
            last_raised: None,
        }
    }

    /// The name of the detector.
    pub(super) fn name(&self) -> &'static str {
        self.detector.name()
    }

    /// The same with another detector of that name.
    pub(super) fn with(self, detector: Box<dyn Detector>) -> Self {
        Self { detector, ..self }
    }

    /// Judges the moment of the last snapshot in `rates`.
    pub(super) fn judge(
        &mut self,
        rates: &Rates,
        present: Present<'_>,
        trusted: impl Fn(Signal, Site) -> bool,
        next_id: &mut u64,
    ) -> Vec<Transition> {
        let rungs = self.detector.host();
        let mut rung = rungs.iter().enumerate();
        let rung = rung.find(|(_, rung)| rung.iter().all(|it| trusted(*it, Site::Host)));
        // Packets that stand in for the kernel's word say less than it would.
        self.trusted = rungs.is_empty() || rung.is_some_and(|(at, _)| at == 0);
        self.score = f64::NAN;
        let mut transitions = Vec::new();
        for (at, site) in Site::ALL.into_iter().enumerate() {
            let verdicts = match (site, rung) {
                (Site::Host, Some((_, signals))) => self.detector.judge_host(&rates.host(signals)),
                (Site::Vantage(vantage), None) => trusted(Signal::Packets, site)
                    .then(|| self.detector.judge(&rates.vantage(vantage)))
                    .into_iter()
                    .collect(),
                (Site::Host, None) | (Site::Vantage(_), Some(_)) => continue,
            };
            transitions.extend(self.take(at, site, verdicts, present, next_id));
        }
        for transition in &transitions {
            self.count(transition, present.now);
        }
        transitions
    }

    /// Takes what was said of one site.
    fn take(
        &mut self,
        at: usize,
        site: Site,
        verdicts: Vec<Verdict>,
        present: Present<'_>,
        next_id: &mut u64,
    ) -> Vec<Transition> {
        let said = verdicts.len();
        // A verdict without a figure is no verdict.
        let verdicts: Vec<Verdict> = verdicts.into_iter().filter(is_finite).collect();
        let is_whole = verdicts.len() == said;
        self.trusted &= is_whole && !verdicts.is_empty();
        if verdicts.is_empty() {
            return Vec::new();
        }
        let Present { now, started, unix, silences, .. } = present;
        let (exempt, rest): (Vec<_>, Vec<_>) = verdicts
            .into_iter()
            .partition(|verdict| is_exempt(self.detector.exempt(), unix, verdict));
        for verdict in exempt.iter().filter(|verdict| due(verdict).is_some()) {
            self.hold(SuppressReason::AllowList, site, verdict.subject.as_ref(), now);
        }
        let mut by_subject = Verdicts::new();
        for verdict in rest {
            let verdict = match by_subject.remove(&verdict.subject) {
                Some(other) => Verdict::or_worse(other, verdict),
                None => verdict,
            };
            by_subject.insert(verdict.subject.clone(), verdict);
        }
        if present.warms_up && now.saturating_sub(started) < self.detector.warm_up() {
            self.score = self.score.max(0.0);
            for subject in by_subject.values().filter(|it| due(it).is_some()).map(|it| &it.subject)
            {
                self.hold(SuppressReason::WarmUp, site, subject.as_ref(), now);
            }
            return Vec::new();
        }
        let scores = by_subject.values().map(|verdict| verdict.warning);
        self.score = scores.fold(self.score.max(0.0), f64::max);
        let Some(crowd) = self.crowds.get_mut(at) else { return Vec::new() };
        let detector = &*self.detector;
        let moment = Moment { detector, site, now, started, unix, silences };
        let outcome = crowd.judge(moment, &by_subject, is_whole, next_id);
        for subject in &outcome.crowded_out {
            self.hold(SuppressReason::Limit, site, subject.as_ref(), now);
        }
        outcome.transitions
    }

    /// Takes note of what called for a flag and raised none.
    fn hold(&mut self, reason: SuppressReason, site: Site, subject: Option<&Party>, now: Duration) {
        let until = now.saturating_add(self.detector.span() * CLEAR_WINDOWS);
        let is_new = self.held.note(reason, site, subject, now, until);
        self.suppressed[reason as usize] += u64::from(is_new);
    }

    fn count(&mut self, transition: &Transition, now: Duration) {
        match transition {
            Transition::Raised(flag) => {
                self.raised[flag.severity as usize] += 1;
                self.last_raised = Some(now);
            }
            Transition::Suppressed(_, reason) => self.suppressed[*reason as usize] += 1,
            Transition::Cleared(_) => {}
        }
    }

    /// The flags that are raised or ended not long ago.
    pub(super) fn listed(&self, now: Duration) -> impl Iterator<Item = &RedFlag> {
        self.crowds.iter().flat_map(move |crowd| crowd.listed(now))
    }

    pub(super) fn status(&self) -> Status {
        let is_active = |severity| {
            let mut active = self.crowds.iter().flat_map(Crowd::active);
            active.any(|flag| flag.severity == severity && !flag.silenced)
        };
        Status {
            detector: self.detector.name(),
            score: self.score,
            thresholds: Severity::ALL.map(|severity| self.detector.threshold(severity)),
            trusted: self.trusted,
            active: Severity::ALL.map(is_active),
            raised: self.raised,
            suppressed: self.suppressed,
            last_raised: self.last_raised,
        }
    }
}

fn is_finite(verdict: &Verdict) -> bool {
    verdict.statistic.is_finite() && verdict.warning.is_finite() && verdict.critical.is_finite()
}

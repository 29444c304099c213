//! The flags of one detector at one site: one for each subject.
//!
//! Invariants: at most [`MAX_SUBJECTS`] are raised at the same time, a raised one gives
//! way to nothing that is milder, and what finds no place is told.

use std::{cmp::Reverse, collections::BTreeMap, time::Duration};

use super::{
    MAX_SUBJECTS, RedFlag, Transition,
    episode::{Episode, Moment, due, excess, is_calm},
};
use crate::{
    detect::{Severity, Verdict},
    party::Party,
};

/// Subjects that are remembered, raised ones among them. Of more, those that ended first
/// are forgotten: they are not listed any more, and coming back they would be new.
const MOST: usize = 3 * MAX_SUBJECTS;

/// What a detector says of a site: of each subject one verdict.
pub(super) type Verdicts = BTreeMap<Option<Party>, Verdict>;

/// The flags of one detector at one site.
#[derive(Default)]
pub(super) struct Crowd {
    /// In the order in which they were first raised.
    spots: Vec<Spot>,
}

/// The flags of one subject.
struct Spot {
    subject: Option<Party>,
    /// The flag that is raised, or the last one that was.
    current: Episode,
    /// Flags before it that are still listed. As a new flag needs the cooldown
    /// to pass, there are never more than `KEEP_ENDED / COOLDOWN + 1`.
    earlier: Vec<Episode>,
}

/// What became of the verdicts on one site.
#[derive(Default)]
pub(super) struct Outcome {
    pub(super) transitions: Vec<Transition>,
    /// Subjects of whom a flag is due that found no place.
    pub(super) crowded_out: Vec<Option<Party>>,
}

impl Crowd {
    /// Takes the verdicts of a moment. `is_whole` says whether they are all that there is
    /// to say: only then silence is calm. `next_id` is used up by new flags.
    pub(super) fn judge(
        &mut self,
        moment: Moment<'_>,
        verdicts: &Verdicts,
        is_whole: bool,
        next_id: &mut u64,
    ) -> Outcome {
        let mut outcome = Outcome::default();
        for spot in self.spots.iter_mut().filter(|spot| spot.current.flag().active) {
            let verdict = verdicts.get(&spot.subject);
            if verdict.is_some() || is_whole {
                outcome.transitions.extend(spot.current.go_on(moment, verdict));
            }
        }
        let raised = |subject: &Option<Party>| {
            self.spots.iter().any(|it| it.subject == *subject && it.current.flag().active)
        };
        let mut new: Vec<_> = verdicts
            .iter()
            .filter_map(|(subject, verdict)| Some((due(verdict)?, subject, verdict)))
            .filter(|(_, subject, _)| !raised(subject))
            .collect();
        // The worst first, and of equals always the same.
        new.sort_by(|(one, _, left), (other, _, right)| {
            (other, excess(right)).partial_cmp(&(one, excess(left))).unwrap_or(one.cmp(other))
        });
        for (severity, subject, verdict) in new {
            if self.raised() >= MAX_SUBJECTS {
                let Some(mildest) = self.milder_than(severity, verdicts) else {
                    outcome.crowded_out.push(subject.clone());
                    continue;
                };
                outcome.transitions.push(mildest.end(moment.now));
            }
            let raised = self.raise(moment, subject.as_ref(), verdict, severity, next_id);
            outcome.transitions.push(raised);
        }
        self.forget(moment.now);
        outcome
    }

    /// The flags that are raised.
    pub(super) fn active(&self) -> impl Iterator<Item = &RedFlag> {
        self.spots.iter().map(|spot| spot.current.flag()).filter(|flag| flag.active)
    }

    /// The flags that are raised or ended within `KEEP_ENDED`.
    pub(super) fn listed(&self, now: Duration) -> impl Iterator<Item = &RedFlag> {
        let episodes =
            self.spots.iter().flat_map(|spot| spot.earlier.iter().chain([&spot.current]));
        episodes.filter(move |episode| episode.is_listed(now)).map(Episode::flag)
    }

    fn raised(&self) -> usize {
        self.active().count()
    }

    /// The mildest of the raised flags, if what is said of it now is milder than this.
    fn milder_than(&mut self, severity: Severity, verdicts: &Verdicts) -> Option<&mut Episode> {
        // Hysteresis: what is not calm is as good as due.
        let now = |spot: &Spot| {
            let verdict = verdicts.get(&spot.subject).filter(|verdict| !is_calm(verdict));
            verdict.map(|it| due(it).unwrap_or(Severity::Warning))
        };
        let raised = self.spots.iter_mut().filter(|spot| spot.current.flag().active);
        // Of several the youngest: what lasts says more.
        let mildest = raised.min_by_key(|spot| (now(spot), Reverse(spot.current.flag().id)))?;
        (now(mildest) < Some(severity)).then_some(&mut mildest.current)
    }

    fn raise(
        &mut self,
        moment: Moment<'_>,
        subject: Option<&Party>,
        verdict: &Verdict,
        severity: Severity,
        next_id: &mut u64,
    ) -> Transition {
        let known = self.spots.iter_mut().find(|spot| spot.subject.as_ref() == subject);
        if let Some(spot) = known.filter(|spot| spot.current.is_cooling(moment.now)) {
            return spot.current.come_back(moment, verdict, severity);
        }
        let (current, transition) = Episode::begin(moment, verdict, severity, *next_id);
        *next_id += 1;
        match self.spots.iter_mut().find(|spot| spot.subject.as_ref() == subject) {
            Some(spot) => spot.earlier.push(std::mem::replace(&mut spot.current, current)),
            None => {
                self.spots.push(Spot { subject: subject.cloned(), current, earlier: Vec::new() });
            }
        }
        transition
    }

    /// Forgets what is over.
    fn forget(&mut self, now: Duration) {
        for spot in &mut self.spots {
            spot.earlier.retain(|episode| episode.is_listed(now));
        }
        self.spots.retain(|spot| spot.current.is_listed(now));
        while self.spots.len() > MOST {
            let ended = self
                .spots
                .iter()
                .enumerate()
                .filter_map(|(at, spot)| Some((spot.current.ended_at()?, at)));
            let Some((_, first)) = ended.min() else { return };
            self.spots.remove(first);
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use super::*;
    use crate::{
        config::{Exemption, Silence},
        redflag::{
            SuppressReason,
            trial::{Said, Stage},
        },
    };

    /// For how many seconds what is said, and what happens in the last of them.
    type Script<'a> = &'a [(u64, &'a [Said<'a>], &'a [&'a str])];

    fn run(stage: &mut Stage, script: Script<'_>) {
        for (at, (seconds, said, expected)) in script.iter().enumerate() {
            for _ in 1..*seconds {
                assert_eq!(stage.events(said), [""; 0], "step {at}, before the last second");
            }
            assert_eq!(stage.events(said), *expected, "step {at}");
        }
    }

    fn suppressed(stage: &Stage, reason: SuppressReason) -> u64 {
        stage.board.statuses()[0].suppressed[reason as usize]
    }

    /// Subjects by number, all with one count.
    fn crowd(numbers: std::ops::Range<u32>, count: u64) -> Vec<(String, u64)> {
        numbers.map(|number| (format!("w{number:02}"), count)).collect()
    }

    fn said(crowd: &[(String, u64)]) -> Vec<Said<'_>> {
        crowd.iter().map(|(name, count)| (name.as_str(), *count)).collect()
    }

    fn plain() -> Stage {
        Stage::new(Vec::new(), |board| board)
    }

    #[test]
    fn every_subject_has_a_flag_of_its_own() {
        let mut stage = plain();
        run(
            &mut stage,
            &[
                (1, &[("a", 10), ("b", 9)], &["raised a warning"]),
                (1, &[("a", 10), ("b", 100)], &["raised b critical"]),
                // Whoever is not spoken of any more calms down.
                (2, &[("b", 100)], &[]),
                (1, &[("b", 100)], &["cleared a warning"]),
                (1, &[("a", 10), ("b", 100)], &["cooldown a warning"]),
                // The cooldown of one is not that of another.
                (1, &[("a", 10), ("b", 100), ("c", 10)], &["raised c warning"]),
                (3, &[], &["cleared a warning", "cleared b critical", "cleared c warning"]),
                (601, &[], &[]),
                (1, &[("a", 10)], &["raised a warning"]),
            ],
        );
        let flags = stage.board.flags();
        let found: Vec<_> = flags.iter().map(|it| (it.id, it.subject(), it.active)).collect();
        assert_eq!(found, [(4, "a", true), (3, "c", false), (2, "b", false), (1, "a", false)]);
        let status = &stage.board.statuses()[0];
        assert_eq!((status.raised, status.active), ([3, 1], [true, false]));
        assert_eq!(suppressed(&stage, SuppressReason::Cooldown), 1);
    }

    #[test]
    fn of_one_subject_the_worst_verdict_counts() {
        let mut stage = plain();
        run(
            &mut stage,
            &[(
                1,
                &[("a", 3), ("a", 30), ("a", 20), ("", 10)],
                &["raised a warning", "raised host warning"],
            )],
        );
        assert!((stage.board.statuses()[0].score - 3.0).abs() < 1e-9);
    }

    #[test]
    fn there_is_room_for_eight_and_the_worst_come_first() {
        let mut stage = plain();
        let (mild, worse) = (crowd(0..9, 10), crowd(9..12, 20));
        let all = [said(&mild), said(&worse)].concat();
        let raised = stage.events(&all);
        assert_eq!(raised.len(), MAX_SUBJECTS);
        assert_eq!(raised[..3], ["raised w09 warning", "raised w10 warning", "raised w11 warning"]);
        for _ in 0..5 {
            assert_eq!(stage.events(&all), [""; 0]);
        }
        assert_eq!(suppressed(&stage, SuppressReason::Limit), 4, "each counts once");
        // A raised one gives way to nothing milder, and to nothing equal.
        let newcomer = crowd(50..51, 99);
        assert_eq!(stage.events(&[all.clone(), said(&newcomer)].concat()), [""; 0]);
        // What is critical takes the place of the youngest warning.
        let critical = crowd(60..61, 100);
        let all = [all, said(&critical)].concat();
        assert_eq!(stage.events(&all), ["cleared w04 warning", "raised w60 critical"]);
        assert_eq!(stage.events(&all), [""; 0]);
        assert_eq!(suppressed(&stage, SuppressReason::Limit), 6);
        // Somebody is gone: there is room at once, and the flag of before comes back.
        let rest: Vec<_> = all.iter().copied().filter(|(name, _)| *name != "w00").collect();
        assert_eq!(stage.events(&rest), ["cleared w00 warning", "cooldown w04 warning"]);
    }

    #[test]
    fn eight_critical_ones_give_way_to_nobody() {
        let mut stage = plain();
        let (first, more) = (crowd(0..8, 100), crowd(8..20, 1000));
        assert_eq!(stage.second(&said(&first)).len(), 8);
        assert_eq!(stage.events(&[said(&first), said(&more)].concat()), [""; 0]);
        assert_eq!(suppressed(&stage, SuppressReason::Limit), 12);
    }

    #[test]
    fn a_flood_of_subjects_takes_no_memory() {
        let mut stage = plain();
        for number in 0..5000 {
            let crowd = crowd(number * 8..number * 8 + 8, 10);
            stage.second(&said(&crowd));
            assert!(stage.board.all_flags().count() <= MOST);
        }
        assert!(stage.board.flags().iter().filter(|flag| flag.active).count() <= MAX_SUBJECTS);
    }

    #[test]
    fn what_is_exempt_raises_nothing_and_hides_nobody() {
        let exempt: Exemption = "workload a*".parse().unwrap();
        let mut stage = Stage::new(vec![exempt], |board| board);
        run(
            &mut stage,
            &[
                (5, &[("a1", 100), ("b", 9)], &[]),
                (1, &[("a1", 100), ("a2", 10), ("b", 10)], &["raised b warning"]),
            ],
        );
        assert_eq!(suppressed(&stage, SuppressReason::AllowList), 2);
        assert!(
            (stage.board.statuses()[0].score - 1.0).abs() < 1e-9,
            "what is exempt has no score"
        );
        // What is exempt from now on calms down, and what is not any more is raised.
        let detector = stage.detector(vec!["workload b".parse().unwrap()]);
        stage.board.reconfigure(detector, Vec::new());
        run(
            &mut stage,
            &[
                (1, &[("a1", 100), ("b", 10)], &["raised a1 critical"]),
                (1, &[("a1", 100), ("b", 10)], &[]),
                (1, &[("a1", 100), ("b", 10)], &["cleared b warning"]),
            ],
        );
        assert_eq!(suppressed(&stage, SuppressReason::AllowList), 3);
    }

    #[test]
    fn what_is_silenced_is_shown_and_told_when_it_is_over() {
        let silence = |text: &str| text.parse::<Silence>().unwrap();
        let day = |days: u64| Some(Duration::from_secs(days * 86_400));
        let mut stage = Stage::new(Vec::new(), |board| {
            board.silencing(vec![
                silence("syn_flood workload a until 2027-01-31"),
                silence("rst_storm until 2027-01-31"),
            ])
        });
        stage.board.set_wall_clock(day(20_849));
        run(
            &mut stage,
            &[
                (1, &[("a", 10), ("b", 10)], &["silenced a warning", "raised b warning"]),
                (1, &[("a", 100), ("b", 10)], &["silenced a critical"]),
            ],
        );
        let flags = stage.board.flags();
        assert_eq!(flags.iter().map(|it| it.silenced).collect::<Vec<_>>(), [false, true]);
        let status = &stage.board.statuses()[0];
        assert_eq!((status.active, status.raised), ([true, false], [1, 0]));
        stage.board.set_wall_clock(day(20_850));
        run(
            &mut stage,
            &[
                (1, &[("a", 10), ("b", 10)], &["raised a critical"]),
                (1, &[("a", 10), ("b", 10)], &[]),
            ],
        );
        // A silence of everything, over what is raised already.
        let detector = stage.detector(Vec::new());
        stage.board.reconfigure(detector, vec![silence("* until 2999-01-01")]);
        run(&mut stage, &[(1, &[("a", 10), ("b", 10)], &[])]);
        let status = &stage.board.statuses()[0];
        assert_eq!((status.active, status.raised), ([false; 2], [1, 1]));
        assert_eq!(suppressed(&stage, SuppressReason::Silenced), 2);
        // It was told before: that it is not silenced any more is no news.
        let detector = stage.detector(Vec::new());
        stage.board.reconfigure(detector, Vec::new());
        run(&mut stage, &[(1, &[("a", 10), ("b", 10)], &[])]);
    }

    #[test]
    fn nothing_is_raised_before_it_is_known_what_is_normal() {
        let mut live = Stage::new(Vec::new(), super::super::Board::warming_up);
        run(&mut live, &[(5, &[("a", 100)], &[]), (1, &[("a", 100)], &["raised a critical"])]);
        assert_eq!(suppressed(&live, SuppressReason::WarmUp), 1);
        let mut replay = plain();
        run(&mut replay, &[(1, &[("a", 100)], &["raised a critical"])]);
    }

    #[test]
    fn what_is_not_whole_calms_nobody() {
        let mut stage = plain();
        run(&mut stage, &[(1, &[("a", 10)], &["raised a warning"])]);
        for _ in 0..9 {
            let quiet = Verdict::quiet([10.0, 100.0]);
            assert_eq!(stage.verdicts(vec![quiet, Verdict::blind()]), []);
            assert!(!stage.board.statuses()[0].trusted);
        }
        assert!(stage.board.flags()[0].active);
        run(&mut stage, &[(3, &[], &["cleared a warning"])]);
    }
}

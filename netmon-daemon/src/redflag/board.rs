//! The board on which red flags are raised: every enabled detector at every site
//! that it judges, once per tick.
//!
//! Pure: no clock, no log. Invariant: a detector that cannot see changes
//! nothing, neither raising nor clearing, and says that it is blind.

use std::{cmp::Reverse, time::Duration};

use super::{
    MAX_LISTED, RedFlag, Status, Transition,
    episode::{Sighting, Spot},
};
use crate::{
    detect::{Detector, Severity, Verdict},
    rates::Rates,
    signal::Signal,
    site::Site,
};

/// The red flags of all detectors at all sites.
pub struct Board {
    /// In the order of the detector table.
    posts: Vec<Post>,
    next_id: u64,
    /// When the first snapshot was judged.
    started: Option<Duration>,
    /// When the last snapshot was judged.
    now: Duration,
}

/// One detector and what it said so far.
struct Post {
    detector: Box<dyn Detector>,
    /// In the order of [`Site::ALL`].
    spots: [Spot; Site::ALL.len()],
    /// The highest warning score of the last tick; NaN when nothing was seen.
    score: f64,
    trusted: bool,
    /// By severity.
    raised: [u64; Severity::ALL.len()],
    cooldown_suppressed: u64,
    last_raised: Option<Duration>,
}

impl Board {
    /// A board without flags.
    pub fn new(detectors: Vec<Box<dyn Detector>>) -> Self {
        Self {
            posts: detectors.into_iter().map(Post::new).collect(),
            next_id: 1,
            started: None,
            now: Duration::ZERO,
        }
    }

    /// Replaces the detectors. One that is there before and after, by name,
    /// keeps its flags and counts; the flags of one that is gone are dropped.
    pub fn reconfigure(&mut self, detectors: Vec<Box<dyn Detector>>) {
        let mut before = std::mem::take(&mut self.posts);
        self.posts = detectors
            .into_iter()
            .map(|detector| {
                match before.iter().position(|post| post.detector.name() == detector.name()) {
                    Some(known) => Post { detector, ..before.swap_remove(known) },
                    None => Post::new(detector),
                }
            })
            .collect();
    }

    /// Judges the moment of the last snapshot in `rates`. `trusted` says
    /// whether a signal can be relied on at a site.
    pub fn judge(
        &mut self,
        rates: &Rates,
        trusted: impl Fn(Signal, Site) -> bool,
    ) -> Vec<Transition> {
        self.now = rates.now();
        let started = *self.started.get_or_insert(self.now);
        let mut transitions = Vec::new();
        for post in &mut self.posts {
            let rungs = post.detector.host();
            let mut rung = rungs.iter().enumerate();
            let rung = rung.find(|(_, rung)| rung.iter().all(|it| trusted(*it, Site::Host)));
            // Packets that stand in for the kernel's word say less than it would.
            post.trusted = rungs.is_empty() || rung.is_some_and(|(at, _)| at == 0);
            post.score = f64::NAN;
            for (site, spot) in Site::ALL.into_iter().zip(&mut post.spots) {
                let verdict = match (site, rung) {
                    (Site::Host, Some((_, signals))) => post
                        .detector
                        .judge_host(&rates.host(signals))
                        .into_iter()
                        .reduce(Verdict::or_worse),
                    (Site::Vantage(vantage), None) => trusted(Signal::Packets, site)
                        .then(|| post.detector.judge(&rates.vantage(vantage))),
                    (Site::Host, None) | (Site::Vantage(_), Some(_)) => continue,
                };
                // A verdict without a figure is no verdict.
                let Some(verdict) = verdict.filter(is_finite) else {
                    post.trusted = false;
                    continue;
                };
                post.score = post.score.max(verdict.warning);
                let sighting = Sighting {
                    detector: &*post.detector,
                    site,
                    now: self.now,
                    started,
                    verdict: &verdict,
                };
                transitions.extend(spot.judge(sighting, &mut self.next_id));
            }
        }
        for transition in &transitions {
            self.count(transition);
        }
        transitions
    }

    /// The flags that are raised, and those that ended not long ago: newest
    /// first, at most [`MAX_LISTED`]. Where they do not all fit, it is ended
    /// flags that are left out first, then older ones.
    pub fn flags(&self) -> Vec<RedFlag> {
        let spots = self.posts.iter().flat_map(|post| &post.spots);
        let mut flags: Vec<&RedFlag> = spots.flat_map(|spot| spot.listed(self.now)).collect();
        flags.sort_by_key(|flag| Reverse((flag.active, flag.id)));
        flags.truncate(MAX_LISTED);
        flags.sort_by_key(|flag| Reverse(flag.id));
        flags.into_iter().cloned().collect()
    }

    /// The state of every detector, in the order of the detector table.
    pub fn statuses(&self) -> Vec<Status> {
        self.posts.iter().map(Post::status).collect()
    }

    fn count(&mut self, transition: &Transition) {
        let (Transition::Raised(flag) | Transition::Suppressed(flag) | Transition::Cleared(flag)) =
            transition;
        let Some(post) = self.posts.iter_mut().find(|post| post.detector.name() == flag.detector)
        else {
            return;
        };
        match transition {
            Transition::Raised(flag) => {
                post.raised[flag.severity as usize] += 1;
                post.last_raised = Some(self.now);
            }
            Transition::Suppressed(_) => post.cooldown_suppressed += 1,
            Transition::Cleared(_) => {}
        }
    }
}

impl Post {
    fn new(detector: Box<dyn Detector>) -> Self {
        Self {
            detector,
            spots: Default::default(),
            score: f64::NAN,
            trusted: false,
            raised: [0; Severity::ALL.len()],
            cooldown_suppressed: 0,
            last_raised: None,
        }
    }

    fn status(&self) -> Status {
        let is_active = |severity| {
            self.spots.iter().filter_map(Spot::active).any(|flag| flag.severity == severity)
        };
        Status {
            detector: self.detector.name(),
            score: self.score,
            thresholds: Severity::ALL.map(|severity| self.detector.threshold(severity)),
            trusted: self.trusted,
            active: Severity::ALL.map(is_active),
            raised: self.raised,
            cooldown_suppressed: self.cooldown_suppressed,
            last_raised: self.last_raised,
        }
    }
}

fn is_finite(verdict: &Verdict) -> bool {
    verdict.statistic.is_finite() && verdict.warning.is_finite() && verdict.critical.is_finite()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        redflag::{
            KEEP_ENDED,
            trial::{Host, board, detectors, ladder},
        },
        snapshot::Vantage,
    };

    #[test]
    fn a_flag_tells_what_was_seen() {
        let (mut host, mut board) = (Host::new(), board(&["mdns"], 10.0));
        for packets in [0, 0, 12, 30, 20, 150, 8] {
            board.judge(host.second(packets, &[Vantage::Internal]), |_, _| true);
        }
        let flag = RedFlag {
            id: 1,
            detector: "mdns",
            severity: Severity::Critical,
            site: Site::Vantage(Vantage::Internal),
            subject: None,
            peer: None,
            active: true,
            first_seen: Duration::from_secs(2),
            raised_at: Duration::from_secs(3),
            last_seen: Duration::from_secs(6),
            statistic: 150.0,
            threshold: 100.0,
            detail: "150 in 1 s".to_owned(),
        };
        assert_eq!(board.flags(), [flag]);
        let status = Status {
            detector: "mdns",
            score: 0.8,
            thresholds: [10.0, 100.0],
            trusted: true,
            active: [false, true],
            raised: [1, 1],
            cooldown_suppressed: 0,
            last_raised: Some(Duration::from_secs(6)),
        };
        assert_eq!(board.statuses(), [status]);
    }

    #[test]
    fn nothing_began_before_the_first_snapshot() {
        let mut host = Host::new();
        host.snapshot.at = Duration::from_millis(500);
        host.rates = Rates::default();
        host.rates.push(&host.snapshot);
        let mut board = board(&["mdns"], 10.0);
        board.judge(&host.rates, |_, _| true);
        host.snapshot.at = Duration::from_millis(600);
        host.snapshot.vantages.boundary.ingress.mdns_packets = 10;
        host.rates.push(&host.snapshot);
        board.judge(&host.rates, |_, _| true);
        assert_eq!(board.flags()[0].first_seen, Duration::from_millis(500));
    }

    #[test]
    fn the_blind_neither_raise_nor_clear() {
        let (mut host, mut board) = (Host::new(), board(&["mdns"], 10.0));
        let both = [Vantage::Boundary, Vantage::Loopback];
        board.judge(host.second(10, &both[..1]), |_, _| true);
        for packets in [10, 10, 0, 0, 0, 0] {
            let sees = |_, site| site == Site::Vantage(Vantage::Internal);
            assert_eq!(board.judge(host.second(packets, &both), sees), []);
            assert_eq!(board.flags().len(), 1);
            let status = &board.statuses()[0];
            assert!(!status.trusted && status.active == [true, false], "{status:?}");
        }
        board.judge(host.second(0, &both), |_, _| false);
        assert!(board.statuses()[0].score.is_nan(), "what is not seen is not 0");
    }

    #[test]
    fn the_best_signal_that_is_there_decides() {
        use Signal::{Drops, KernelCounters, Packets};
        // What is seen, the sites of the flags, whether that is the best.
        let cases: [(&[Signal], &[&str], bool); 5] = [
            (&[Packets, Drops, KernelCounters], &["host: drops"], true),
            (&[Packets, KernelCounters], &["host: counters"], false),
            (&[Packets], &["loopback: packets", "internal: packets", "boundary: packets"], false),
            (&[KernelCounters], &["host: counters"], false),
            (&[], &[], false),
        ];
        for (signals, flags, trusted) in cases {
            let (mut host, mut board) = (Host::new(), ladder());
            board.judge(host.second(9, &Vantage::ALL), |signal, _| signals.contains(&signal));
            let found: Vec<_> = board
                .flags()
                .into_iter()
                .map(|flag| format!("{}: {}", flag.site, flag.detail))
                .collect();
            assert_eq!(found, flags, "{signals:?}");
            assert_eq!(board.statuses()[0].trusted, trusted, "{signals:?}");
        }
    }

    #[test]
    fn a_signal_that_is_lost_freezes_its_flags() {
        let (mut host, mut board) = (Host::new(), ladder());
        board.judge(host.second(9, &[]), |_, _| true);
        for _ in 0..9 {
            board.judge(host.second(0, &[]), |signal, _| signal == Signal::Packets);
        }
        assert!(board.flags()[0].active, "nobody saw that it is over");
        for _ in 0..9 {
            board.judge(host.second(0, &[]), |_, _| true);
        }
        assert!(!board.flags()[0].active);
    }

    #[test]
    fn a_verdict_without_a_figure_is_none() {
        for packets in [0, 10] {
            // Thresholds of 0 make the scores NaN, then infinite.
            let (mut host, mut board) = (Host::new(), board(&["mdns"], 0.0));
            assert_eq!(board.judge(host.second(packets, &Vantage::ALL), |_, _| true), []);
            assert!(!board.statuses()[0].trusted);
        }
    }

    #[test]
    fn ended_flags_are_listed_for_a_while() {
        let (mut host, mut board) = (Host::new(), board(&["mdns"], 10.0));
        board.judge(host.second(10, &[Vantage::Boundary]), |_, _| true);
        let mut listed = 0;
        for _ in 0..1000 {
            board.judge(host.second(0, &[]), |_, _| true);
            let flags = board.flags();
            listed += u64::from(flags.iter().any(|flag| !flag.active));
        }
        assert_eq!(listed, KEEP_ENDED.as_secs());
        assert_eq!(board.flags(), []);
    }

    #[test]
    fn active_flags_are_never_pushed_out_by_ended_ones() {
        const NAMES: [&str; 12] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];
        let (mut host, mut board) = (Host::new(), board(&NAMES, 10.0));
        board.judge(host.second(10, &[Vantage::Boundary]), |_, _| true);
        // 24 younger flags that end, while the first 12 go on.
        board.judge(host.second(10, &Vantage::ALL), |_, _| true);
        for _ in 0..3 {
            board.judge(host.second(10, &[Vantage::Boundary]), |_, _| true);
        }
        let flags = board.flags();
        let ids: Vec<u64> = flags.iter().map(|flag| flag.id).collect();
        let newest_first: Vec<u64> = (17..=36).rev().chain((1..=12).rev()).collect();
        assert_eq!(ids, newest_first);
        assert_eq!(flags.iter().filter(|flag| flag.active).count(), NAMES.len());
    }

    #[test]
    fn a_new_configuration_keeps_what_remains() {
        let (mut host, mut board) = (Host::new(), board(&["kept", "gone"], 10.0));
        board.judge(host.second(10, &[Vantage::Boundary]), |_, _| true);
        board.reconfigure(detectors(&["new", "kept"], 20.0));
        let names: Vec<&str> = board.statuses().iter().map(|status| status.detector).collect();
        assert_eq!(names, ["new", "kept"]);
        assert_eq!(board.flags().iter().map(|flag| flag.detector).collect::<Vec<_>>(), ["kept"]);
        assert_eq!(board.statuses()[1].raised, [1, 0]);
        assert_eq!(format!("{:?}", board.statuses()[1].thresholds), "[20.0, 200.0]");
        let transitions = board.judge(host.second(25, &[Vantage::Boundary]), |_, _| true);
        assert_eq!(transitions, [Transition::Raised(board.flags()[0].clone())]);
    }
}

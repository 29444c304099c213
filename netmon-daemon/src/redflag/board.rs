//! The board on which red flags are raised: every enabled detector at every site
//! that it judges, once per tick.
//!
//! Pure: no clock, no log.

use std::{cmp::Reverse, time::Duration};

use super::{
    MAX_LISTED, RedFlag, Status, Transition,
    post::{Post, Present},
};
use crate::{config::Silence, detect::Detector, rates::Rates, signal::Signal, site::Site};

/// The red flags of all detectors at all sites.
pub struct Board {
    /// In the order of the detector table.
    posts: Vec<Post>,
    silences: Vec<Silence>,
    warms_up: bool,
    next_id: u64,
    /// When the first snapshot was judged.
    started: Option<Duration>,
    /// When the last snapshot was judged.
    now: Duration,
    /// The wall clock, since 1970, where there is one.
    unix: Option<Duration>,
}

impl Board {
    /// A board without flags, for traffic of the past: detectors that learn what is normal
    /// need not wait.
    pub fn new(detectors: Vec<Box<dyn Detector>>) -> Self {
        Self {
            posts: detectors.into_iter().map(Post::new).collect(),
            silences: Vec::new(),
            warms_up: false,
            next_id: 1,
            started: None,
            now: Duration::ZERO,
            unix: None,
        }
    }

    /// The same for live traffic, of which nothing is known yet.
    #[must_use]
    pub fn warming_up(self) -> Self {
        Self { warms_up: true, ..self }
    }

    /// The same with flags that are only shown.
    #[must_use]
    pub fn silencing(self, silences: Vec<Silence>) -> Self {
        Self { silences, ..self }
    }

    /// Replaces detectors and silences. A detector that is there before and after, by
    /// name, keeps its flags and counts; the flags of one that is gone are dropped.
    pub fn reconfigure(&mut self, detectors: Vec<Box<dyn Detector>>, silences: Vec<Silence>) {
        let mut before = std::mem::take(&mut self.posts);
        self.posts = detectors
            .into_iter()
            .map(|detector| match before.iter().position(|it| it.name() == detector.name()) {
                Some(known) => before.swap_remove(known).with(detector),
                None => Post::new(detector),
            })
            .collect();
        self.silences = silences;
    }

    /// Says what the wall clock shows, in time since 1970. It decides when exemptions and
    /// silences end, and nothing else; without it they do not.
    pub const fn set_wall_clock(&mut self, unix: Option<Duration>) {
        self.unix = unix;
    }

    /// Judges the moment of the last snapshot in `rates`. `trusted` says
    /// whether a signal can be relied on at a site.
    pub fn judge(
        &mut self,
        rates: &Rates,
        trusted: impl Fn(Signal, Site) -> bool,
    ) -> Vec<Transition> {
        self.now = rates.now();
        let present = Present {
            now: self.now,
            started: *self.started.get_or_insert(self.now),
            unix: self.unix,
            warms_up: self.warms_up,
            silences: &self.silences,
        };
        let posts = self.posts.iter_mut();
        posts.flat_map(|post| post.judge(rates, present, &trusted, &mut self.next_id)).collect()
    }

    /// The flags that are raised, and those that ended not long ago: newest
    /// first, at most [`MAX_LISTED`]. Where they do not all fit, it is ended
    /// flags that are left out first, then silenced ones, then warnings, then older ones.
    pub fn flags(&self) -> Vec<RedFlag> {
        let mut flags: Vec<&RedFlag> = self.all_flags().collect();
        flags.sort_by_key(|flag| Reverse((flag.active, !flag.silenced, flag.severity, flag.id)));
        flags.truncate(MAX_LISTED);
        flags.sort_by_key(|flag| Reverse(flag.id));
        flags.into_iter().cloned().collect()
    }

    /// The same in no order, however many there are.
    pub fn all_flags(&self) -> impl Iterator<Item = &RedFlag> {
        self.posts.iter().flat_map(|post| post.listed(self.now))
    }

    /// The state of every detector, in the order of the detector table.
    pub fn statuses(&self) -> Vec<Status> {
        self.posts.iter().map(Post::status).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        detect::Severity,
        redflag::{
            KEEP_ENDED, SuppressReason,
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
            service_port: None,
            workload: None,
            active: true,
            silenced: false,
            first_seen: Duration::from_secs(2),
            raised_at: Duration::from_secs(3),
            last_seen: Duration::from_secs(6),
            statistic: 150.0,
            threshold: 100.0,
            window: Duration::from_secs(1),
            evidence: vec![("packets", 150)],
            detail: "150 in 1 s".to_owned(),
            confirm: "timeout 10 tcpdump -ni any -c 200".to_owned(),
        };
        assert_eq!(board.flags(), [flag]);
        let status = Status {
            detector: "mdns",
            score: 0.8,
            thresholds: [10.0, 100.0],
            trusted: true,
            active: [false, true],
            raised: [1, 1],
            suppressed: [0; SuppressReason::COUNT],
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
        board.reconfigure(detectors(&["new", "kept"], 20.0), Vec::new());
        let names: Vec<&str> = board.statuses().iter().map(|status| status.detector).collect();
        assert_eq!(names, ["new", "kept"]);
        assert_eq!(board.flags().iter().map(|flag| flag.detector).collect::<Vec<_>>(), ["kept"]);
        assert_eq!(board.statuses()[1].raised, [1, 0]);
        assert_eq!(format!("{:?}", board.statuses()[1].thresholds), "[20.0, 200.0]");
        let transitions = board.judge(host.second(25, &[Vantage::Boundary]), |_, _| true);
        assert_eq!(transitions, [Transition::Raised(board.flags()[0].clone())]);
    }
}

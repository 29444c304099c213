//! What the journal is told: red flags, and what the audit found out.
//!
//! Nothing in a line comes from a packet but numbers, addresses, and domains that are
//! escaped. Invariant: whoever makes red flags by the hundred makes ten lines a minute,
//! the worst flags first, and one line that says how many there would have been.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::{
    audit,
    config::Config,
    redflag::{RedFlag, Transition},
    runbook,
};

/// Lines of one kind in one [`PERIOD`].
const LINES: u32 = 10;

/// A second more than the log itself allows itself for as many lines of one kind, so that
/// nothing is held back twice.
const PERIOD: Duration = Duration::from_secs(61);

/// Tells the journal of red flags.
#[derive(Debug, Default)]
pub(super) struct Teller {
    raised: Quota,
    cleared: Quota,
}

/// What of one kind was told within the last period.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Quota {
    since: Option<Duration>,
    lines: u32,
    left_out: u64,
}

/// One line.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Line<'a> {
    Raised(&'a RedFlag),
    Cleared(&'a RedFlag),
    /// For those who asked for it, by the level of the log.
    Suppressed(&'a RedFlag, &'static str),
    /// So many were raised, and so many cleared, that nothing was said of.
    LeftOut(u64, u64),
}

impl Teller {
    /// Tells what happened to the red flags in a tick of a daemon that started at some
    /// time by the wall clock.
    pub(super) fn tell(&mut self, now: Duration, started: SystemTime, happened: &[Transition]) {
        self.lines(now, happened).into_iter().for_each(|line| line.write(started));
    }

    /// What there is to say.
    fn lines<'a>(&mut self, now: Duration, happened: &'a [Transition]) -> Vec<Line<'a>> {
        let left_out = [&mut self.raised, &mut self.cleared].map(|quota| quota.renew(now));
        let mut lines = Vec::new();
        if let [raised, cleared] = left_out
            && raised + cleared > 0
        {
            lines.push(Line::LeftOut(raised, cleared));
        }
        let mut happened: Vec<&Transition> = happened.iter().collect();
        happened.sort_by_key(|transition| std::cmp::Reverse(transition.flag().severity));
        lines.extend(happened.into_iter().filter_map(|transition| match transition {
            Transition::Raised(flag) => self.raised.admits(now).then_some(Line::Raised(flag)),
            // Of what was not announced nobody needs to know that it is over.
            Transition::Cleared(flag) if flag.silenced => None,
            Transition::Cleared(flag) => self.cleared.admits(now).then_some(Line::Cleared(flag)),
            Transition::Suppressed(flag, why) => Some(Line::Suppressed(flag, why.label())),
        }));
        lines
    }
}

impl Quota {
    /// Begins a new period if the last one is over; how many lines were left out in it.
    fn renew(&mut self, now: Duration) -> u64 {
        if self.since.is_some_and(|since| now.saturating_sub(since) < PERIOD) {
            return 0;
        }
        std::mem::take(self).left_out
    }

    /// Whether one more line may be written.
    fn admits(&mut self, now: Duration) -> bool {
        self.since.get_or_insert(now);
        let admits = self.lines < LINES;
        if admits {
            self.lines += 1;
        } else {
            self.left_out = self.left_out.saturating_add(1);
        }
        admits
    }
}

impl Line<'_> {
    fn write(self, started: SystemTime) {
        // A macro, because the level of a line must be known when it is compiled.
        macro_rules! write {
            ($level:ident, $flag:expr, $message:literal $(, $name:ident = $value:expr)*) => {{
                let flag: &RedFlag = $flag;
                tracing::$level!(
                    detector = flag.detector,
                    severity = flag.severity.label(),
                    subject = flag.subject(),
                    peer = flag.peer.as_deref(),
                    service_port = flag.service_port.as_deref(),
                    id = flag.id,
                    statistic = flag.statistic,
                    threshold = flag.threshold,
                    window_seconds = flag.window.as_secs(),
                    evidence = flag.evidence_in_words(),
                    first_seen = unix(started, flag.first_seen),
                    last_seen = unix(started, flag.last_seen),
                    detail = flag.detail,
                    confirm = flag.confirm,
                    runbook = runbook::path(flag.detector),
                    $($name = $value,)*
                    $message
                );
            }};
        }
        match self {
            Self::Raised(flag) => write!(warn, flag, "red flag raised"),
            Self::Cleared(flag) => write!(info, flag, "red flag cleared"),
            Self::Suppressed(flag, reason) => {
                write!(debug, flag, "red flag not announced", reason = reason);
            }
            Self::LeftOut(raised, cleared) => tracing::warn!(
                raised,
                cleared,
                "more red flags than there is room for in the log; all are counted, and the \
                 latest are in /api/v1/red-flags"
            ),
        }
    }
}

/// A time since start as seconds since 1970.
fn unix(started: SystemTime, since_start: Duration) -> f64 {
    (started.duration_since(UNIX_EPOCH).unwrap_or_default() + since_start).as_secs_f64()
}

/// The journal lines of what is over in a configuration that was just loaded.
pub(super) fn expired(config: &Config) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    for entry in config.expired(now) {
        tracing::warn!(entry, "this is over and does nothing: take it out of the configuration");
    }
}

/// The journal line of what the audit found out.
pub(super) fn audit(verdict: &audit::Verdict) {
    let audit::Verdict { name, device, contradicted, unexplained, kernel } = verdict;
    let device = device.as_deref().unwrap_or("all");
    if *contradicted {
        tracing::warn!(
            audit = name,
            device,
            unexplained,
            kernel,
            "netmon and the kernel count differently: the signal is not trusted"
        );
    } else {
        tracing::info!(audit = name, device, "netmon and the kernel count the same again");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{detect::Severity, redflag::SuppressReason};

    fn flag(id: u64, severity: Severity) -> RedFlag {
        RedFlag { id, severity, ..RedFlag::EMPTY }
    }

    fn raised(ids: std::ops::Range<u64>) -> Vec<Transition> {
        ids.map(|id| Transition::Raised(flag(id, Severity::Warning))).collect()
    }

    /// The numbers of the flags in some lines, and what was left out.
    fn told(
        teller: &mut Teller,
        second: u64,
        happened: &[Transition],
    ) -> (Vec<u64>, Vec<[u64; 2]>) {
        let (mut ids, mut left_out) = (Vec::new(), Vec::new());
        for line in teller.lines(Duration::from_secs(second), happened) {
            match line {
                Line::Raised(flag) | Line::Cleared(flag) | Line::Suppressed(flag, _) => {
                    ids.push(flag.id);
                }
                Line::LeftOut(raised, cleared) => left_out.push([raised, cleared]),
            }
        }
        (ids, left_out)
    }

    #[test]
    fn a_flood_of_flags_makes_ten_lines_and_one() {
        let mut teller = Teller::default();
        let nothing = (Vec::new(), Vec::new());
        assert_eq!(told(&mut teller, 5, &raised(0..4)), ((0..4).collect(), vec![]));
        assert_eq!(told(&mut teller, 6, &raised(4..40)), ((4..10).collect(), vec![]));
        assert_eq!(told(&mut teller, 65, &raised(40..50)), nothing);
        // The line comes by itself, once.
        assert_eq!(told(&mut teller, 66, &[]), (vec![], vec![[40, 0]]));
        assert_eq!(told(&mut teller, 67, &[]), nothing);
        assert_eq!(told(&mut teller, 99, &raised(50..51)), (vec![50], vec![]));
    }

    #[test]
    fn the_worst_is_told_first() {
        let mut happened = raised(0..20);
        happened.push(Transition::Raised(flag(99, Severity::Critical)));
        let (ids, _) = told(&mut Teller::default(), 0, &happened);
        assert_eq!((ids.len(), ids.first()), (10, Some(&99)));
    }

    #[test]
    fn what_is_silenced_is_not_told_when_it_ends() {
        let silenced = RedFlag { silenced: true, ..RedFlag::EMPTY };
        let happened = [
            Transition::Suppressed(flag(1, Severity::Warning), SuppressReason::Silenced),
            Transition::Cleared(silenced),
            Transition::Cleared(flag(2, Severity::Warning)),
        ];
        assert_eq!(told(&mut Teller::default(), 0, &happened).0, [1, 2]);
    }
}

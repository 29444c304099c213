//! One census after another, beside the tick.
//!
//! Must not take two at once, nor keep a tick waiting: each runs on a thread for
//! work that blocks, and whoever wants the outcome reads the last one.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{sync::watch, task::JoinHandle};

use super::{
    census::Census,
    pace::next_census,
    walk::{CensusError, census},
};

/// What is known of the sockets.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The last census that succeeded; none before the first. It may be old: see
    /// [`age`](Self::age).
    pub census: Option<Arc<Census>>,
    /// When that one was begun.
    pub taken: Option<Instant>,
    /// How long the last attempt took, whether or not it succeeded.
    pub took: Duration,
    /// Why the last attempt failed, if it did.
    pub failure: Option<Arc<CensusError>>,
    /// Attempts up to now.
    pub attempts: u64,
    /// Those that failed.
    pub failures: u64,
}

impl Report {
    /// How old the census is. It is taken every 5 seconds, or less often where it
    /// takes long; one that hangs or fails grows older.
    pub fn age(&self, now: Instant) -> Option<Duration> {
        Some(now.saturating_duration_since(self.taken?))
    }

    /// Takes the outcome of an attempt.
    fn note(&mut self, begun: Instant, took: Duration, outcome: Result<Census, CensusError>) {
        self.took = took;
        self.attempts = self.attempts.saturating_add(1);
        match outcome {
            Ok(census) => {
                self.census = Some(Arc::new(census));
                self.taken = Some(begun);
                self.failure = None;
            }
            Err(error) => {
                self.failures = self.failures.saturating_add(1);
                self.failure = Some(Arc::new(error));
            }
        }
    }
}

/// The task that takes them. It ends when this is dropped.
#[derive(Debug)]
pub struct Taker {
    reports: watch::Receiver<Report>,
    task: JoinHandle<()>,
}

/// A census may take so long. The daemon cannot end before.
const LIMIT: Duration = Duration::from_secs(5);

impl Taker {
    /// Begins to take censuses of the network namespace of the calling thread,
    /// the first at once. Must be called within a tokio runtime.
    pub fn start() -> Self {
        Self::with(|| census(LIMIT), next_census)
    }

    /// [`start`](Self::start) with a census and a pace of one's own: how long
    /// after the beginning of one that took so long the next is due.
    pub fn with(
        census: impl Fn() -> Result<Census, CensusError> + Send + Sync + 'static,
        pace: impl Fn(Duration) -> Duration + Send + 'static,
    ) -> Self {
        let (report, reports) = watch::channel(Report::default());
        Self { reports, task: tokio::spawn(run(Arc::new(census), pace, report)) }
    }

    /// What is known now. Never waits.
    pub fn report(&self) -> Report {
        self.reports.borrow().clone()
    }

    /// Waits for the outcome of another attempt.
    pub async fn changed(&mut self) -> Report {
        // The task, which holds the other end, lives as long as this.
        let _ = self.reports.changed().await;
        self.reports.borrow_and_update().clone()
    }
}

impl Drop for Taker {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run<C>(census: Arc<C>, pace: impl Fn(Duration) -> Duration, report: watch::Sender<Report>)
where
    C: Fn() -> Result<Census, CensusError> + Send + Sync + 'static,
{
    loop {
        let begun = Instant::now();
        let work = Arc::clone(&census);
        // The time that it waits for a thread is none of its cost.
        let outcome = tokio::task::spawn_blocking(move || {
            let begun = Instant::now();
            (work(), begun.elapsed())
        });
        let (outcome, took) =
            outcome.await.unwrap_or_else(|_| (Err(CensusError::Lost), begun.elapsed()));
        report.send_modify(|report| report.note(begun, took, outcome));
        tokio::time::sleep(pace(took).saturating_sub(begun.elapsed())).await;
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::panic, reason = "tests")]
mod tests {
    use std::sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
        mpsc,
    };

    use super::*;

    fn on_a_runtime(test: impl Future<Output = ()>) {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_time().build().unwrap().block_on(test);
    }

    fn counted(other: u64) -> Census {
        Census { other, ..Census::default() }
    }

    #[test]
    fn a_failure_is_told_and_leaves_the_last_census() {
        on_a_runtime(async {
            let calls = AtomicU64::new(0);
            let census = move || match calls.fetch_add(1, Ordering::Relaxed) {
                0 => Err(CensusError::NoList),
                2 => Err(CensusError::Damaged),
                call => Ok(counted(call)),
            };
            let mut taker = Taker::with(census, |_| Duration::ZERO);
            assert!(taker.report().census.is_none() && taker.report().failure.is_none());
            let mut told = Vec::new();
            while told.len() < 4 {
                let report = taker.changed().await;
                let other = report.census.map(|census| census.other);
                told.push((report.attempts, report.failures, other, report.failure.is_some()));
            }
            let expected = [
                (1, 1, None, true),
                (2, 1, Some(1), false),
                (3, 2, Some(1), true),
                (4, 2, Some(3), false),
            ];
            assert_eq!(told, expected);
        });
    }

    #[test]
    fn one_at_a_time_and_nobody_waits() {
        on_a_runtime(async {
            let (allow, allowed) = mpsc::channel();
            let (running, most) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
            let census = {
                let (running, most) = (Arc::clone(&running), Arc::clone(&most));
                let allowed = Mutex::new(allowed);
                move || {
                    most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    let other = allowed.lock().unwrap().recv().unwrap();
                    running.fetch_sub(1, Ordering::SeqCst);
                    Ok(counted(other))
                }
            };
            let mut taker = Taker::with(census, |_| Duration::ZERO);
            while running.load(Ordering::SeqCst) == 0 {
                tokio::task::yield_now().await;
            }
            // It hangs; whoever ticks meanwhile sees that there is nothing yet.
            assert!(taker.report().taken.is_none());
            for other in 0..5 {
                allow.send(other).unwrap();
                let report = taker.changed().await;
                assert_eq!(report.census.unwrap().other, other);
                assert!(report.taken.unwrap() + report.took <= Instant::now());
            }
            assert_eq!(most.load(Ordering::SeqCst), 1);
            // The one that hangs now must end before the runtime can.
            drop(allow);
        });
    }

    #[test]
    fn a_census_that_hangs_grows_old() {
        let begun = Instant::now();
        let mut report = Report::default();
        let after = |seconds| begun + Duration::from_secs(seconds);
        assert_eq!(report.age(after(9)), None);
        report.note(begun, Duration::from_secs(1), Ok(counted(0)));
        assert_eq!(report.age(after(3)), Some(Duration::from_secs(3)));
        report.note(after(5), Duration::from_secs(2), Err(CensusError::Damaged));
        assert_eq!(report.age(after(8)), Some(Duration::from_secs(8)));
        assert_eq!(report.took, Duration::from_secs(2));
    }

    #[test]
    fn a_thread_that_dies_is_a_failure() {
        on_a_runtime(async {
            let census = || -> Result<Census, CensusError> { panic!("on purpose") };
            let mut taker = Taker::with(census, |_| Duration::MAX);
            let report = taker.changed().await;
            assert!(matches!(report.failure.as_deref(), Some(CensusError::Lost)));
        });
    }

    #[test]
    fn the_pace_is_kept() {
        on_a_runtime(async {
            let (tell, told) = mpsc::channel();
            let period = Duration::from_millis(20);
            let pace = move |took| {
                tell.send(took).unwrap();
                period
            };
            let begun = Instant::now();
            let mut taker = Taker::with(|| Ok(counted(0)), pace);
            for _ in 0..4 {
                taker.changed().await;
            }
            assert!(begun.elapsed() >= 3 * period);
            let told: Vec<_> = told.try_iter().collect();
            assert!(told.len() >= 3 && told.contains(&taker.report().took), "{told:?}");
        });
    }
}

//! TCP connections, one by one, as they end: what the kernel tells of those of this host,
//! and what a tracker makes of the packets of a capture.
//!
//! The same code takes both, in the time of the records. Tables of a fixed size are all
//! that it has: they are allocated once, what does not fit is counted, and what stays is
//! what keeps coming.
//!
//! Must not know a threshold: what it reports, detectors judge.

mod record;
pub mod report;

use std::{sync::Arc, time::Duration};

pub use self::{
    record::{End, Record},
    report::Report,
};
use crate::{config::Config, key::Key};

/// What is remembered of connections.
#[derive(Debug)]
pub struct Flows {
    closed: u64,
    failed: u64,
    /// The time of the last record or report.
    now: Duration,
    /// The last report and its second.
    last: Option<(u32, Arc<Report>)>,
}

impl Flows {
    /// Nothing seen yet.
    pub fn new(_config: &Config, _key: Key) -> Self {
        Self { closed: 0, failed: 0, now: Duration::ZERO, last: None }
    }

    /// Takes over a configuration. What was seen stays.
    pub fn configure(&mut self, _config: &Config) {}

    /// Takes note of a connection that is over, or of an attempt that failed. They come in
    /// the order in which they ended, but for those of two processors.
    pub fn observe(&mut self, record: &Record) {
        self.now = self.now.max(record.ended);
        match record.end {
            End::Closed(_) => self.closed += 1,
            End::Failed(_) => self.failed += 1,
        }
    }

    /// What the connections say at a moment, to the second.
    pub fn report(&mut self, at: Duration) -> Arc<Report> {
        self.now = self.now.max(at);
        let second = whole(self.now.as_secs());
        if let Some((of, report)) = &self.last
            && *of == second
        {
            return Arc::clone(report);
        }
        let report =
            Arc::new(Report { closed: self.closed, failed: self.failed, evicted: Vec::new() });
        self.last = Some((second, Arc::clone(&report)));
        report
    }
}

/// Seconds as a number of 32 bits, which is enough for a century.
fn whole(seconds: u64) -> u32 {
    u32::try_from(seconds).unwrap_or(u32::MAX)
}

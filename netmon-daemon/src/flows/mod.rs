//! TCP connections, one by one, as they end: what the kernel tells of those of this host,
//! and what a tracker makes of the packets of a capture.
//!
//! The same code takes both, in the time of the records. Tables of a fixed size are all
//! that it has: what does not fit is counted, and what stays is what keeps coming.
//!
//! Must not know a threshold: what it reports, detectors judge. Invariant: all tables
//! together take at most [`MAX_BYTES`], whatever comes.

mod chatter;
mod churn;
pub mod habits;
mod lead;
mod logins;
mod record;
pub mod report;
mod sessions;
mod spans;
#[cfg(test)]
mod tests;
mod waste;

use std::{cmp::Reverse, sync::Arc, time::Duration};

pub use self::{
    chatter::Chat,
    record::{End, Record},
    report::Report,
};
use self::{
    chatter::Chatter, churn::Churn, habits::Habits, logins::Logins, report::MOST,
    sessions::Sessions, waste::Waste,
};
use crate::{
    config::Config,
    key::{Dice, Key},
    sockets::Census,
    store::Kept,
};

/// What all tables may take together.
pub const MAX_BYTES: usize = 2 << 20;

/// What is remembered of connections.
#[derive(Debug)]
pub struct Flows {
    key: Key,
    dice: Dice,
    logins: Logins,
    churn: Churn,
    waste: Waste,
    sessions: Sessions,
    chatter: Chatter,
    habits: Habits,
    closed: u64,
    failed: u64,
    /// The time of the last record or report.
    now: Duration,
    /// The last report and its second.
    last: Option<(u32, Arc<Report>)>,
}

impl Flows {
    /// Nothing seen yet of what a configuration wants to be watched.
    pub fn new(config: &Config, key: Key) -> Self {
        let detectors = &config.detectors;
        Self {
            key,
            dice: key.dice(),
            logins: Logins::new(
                &detectors.brute_force.services,
                &detectors.connection_churn.services,
            ),
            churn: Churn::new(&detectors.connection_churn.services),
            waste: Waste::default(),
            sessions: Sessions::default(),
            chatter: Chatter::new(),
            habits: Habits::new(config, key),
            closed: 0,
            failed: 0,
            now: Duration::ZERO,
            last: None,
        }
    }

    /// Takes over a configuration. What was seen stays.
    pub fn configure(&mut self, config: &Config) {
        let detectors = &config.detectors;
        let pools = &detectors.connection_churn.services;
        self.logins.configure(&detectors.brute_force.services, pools);
        self.churn.configure(pools);
        self.habits.configure(config);
    }

    /// Bytes that all tables take.
    pub fn bytes(&self) -> usize {
        let talk = self.sessions.bytes() + self.chatter.bytes();
        self.logins.bytes() + self.churn.bytes() + self.waste.bytes() + talk + self.habits.bytes()
    }

    /// Takes note of a connection that is over, or of an attempt that failed. They come in
    /// the order in which they ended, but for those of two processors.
    pub fn observe(&mut self, record: &Record) {
        self.now = self.now.max(record.ended);
        match record.end {
            End::Closed(_) => self.closed += 1,
            End::Failed(_) => self.failed += 1,
        }
        let second = whole(self.now.as_secs());
        self.logins.observe(record, second, &self.key, &mut self.dice);
        if self.churn.watches(record) {
            self.churn.observe(record, second, &self.key, &mut self.dice);
            self.waste.observe(record);
        }
        self.habits.observe(record);
    }

    /// Takes note of a new list of the sockets that are open.
    pub fn list(&mut self, at: Duration, census: &Census) {
        self.habits.list(at, census);
        let Self { chatter, key, dice, .. } = self;
        self.sessions.list(at, &census.talkers.kept, |chat| chatter.observe(chat, key, dice));
        self.hear(at);
    }

    /// Takes note of what went over a connection that is open.
    pub fn chat(&mut self, chat: &Chat) {
        self.now = self.now.max(chat.to);
        self.chatter.observe(chat, &self.key, &mut self.dice);
    }

    /// All that went over connections up to this moment was told.
    pub fn hear(&mut self, at: Duration) {
        self.chatter.hear(at);
    }

    /// What outlives the daemon.
    pub fn kept(&mut self) -> Vec<Kept<'_>> {
        self.habits.kept()
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
        let logins = worst(self.logins.candidates(second), |it| it.thirty_minutes);
        let crowds = worst(self.logins.crowds(second), |it| u64::from(it.sources));
        let churning = worst(self.churn.candidates(second).into_iter(), |it| {
            it.opens.iter().map(|opens| u64::from(*opens)).sum()
        });
        let chatting = worst(self.chatter.candidates(self.now).into_iter(), |it| {
            it.turns.iter().fold(0, |sum, turns| sum.saturating_add(*turns))
        });
        let report = Arc::new(Report {
            closed: self.closed,
            failed: self.failed,
            logins,
            crowds,
            churning,
            wasted: self.waste.list(),
            chatting,
            wasted_on_turns: self.chatter.wasted(),
            evicted: vec![
                ("logins", self.logins.evicted()),
                ("churn", self.churn.evicted()),
                ("chatter", self.chatter.evicted()),
                ("beacons", self.habits.evicted()),
            ],
            habits: self.habits.report(self.now),
        });
        self.last = Some((second, Arc::clone(&report)));
        report
    }
}

/// Seconds as a number of 32 bits, which is enough for a century.
fn whole(seconds: u64) -> u32 {
    u32::try_from(seconds).unwrap_or(u32::MAX)
}

/// The worst few, worst first.
fn worst<T>(found: impl Iterator<Item = T>, badness: impl Fn(&T) -> u64) -> Vec<T> {
    let mut found: Vec<T> = found.collect();
    found.sort_by_key(|it| Reverse(badness(it)));
    found.truncate(MOST);
    found
}

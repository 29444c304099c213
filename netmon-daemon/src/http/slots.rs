//! The places for connections, and who gives way when all are taken.
//!
//! A connection that has not sent a request yet gives way at once, the oldest
//! first: so a crowd of silent clients only replaces each other, while a client
//! that asks is served. One that was served gives way when it is idle. Who is
//! being served never does.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{task::AbortHandle, time::Instant};

/// The places.
#[derive(Debug, Default)]
pub(super) struct Slots(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    next: u64,
    taken: BTreeMap<u64, Slot>,
}

#[derive(Debug)]
struct Slot {
    phase: Phase,
    since: Instant,
    task: Option<AbortHandle>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// No request came yet.
    New,
    /// A request is being answered.
    Busy,
    /// Requests were answered.
    Idle,
}

/// A place that is taken, until this is dropped.
#[derive(Debug)]
pub(super) struct Taken {
    slots: Arc<Slots>,
    id: u64,
}

impl Slots {
    /// Takes a place, or says that all of them are in use.
    pub(super) fn take(self: &Arc<Self>, max: usize, idle: Duration) -> Option<Taken> {
        let now = Instant::now();
        let mut table = self.table();
        if table.taken.len() >= max && !table.evict(now, idle) {
            return None;
        }
        let id = table.next;
        table.next += 1;
        table.taken.insert(id, Slot { phase: Phase::New, since: now, task: None });
        Some(Taken { slots: Arc::clone(self), id })
    }

    /// Ends a connection that nobody would miss, to free what it holds.
    pub(super) fn evict(&self) {
        self.table().evict(Instant::now(), Duration::ZERO);
    }

    /// Ends all connections on which no request came yet: the server stops.
    pub(super) fn end_new(&self) {
        self.table().taken.retain(|_, slot| {
            let new = slot.phase == Phase::New;
            if let Some(task) = slot.task.as_ref().filter(|_| new) {
                task.abort();
            }
            !new
        });
    }

    /// Notes which task serves a place, so that it can be ended.
    pub(super) fn serve(&self, id: u64, task: AbortHandle) {
        if let Some(slot) = self.table().taken.get_mut(&id) {
            slot.task = Some(task);
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn evict(&mut self, now: Instant, idle: Duration) -> bool {
        let victim = self
            .taken
            .iter()
            .filter(|(_, slot)| match slot.phase {
                Phase::New => true,
                Phase::Busy => false,
                Phase::Idle => now.duration_since(slot.since) >= idle,
            })
            .min_by_key(|(_, slot)| (slot.phase == Phase::Idle, slot.since))
            .map(|(id, _)| *id);
        let Some(slot) = victim.and_then(|id| self.taken.remove(&id)) else { return false };
        if let Some(task) = slot.task {
            task.abort();
        }
        true
    }
}

impl Taken {
    /// Its number.
    pub(super) const fn id(&self) -> u64 {
        self.id
    }

    /// A request came.
    pub(super) fn busy(&self) {
        self.enter(Phase::Busy);
    }

    /// It was answered.
    pub(super) fn idle(&self) {
        self.enter(Phase::Idle);
    }

    fn enter(&self, phase: Phase) {
        if let Some(slot) = self.slots.table().taken.get_mut(&self.id) {
            slot.phase = phase;
            slot.since = Instant::now();
        }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.slots.table().taken.remove(&self.id);
    }
}

//! Attempts to connect, as the kernel keeps them: windows that begin between two snapshots,
//! and what became of each by the next one.

use std::time::Duration;

use netmon_common::abi::attempts::AttemptEvents;

use crate::{
    attempts::Attempts as Sources,
    kernel::{Kernel, KernelError},
    key::Key,
    signal::Signal,
    snapshot::Snapshot,
};

/// The source of what is known of attempts.
const TAIL_CALL: &str = "tail_call";

/// A window begins when this part of the time between two snapshots has passed: the answers
/// to the last requests of the one before then have the rest of it to come.
const TURN: f64 = 0.3;

/// Requests in a window from which on it is looked whether there are too many.
const MANY: u64 = 2048;

/// Fewer requests than these are no crowd, of whom anybody wants to know how many they are.
const FEW: u64 = 50;

/// The chance of a suspect to be overlooked from which on nobody is looked for.
const OVERLOOKED: f64 = 0.05;

/// Who asks, and who remembers it.
pub(super) struct Attempts {
    sources: Sources,
    /// Whether a window ended whose suspects nobody has seen yet.
    turned: bool,
    before: AttemptEvents,
}

impl Attempts {
    /// Nobody asked yet.
    pub(super) fn start() -> Self {
        Self { sources: Sources::new(Key::random()), turned: false, before: AttemptEvents::ZERO }
    }

    /// Begins a window, if it is time: `passed` since the last snapshot, of which there is
    /// one in every `tick`.
    pub(super) fn turn(
        &mut self,
        kernel: &mut Kernel,
        passed: Duration,
        tick: Duration,
    ) -> Result<(), KernelError> {
        if !self.turned && passed >= tick.mul_f64(TURN) {
            kernel.turn_attempts()?;
            self.turned = true;
        }
        Ok(())
    }

    /// Adds to a snapshot who asks in vain.
    pub(super) fn fill(
        &mut self,
        kernel: &mut Kernel,
        snapshot: &mut Snapshot,
    ) -> Result<(), KernelError> {
        let (at, sources, turned) = (snapshot.at, &mut self.sources, self.turned);
        let events = kernel.attempts(|suspect| {
            if turned {
                sources.observe(at, suspect);
            }
        })?;
        if !turned {
            // Nobody came by in time: its answers have until the next snapshot.
            kernel.turn_attempts()?;
        }
        self.turned = !turned;
        let Some(events) = events.filter(|_| snapshot.sources.has(Signal::Packets)) else {
            return Ok(());
        };
        let requests = events.requests.wrapping_sub(self.before.requests);
        let is_crowded = requests >= MANY && kernel.crowding()? > OVERLOOKED;
        snapshot.sources.set(Signal::Attempts, (!is_crowded).then_some(TAIL_CALL));
        if turned && requests >= FEW {
            self.sources.ask_all(at, &kernel.askers()?);
        }
        self.sources.sum_up(&events);
        snapshot.attempts = Some(self.sources.report(at));
        self.before = events;
        Ok(())
    }
}

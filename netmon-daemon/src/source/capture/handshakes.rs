//! The handshakes of a capture, by the rules and with the table of the programs.

use std::time::Duration;

use netmon_common::{
    abi::{connection::Handshake, histogram::HANDSHAKE_BOUNDS},
    handshake::{Entry, Flow, Keys, SETS, Sampler, Set, Step},
    packet::{Link, Packet},
};

/// Requests that wait for their answers.
pub(super) struct Handshakes {
    sets: Vec<Set>,
    sampler: Sampler,
    requests: u64,
}

/// How long a handshake took, and for how many it counts.
#[derive(Clone, Copy)]
pub(super) struct Ended {
    nanoseconds: u64,
    times: u64,
}

/// By what flows are hashed.
const KEYS: Keys = super::keys();

impl Handshakes {
    /// Nobody asked for anything yet.
    pub(super) fn new() -> Self {
        Self { sets: vec![Set::default(); SETS as usize], sampler: Sampler::default(), requests: 0 }
    }

    /// Follows a packet; tells what it ends, if it ends a handshake.
    pub(super) fn follow(
        &mut self,
        at: Duration,
        packet: Packet,
        bytes: &[u8],
        link: Link,
    ) -> Option<Ended> {
        let step = Step::of(packet)?;
        let flow = Flow::read(bytes, link, step, &KEYS)?;
        let sampling = self.sampler.choose(at, self.requests);
        let set = self.sets.get_mut(usize::try_from(flow.set(sampling)).ok()?)?;
        let now = u64::try_from(at.as_nanos()).ok()?;
        match step {
            Step::Request => {
                self.requests += 1;
                let (place, entry) = flow.requested(*set, now)?;
                *set.get_mut(place)? = entry.to_word();
                None
            }
            Step::Answer => {
                let (place, entry) = flow.answered(*set)?;
                *set.get_mut(place)? = Entry::EMPTY.to_word();
                let nanoseconds = entry.age(now)?;
                Some(Ended { nanoseconds, times: sampling.weight(flow, nanoseconds) })
            }
        }
    }
}

impl Ended {
    /// Counts it.
    pub(super) fn count(self, handshakes: &mut Handshake) {
        handshakes.nanoseconds.count(&HANDSHAKE_BOUNDS, self.nanoseconds, self.times);
    }
}

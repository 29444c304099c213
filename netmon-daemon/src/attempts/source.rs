//! What is remembered of one who asks and is not answered.

use netmon_common::{
    attempts::{Kind, Suspect},
    sketch::Marks,
};

use super::ring::Ring;
use crate::estimate::marked;

/// Seconds of a slot of the last minutes, and how many are kept.
const FINE: u32 = 10;
const FINES: usize = 30;
/// The same of the last hour.
const COARSE: u32 = 300;
const COARSES: usize = 12;

/// For how many seconds at least it is remembered what was asked for before.
const FIRST_CONTACT: u32 = 1800;

/// The walk of the sequential test in steps: a failure is one up, a success one down.
/// log(99) / log(4), below which a good past does not count (Jung, Paxson, Berger,
/// Balakrishnan: Fast portscan detection using sequential hypothesis testing, 2004).
const LOWEST: f32 = -3.32;

/// The bits of what was asked for.
type Bits = Marks<8>;

/// One who asks.
#[derive(Clone, Debug)]
pub(super) struct Source {
    /// As he was last seen.
    pub(super) last: Suspect,
    pub(super) kind: Kind,
    /// What failed, in this period and in the one before.
    failed: [Bits; 2],
    /// What succeeded.
    reached: [Bits; 2],
    period: u32,
    fine: Ring<FINES>,
    coarse: Ring<COARSES>,
    stealth: Ring<7>,
    /// See [`LOWEST`].
    pub(super) walk: f32,
}

impl Source {
    /// Nothing is known of him yet.
    pub(super) const fn new(kind: Kind, last: Suspect) -> Self {
        Self {
            last,
            kind,
            failed: [Bits::EMPTY; 2],
            reached: [Bits::EMPTY; 2],
            period: 0,
            fine: Ring::EMPTY,
            coarse: Ring::EMPTY,
            stealth: Ring::EMPTY,
            walk: 0.0,
        }
    }

    /// Takes note of what he did in a window that ended now.
    pub(super) fn observe(&mut self, second: u32, suspect: &Suspect) {
        self.turn(second / FIRST_CONTACT);
        self.last = *suspect;
        let succeeded = suspect.asked.and(&suspect.answered);
        let (failed, reached) = (self.failed(), self.reached());
        // A request that was lost, and came through when it was sent again.
        let recovered = succeeded.and(&failed);
        for bits in &mut self.failed {
            *bits = bits.without(&succeeded);
        }
        let [now, _] = &mut self.reached;
        now.merge(&succeeded);
        let news = suspect.asked.without(&suspect.answered).without(&reached);
        let before = distinct(&self.failed());
        let [now, _] = &mut self.failed;
        now.merge(&news);
        let failures = distinct(&self.failed()).saturating_sub(before);
        let successes = succeeded.without(&reached).ones();

        self.fine.take(recovered.ones());
        self.coarse.take(recovered.ones());
        self.fine.add(second / FINE, failures);
        self.coarse.add(second / COARSE, failures);
        self.stealth.add(second / FINE, u32::try_from(suspect.stealth()).unwrap_or(u32::MAX));
        let steps = f64::from(failures) - f64::from(successes) - f64::from(recovered.ones());
        #[expect(clippy::cast_possible_truncation, reason = "a few thousand steps")]
        let steps = steps as f32;
        self.walk = (self.walk + steps).max(LOWEST);
    }

    /// What failed within a minute, five minutes and an hour, as far as slots tell: never
    /// more than that.
    pub(super) fn failures(&self, second: u32) -> [u32; 3] {
        [
            self.fine.last(second / FINE, 60 / FINE),
            self.fine.last(second / FINE, 300 / FINE),
            self.coarse.last(second / COARSE, 3600 / COARSE),
        ]
    }

    /// Segments within a minute that no TCP stack sends.
    pub(super) fn stealth(&self, second: u32) -> u32 {
        self.stealth.last(second / FINE, 60 / FINE)
    }

    fn turn(&mut self, period: u32) {
        if period == self.period {
            return;
        }
        let [failed, reached] = [self.failed, self.reached].map(|[last, _]| last);
        let is_next = period == self.period.wrapping_add(1);
        let past = |bits| if is_next { bits } else { Bits::EMPTY };
        self.failed = [Bits::EMPTY, past(failed)];
        self.reached = [Bits::EMPTY, past(reached)];
        self.period = period;
    }

    fn failed(&self) -> Bits {
        union(&self.failed)
    }

    fn reached(&self) -> Bits {
        union(&self.reached)
    }
}

fn union([one, other]: &[Bits; 2]) -> Bits {
    let mut all = *one;
    all.merge(other);
    all
}

/// How many different things bits stand for.
fn distinct(bits: &Bits) -> u32 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a few thousand at most, and not negative"
    )]
    let distinct = marked(Bits::BITS, bits.ones()).round() as u32;
    distinct
}

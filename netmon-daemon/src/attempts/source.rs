//! What is remembered of one who asks and is not answered.

use netmon_common::{
    attempts::{Kind, Suspect},
    sketch::Marks,
};

use crate::{
    estimate::{marked, whole},
    ring::Ring,
};

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
    fine: Ring<u16, FINES>,
    coarse: Ring<u16, COARSES>,
    stealth: Ring<u16, 7>,
    /// See [`LOWEST`].
    pub(super) walk: f32,
}

impl Source {
    /// Nothing is known of him yet.
    pub(super) fn new(kind: Kind, last: Suspect) -> Self {
        Self {
            last,
            kind,
            failed: [Bits::EMPTY; 2],
            reached: [Bits::EMPTY; 2],
            period: 0,
            fine: Ring::default(),
            coarse: Ring::default(),
            stealth: Ring::default(),
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

        take(&mut self.fine, recovered.ones());
        take(&mut self.coarse, recovered.ones());
        add(&mut self.fine, second / FINE, failures.into());
        add(&mut self.coarse, second / COARSE, failures.into());
        add(&mut self.stealth, second / FINE, suspect.stealth());
        let steps = f64::from(failures) - f64::from(successes) - f64::from(recovered.ones());
        #[expect(clippy::cast_possible_truncation, reason = "a few thousand steps")]
        let steps = steps as f32;
        self.walk = (self.walk + steps).max(LOWEST);
    }

    /// What failed within a minute, five minutes and an hour, as far as slots tell: never
    /// more than that.
    pub(super) fn failures(&self, second: u32) -> [u32; 3] {
        [
            last(&self.fine, second / FINE, 60 / FINE),
            last(&self.fine, second / FINE, 300 / FINE),
            last(&self.coarse, second / COARSE, 3600 / COARSE),
        ]
    }

    /// Segments within a minute that no TCP stack sends.
    pub(super) fn stealth(&self, second: u32) -> u32 {
        last(&self.stealth, second / FINE, 60 / FINE)
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
    u32::try_from(whole(marked(Bits::BITS, bits.ones()))).unwrap_or(u32::MAX)
}

/// Counts so many in a slot of time.
fn add<const N: usize>(ring: &mut Ring<u16, N>, slot: u32, count: u64) {
    if let Some(place) = ring.at(slot) {
        *place = place.saturating_add(u16::try_from(count).unwrap_or(u16::MAX));
    }
}

/// Takes so many back, of the last ones first.
fn take<const N: usize>(ring: &mut Ring<u16, N>, mut count: u32) {
    let newest = ring.newest();
    for slot in (0..=newest).rev().take(N) {
        let Some(place) = ring.at(slot) else { return };
        let taken = u32::from(*place).min(count);
        *place -= u16::try_from(taken).unwrap_or(0);
        count -= taken;
    }
}

/// How many were counted in a slot and in those before it, so many in all.
fn last<const N: usize>(ring: &Ring<u16, N>, slot: u32, slots: u32) -> u32 {
    ring.up_to(slot, slots).map(u32::from).sum()
}

//! The rules by which suspects are kept.

use super::{
    Attempt, Crowd, Keys, Kind, Suspect, TAGS, WAYS,
    attempt::Hashes,
    suspect::{is_of, is_same, set, tag, with_one_more, worth},
};
use crate::{
    abi::attempts::AttemptEvents,
    sketch::{CountMin, Marks},
};

/// How often targets were asked for: 32 KiB, as much as one value of a processor may have.
pub type Popularity = CountMin<4096, 2>;

/// Requests for one port of one host within one window, or the one before it, from which on
/// they say nothing of who asks. A scanner asks once or twice.
pub const POPULAR: u32 = 8;

/// The same for segments that no TCP stack sends: nobody but a scanner does, until they are a
/// flood of their own.
pub const FLOODED: u32 = 64;

/// Where suspects are kept: maps in the kernel, vectors in a replay.
pub trait Ledger {
    /// The number of the window.
    fn window(&self) -> u32;
    /// The random numbers.
    fn keys(&self) -> &Keys;
    /// The targets of this processor.
    fn popularity(&mut self) -> Option<&mut Popularity>;
    /// Those who ask, of this processor.
    fn crowd(&mut self) -> Option<&mut Crowd>;
    /// Who stands where in one of the tables.
    fn tags(&mut self, bank: u32) -> Option<&mut [u64; TAGS]>;
    /// A suspect of one of the tables.
    fn suspect(&mut self, bank: u32, at: usize) -> Option<&mut Suspect>;
    /// The same number, of which the verifier knows nothing any more: see
    /// [`Bytes::forget`](crate::bytes::Bytes::forget).
    fn forget(&self, number: usize) -> usize {
        number
    }
    /// What is counted.
    fn events(&mut self) -> Option<&mut AttemptEvents>;
}

/// Takes note of a request. `own` are those of this host and its containers.
#[inline(always)]
pub fn ask(ledger: &mut impl Ledger, attempt: &Attempt, own: bool, stealth: bool, workload: u64) {
    let hashes = attempt.hashes(ledger.keys());
    if !is_telling(ledger, &hashes, if stealth { FLOODED } else { POPULAR }) {
        return;
    }
    let request = Request { attempt, stealth, workload };
    if own {
        suspect(ledger, &hashes, Kind::Across, &request);
        suspect(ledger, &hashes, Kind::Along, &request);
    } else {
        suspect(ledger, &hashes, Kind::Outside, &request);
    }
}

/// Takes note of a datagram to a port on which nobody listens.
#[inline(always)]
pub fn refuse(ledger: &mut impl Ledger, attempt: &Attempt) {
    let hashes = attempt.hashes(ledger.keys());
    if is_telling(ledger, &hashes, POPULAR) {
        let request = Request { attempt, stealth: false, workload: 0 };
        suspect(ledger, &hashes, Kind::Udp, &request);
    }
}

/// Takes note of an answer, to somebody of this host and its containers, to somebody outside,
/// or to whichever of them asked.
#[inline(always)]
pub fn answer(ledger: &mut impl Ledger, attempt: &Attempt, to: To) {
    let hashes = attempt.hashes(ledger.keys());
    if let Some(events) = ledger.events() {
        events.answers = events.answers.wrapping_add(1);
    }
    if to != To::Outside {
        agree(ledger, &hashes, Kind::Across);
        agree(ledger, &hashes, Kind::Along);
    }
    if to != To::Own {
        agree(ledger, &hashes, Kind::Outside);
    }
}

/// To whom an answer may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// This host or its containers.
    Own,
    /// Somebody outside.
    Outside,
    /// Either: what arrives from outside is for this host, or is the copy that a mirror port
    /// makes of what others say to each other.
    Either,
}

/// What is kept of a request.
struct Request<'a> {
    attempt: &'a Attempt,
    stealth: bool,
    workload: u64,
}

impl Hashes {
    /// Who asks, as one of a kind.
    #[inline(always)]
    const fn who(&self, kind: Kind, keys: &Keys) -> u64 {
        let [.., key] = *keys;
        let of_kind = self.client.wrapping_add((kind as u64).wrapping_mul(key));
        match kind {
            Kind::Outside | Kind::Udp => of_kind,
            Kind::Across => of_kind.wrapping_add(self.port),
            Kind::Along => of_kind.wrapping_add(self.server),
        }
    }

    /// What is asked for, of one who asks as this kind.
    #[inline(always)]
    const fn what(&self, kind: Kind) -> u64 {
        mixed(match kind {
            Kind::Outside | Kind::Udp => self.server.wrapping_add(self.port),
            Kind::Across => self.server,
            Kind::Along => self.port,
        })
    }
}

/// The upper half of a hash, so mixed that neighbours do not lie at equal distances: of bits
/// that are set so evenly more would be set than by chance, which is what is reckoned with.
/// One round of a mixer of 32 bits (Wellons, hash-prospector, 2018).
#[inline(always)]
const fn mixed(hash: u64) -> u64 {
    let half = hash >> 32;
    let half = (half ^ half >> 16).wrapping_mul(0x7feb_352d) & 0xffff_ffff;
    half ^ half >> 15
}

/// Whether so few ask for a target that it says something of who does.
#[inline(always)]
fn is_telling(ledger: &mut impl Ledger, hashes: &Hashes, most: u32) -> bool {
    let window = ledger.window();
    let target = hashes.server.wrapping_add(hashes.port) >> 32;
    if let Some(crowd) = ledger.crowd() {
        crowd.observe(mixed(hashes.client), window);
    }
    let times = ledger.popularity().map_or(0, |popularity| popularity.add(target, window));
    let is = times <= most;
    if let Some(events) = ledger.events() {
        events.requests = events.requests.wrapping_add(1);
        events.popular = events.popular.wrapping_add(u64::from(!is));
    }
    is
}

/// Where nobody stands. A number like any other, not an `Option`: what the compiler leaves
/// in a register where there is nothing, the verifier takes for what was there before.
const NOWHERE: usize = TAGS;

/// Where a suspect stands among the tags of a table.
#[inline(always)]
fn find(tags: &[u64; TAGS], hash: u64, window: u32) -> usize {
    let (first, wanted) = (set(hash).wrapping_mul(WAYS), tag(hash, window));
    let mut found = NOWHERE;
    for way in 0..WAYS {
        let at = first.wrapping_add(way);
        if tags.get(at).is_some_and(|tag| is_same(*tag, wanted)) {
            found = at;
        }
    }
    found
}

/// Takes note of what a suspect asked for, and makes room for him if need be.
#[inline(always)]
fn suspect(ledger: &mut impl Ledger, hashes: &Hashes, kind: Kind, request: &Request<'_>) {
    let window = ledger.window();
    let bank = window & 1;
    let (who, what) = (hashes.who(kind, ledger.keys()), hashes.what(kind));
    let Some(tags) = ledger.tags(bank) else { return };
    let mut at = find(tags, who, window);
    at = ledger.forget(at);
    if at == NOWHERE {
        at = place(ledger, who, what, window);
        at = ledger.forget(at);
        if at == NOWHERE {
            return;
        }
        let Some(suspect) = ledger.suspect(bank, at) else { return };
        suspect.client = request.attempt.client;
        suspect.about = 0;
        suspect.asked = Marks::EMPTY;
        suspect.answered = Marks::EMPTY;
    }
    // A position for all that follows, and no comparison: Linux 6.1 forgets what a comparison
    // said of a number that is kept on the stack.
    let at = at & (TAGS - 1);
    let Some(suspect) = ledger.suspect(bank, at) else { return };
    suspect.server = request.attempt.server;
    suspect.workload = request.workload;
    let stealth = (suspect.about >> 32).wrapping_add(u64::from(request.stealth));
    suspect.about = stealth << 32 | (kind as u64) << 16 | u64::from(request.attempt.port);
    if suspect.asked.observe(what)
        && let Some(tags) = ledger.tags(bank)
        && let Some(tag) = tags.get_mut(at)
    {
        *tag = with_one_more(*tag);
    }
}

/// Makes room for a suspect, if he is let in. Whoever has more bits is harder to displace:
/// what comes once passes by, what keeps coming gets in and stays (random admission: Basat
/// et al., Randomized Admission Policy, 2017).
#[inline(always)]
fn place(ledger: &mut impl Ledger, who: u64, what: u64, window: u32) -> usize {
    let Some(tags) = ledger.tags(window & 1) else { return NOWHERE };
    let first = set(who).wrapping_mul(WAYS);
    let (mut at, mut least) = (first, u64::MAX);
    for way in 0..WAYS {
        let here = first.wrapping_add(way);
        let worth = tags.get(here).map_or(u64::MAX, |tag| worth(*tag, window));
        if worth < least {
            (at, least) = (here, worth);
        }
    }
    // Of one bit or none nothing is known yet.
    let halvings = least.saturating_sub(2).min(10);
    let is_in = what & 1_u64.wrapping_shl(halvings as u32).wrapping_sub(1) == 0;
    if is_in && let Some(place) = tags.get_mut(at) {
        *place = tag(who, window);
    }
    if let Some(events) = ledger.events() {
        let (displaced, refused) = (is_in && least != 0, !is_in);
        events.displaced = events.displaced.wrapping_add(u64::from(displaced));
        events.refused = events.refused.wrapping_add(u64::from(refused));
        events.admitted = events.admitted.wrapping_add(u64::from(is_in));
    }
    if is_in { at } else { NOWHERE }
}

/// Takes note of an answer to a suspect, who may have asked in the window before.
#[inline(always)]
fn agree(ledger: &mut impl Ledger, hashes: &Hashes, kind: Kind) {
    let window = ledger.window();
    let (who, what) = (hashes.who(kind, ledger.keys()), hashes.what(kind));
    for window in [window, window.wrapping_sub(1)] {
        let bank = window & 1;
        let at = ledger.tags(bank).map_or(NOWHERE, |tags| find(tags, who, window));
        let at = ledger.forget(at);
        if at != NOWHERE
            && let Some(suspect) = ledger.suspect(bank, at)
        {
            suspect.answered.observe(what);
        }
    }
}

const _: () = assert!(is_of(tag(0, 7), 7));

//! A ledger in memory.

use netmon_common::{
    abi::attempts::AttemptEvents,
    attempts::{Attempt, Keys, Ledger, Popularity, SUSPECTS, Suspect, TAGS, is_of},
};

/// Suspects in memory.
pub(crate) struct Book {
    pub(crate) window: u32,
    keys: Keys,
    popularity: Box<Popularity>,
    tags: [Box<[u64; TAGS]>; 2],
    suspects: Vec<Suspect>,
    pub(crate) events: AttemptEvents,
}

impl Book {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            window: 1,
            keys: keys(seed),
            popularity: Box::new(Popularity::EMPTY),
            tags: [Box::new([0; TAGS]), Box::new([0; TAGS])],
            suspects: vec![Suspect::NOBODY; 2 * SUSPECTS],
            events: AttemptEvents::ZERO,
        }
    }

    /// Those who asked in a window.
    pub(crate) fn suspects(&self, window: u32) -> impl Iterator<Item = &Suspect> {
        let bank = usize::from(!window.is_multiple_of(2));
        let places = (0..SUSPECTS).filter(move |at| is_of(self.tags[bank][*at], window));
        places.map(move |at| &self.suspects[bank * SUSPECTS + at])
    }
}

impl Ledger for Book {
    fn window(&self) -> u32 {
        self.window
    }

    fn keys(&self) -> &Keys {
        &self.keys
    }

    fn popularity(&mut self) -> Option<&mut Popularity> {
        Some(&mut self.popularity)
    }

    fn tags(&mut self, bank: u32) -> Option<&mut [u64; TAGS]> {
        self.tags.get_mut(bank as usize).map(|tags| &mut **tags)
    }

    fn suspect(&mut self, bank: u32, at: usize) -> Option<&mut Suspect> {
        self.suspects.get_mut(bank as usize * SUSPECTS + at)
    }

    fn events(&mut self) -> Option<&mut AttemptEvents> {
        Some(&mut self.events)
    }
}

/// A number of which every bit depends on every bit of another (Steele, Lea, Flood:
/// Fast splittable pseudorandom number generators, 2014).
pub(crate) fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}

/// Keys as good as random ones.
pub(crate) fn keys(seed: u64) -> Keys {
    std::array::from_fn(|at| mix(seed ^ mix(at as u64)))
}

/// An address of IPv4, mapped into IPv6.
pub(crate) const fn v4(address: u32) -> [u32; 4] {
    [0, 0, 0xffff, address]
}

/// An attempt over IPv4.
pub(crate) const fn attempt(client: u32, server: u32, port: u16) -> Attempt {
    Attempt { client: v4(client), server: v4(server), port }
}

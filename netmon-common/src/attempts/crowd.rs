//! How many ask.

use crate::sketch::HyperLogLog;

/// Registers for those who ask within one window: their number is known to 6.5 % in two
/// cases of three.
pub type Askers = HyperLogLog<256>;

/// Those who ask, for two windows that take turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Crowd {
    windows: [u32; 2],
    askers: [Askers; 2],
}

impl Crowd {
    /// Nobody asked.
    pub const EMPTY: Self = Self { windows: [0; 2], askers: [Askers::EMPTY; 2] };

    /// How many words of 64 bits it takes.
    pub const WORDS: usize = size_of::<Self>() / size_of::<u64>();

    /// Takes note of somebody who asks, by his hash.
    #[inline(always)]
    pub fn observe(&mut self, hash: u64, window: u32) {
        let bank = window as usize & 1;
        let Some(of) = self.windows.get_mut(bank) else { return };
        let Some(askers) = self.askers.get_mut(bank) else { return };
        if *of != window {
            *of = window;
            *askers = Askers::EMPTY;
        }
        askers.observe(hash);
    }

    /// Those who asked in a window.
    pub fn of(&self, window: u32) -> Askers {
        let bank = window as usize & 1;
        let is_of = self.windows.get(bank) == Some(&window);
        self.askers.get(bank).filter(|_| is_of).copied().unwrap_or(Askers::EMPTY)
    }

    /// The crowd that lies in memory as these words.
    pub fn from_words(words: &[u64; Self::WORDS]) -> Self {
        let mut bytes = words.iter().flat_map(|word| word.to_ne_bytes());
        let mut next = || bytes.next().unwrap_or(0);
        let windows = [(); 2].map(|()| u32::from_ne_bytes([(); 4].map(|()| next())));
        let askers = [(); 2].map(|()| Askers::from_registers([(); 256].map(|()| next())));
        Self { windows, askers }
    }
}

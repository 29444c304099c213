//! How often each of very many things was seen of late, never too low.

/// A count-min sketch (Cormode, Muthukrishnan: An improved data stream summary, 2005) of
/// `D` rows of `W` counters each, `W` a power of two, for this window and the one before.
///
/// An estimate is never below the truth. Of N things of one window it is more than e·N/W
/// above it with a probability of at most e^-D.
///
/// Each counter holds both windows and the number of the later one, so nobody has to clear
/// anything when a window ends: what is older counts as nothing when it is next touched.
/// Numbers of windows are told apart as long as they are less than 4,096 windows apart; a
/// counter that nobody touched for just so long counts what it held then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct CountMin<const W: usize, const D: usize> {
    rows: [[u32; W]; D],
}

/// Bits of one count, and of both.
const COUNT: u32 = 10;
const COUNTS: u32 = 2 * COUNT;

/// Bits of the number of a window.
const WINDOW: u32 = u32::BITS - COUNTS;

/// What a count does not go beyond.
const MOST: u32 = (1 << COUNT) - 1;

impl<const W: usize, const D: usize> CountMin<W, D> {
    /// Nothing was seen.
    pub const EMPTY: Self = Self { rows: [[0; W]; D] };

    /// The counters that lie in memory as these words, row by row; what is missing is 0.
    pub fn from_words(words: &[u32]) -> Self {
        let mut words = words.iter().copied();
        Self { rows: [(); D].map(|()| [(); W].map(|()| words.next().unwrap_or(0))) }
    }

    /// The highest estimate: so often, or more.
    pub const MOST: u32 = MOST;

    /// Bits of a hash that choose a counter in one row. A hash has 64, of which each row
    /// takes its own.
    const BITS: u32 = {
        assert!(W.is_power_of_two() && D > 0);
        let bits = W.trailing_zeros();
        assert!(bits as usize * D <= u64::BITS as usize);
        bits
    };

    /// Counts one thing in a window, and says how often it was seen at most, in this window
    /// or in the one before, whichever was more.
    #[inline(always)]
    pub fn add(&mut self, hash: u64, window: u32) -> u32 {
        let (mut rest, mut now, mut before) = (hash, MOST, MOST);
        for row in &mut self.rows {
            if let Some(counter) = row.get_mut(Self::column(rest)) {
                let aged = aged(*counter, window);
                *counter = aged.wrapping_add(u32::from(aged & MOST != MOST));
                now = now.min(*counter & MOST);
                before = before.min(*counter >> COUNT & MOST);
            }
            rest >>= Self::BITS;
        }
        now.max(before)
    }

    /// The part of the counters of one row that are at least so high in this window or in
    /// the one before: the chance of a thing to be taken for one that was seen as often,
    /// per row.
    pub fn crowded(&self, least: u32, window: u32) -> [usize; D] {
        let is = |counter: &&u32| {
            let aged = aged(**counter, window);
            (aged & MOST).max(aged >> COUNT & MOST) >= least
        };
        self.rows.each_ref().map(|row| row.iter().filter(is).count())
    }

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "the lower bits are what is wanted")]
    const fn column(hash: u64) -> usize {
        hash as usize & W.wrapping_sub(1)
    }
}

/// A counter as it is in a window.
#[inline(always)]
const fn aged(counter: u32, window: u32) -> u32 {
    let behind = window.wrapping_sub(counter >> COUNTS) & ((1 << WINDOW) - 1);
    let window = window.wrapping_shl(COUNTS);
    match behind {
        0 => counter,
        1 => window | (counter & MOST) << COUNT,
        _ => window,
    }
}

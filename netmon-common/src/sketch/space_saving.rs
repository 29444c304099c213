//! Which of very many things weigh most, and how much the others weigh together.

/// The Space-Saving sketch (Metwally, Agrawal, El Abbadi: Efficient computation of frequent
/// and top-k elements in data streams, 2005) of `N` entries, for weights.
///
/// What finds no entry takes that of the lightest thing, and inherits its weight as an
/// error. So the entries together weigh what everything weighs; each weighs at most `error`
/// too much and never too little; and what weighs more than 1/N of everything has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpaceSaving<K, const N: usize> {
    entries: [Entry<K>; N],
    total: u64,
}

/// A thing that may be one of the heaviest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<K> {
    /// What it is.
    pub key: K,
    /// What it weighs at most; 0 where there is nothing.
    pub count: u64,
    /// By how much that may be too much.
    pub error: u64,
}

impl<K> Entry<K> {
    /// What it weighs at least.
    pub const fn least(&self) -> u64 {
        self.count.saturating_sub(self.error)
    }
}

impl<K: Copy + Eq, const N: usize> SpaceSaving<K, N> {
    /// Nothing was seen; `nobody` stands where there is nothing.
    pub const fn new(nobody: K) -> Self {
        Self { entries: [Entry { key: nobody, count: 0, error: 0 }; N], total: 0 }
    }

    /// Adds to the weight of a thing. Weights are added up to the largest number there is.
    #[inline(always)]
    pub fn add(&mut self, key: K, weight: u64) {
        if weight == 0 {
            return;
        }
        self.total = self.total.saturating_add(weight);
        let (mut lightest, mut least) = (0, u64::MAX);
        for (at, entry) in self.entries.iter_mut().enumerate() {
            if entry.key == key && entry.count > 0 {
                entry.count = entry.count.saturating_add(weight);
                return;
            }
            if entry.count < least {
                (lightest, least) = (at, entry.count);
            }
        }
        if let Some(entry) = self.entries.get_mut(lightest) {
            *entry = Entry { key, count: least.saturating_add(weight), error: least };
        }
    }

    /// What everything weighs together.
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// What a thing without an entry weighs at most.
    pub fn floor(&self) -> u64 {
        self.entries.iter().fold(u64::MAX, |least, entry| least.min(entry.count))
    }

    /// The things that have an entry, in no order.
    pub fn entries(&self) -> impl Iterator<Item = &Entry<K>> {
        self.entries.iter().filter(|entry| entry.count > 0)
    }

    /// The heaviest things, the heaviest first, as far as there are so many; and what all
    /// others weigh. Together that is the [total](Self::total).
    pub fn top<const T: usize>(&self) -> ([Option<Entry<K>>; T], u64) {
        let mut rest = self.entries;
        let mut other = self.total;
        let mut top = [None; T];
        for place in &mut top {
            let heaviest = rest.iter_mut().max_by_key(|entry| entry.count);
            if let Some(entry) = heaviest.filter(|entry| entry.count > 0) {
                *place = Some(*entry);
                other = other.saturating_sub(entry.count);
                entry.count = 0;
            }
        }
        (top, other)
    }
}

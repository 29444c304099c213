//! Counts of the last while, by slots of time.

/// The last `N` slots of some length each.
#[derive(Clone, Debug)]
pub(super) struct Ring<const N: usize> {
    /// The number of the last slot.
    slot: u32,
    counts: [u16; N],
}

impl<const N: usize> Ring<N> {
    /// Nothing was counted.
    pub(super) const EMPTY: Self = Self { slot: 0, counts: [0; N] };

    /// Counts so many in a slot, which is not before the last one.
    pub(super) fn add(&mut self, slot: u32, count: u32) {
        self.turn(slot);
        if let Some(place) = self.counts.get_mut(Self::place(slot)) {
            *place = place.saturating_add(u16::try_from(count).unwrap_or(u16::MAX));
        }
    }

    /// Takes so many back, of the last ones first.
    pub(super) fn take(&mut self, mut count: u32) {
        for ago in 0..N {
            let slot = self.slot.wrapping_sub(u32::try_from(ago).unwrap_or(0));
            if let Some(place) = self.counts.get_mut(Self::place(slot)) {
                let taken = u32::from(*place).min(count);
                *place -= u16::try_from(taken).unwrap_or(0);
                count -= taken;
            }
        }
    }

    /// How many were counted in this slot and in those before it, `slots` in all.
    pub(super) fn last(&self, slot: u32, slots: u32) -> u32 {
        let passed = slot.saturating_sub(self.slot);
        let most = u32::try_from(N).unwrap_or(u32::MAX).min(slots);
        let kept = 0..most.saturating_sub(passed);
        let count = |ago| {
            let place = Self::place(self.slot.checked_sub(ago)?);
            self.counts.get(place).map(|count| u32::from(*count))
        };
        kept.filter_map(count).sum()
    }

    fn turn(&mut self, slot: u32) {
        for passed in (self.slot.saturating_add(1)..=slot).take(N) {
            if let Some(place) = self.counts.get_mut(Self::place(passed)) {
                *place = 0;
            }
        }
        // After a long silence only some of the slots were passed: all of them are over.
        if u64::from(slot) > u64::from(self.slot) + N as u64 {
            self.counts = [0; N];
        }
        self.slot = self.slot.max(slot);
    }

    const fn place(slot: u32) -> usize {
        slot as usize % N
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_pass() {
        let mut ring = Ring::<6>::EMPTY;
        for slot in 10..14 {
            ring.add(slot, slot - 9);
        }
        // At which slot, over how many, how many.
        for (slot, slots, count) in [
            (13, 1, 4),
            (13, 2, 7),
            (13, 6, 10),
            (13, 60, 10),
            (14, 2, 4),
            (15, 6, 10),
            (16, 6, 9),
            (18, 6, 4),
            (19, 6, 0),
            (1000, 6, 0),
        ] {
            assert_eq!(ring.last(slot, slots), count, "{slots} slots until {slot}");
        }
        ring.take(5);
        assert_eq!([ring.last(13, 1), ring.last(13, 2), ring.last(13, 6)], [0, 2, 5]);
        ring.take(100);
        assert_eq!(ring.last(13, 6), 0);
        ring.add(20, 70_000);
        ring.add(1000, 1);
        assert_eq!(ring.last(1000, 6), 1);
        assert_eq!(Ring::<6>::EMPTY.last(3, 6), 0);
    }
}

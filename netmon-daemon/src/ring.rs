//! The newest of equal spans of time, each with something in it.

/// The newest `N` spans. A span is known by its number: time over its length.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ring<T, const N: usize> {
    newest: u32,
    cells: [T; N],
}

impl<T: Copy + Default, const N: usize> Default for Ring<T, N> {
    fn default() -> Self {
        Self { newest: 0, cells: [T::default(); N] }
    }
}

impl<T: Copy + Default, const N: usize> Ring<T, N> {
    /// What is in a span, which becomes the newest one if it is; none where it is too old
    /// to be kept.
    pub(crate) fn at(&mut self, number: u32) -> Option<&mut T> {
        if number > self.newest {
            let first = self.newest.saturating_add(1).max(number.saturating_sub(Self::len() - 1));
            for begun in first..=number {
                if let Some(cell) = self.cells.get_mut(Self::place(begun)) {
                    *cell = T::default();
                }
            }
            self.newest = number;
        }
        let is_kept = self.newest - number < Self::len();
        if is_kept { self.cells.get_mut(Self::place(number)) } else { None }
    }

    /// What is in so many spans up to this one, newest first: empty where it is not kept.
    pub(crate) fn up_to(&self, number: u32, spans: u32) -> impl Iterator<Item = T> {
        (0..spans)
            .map(move |ago| {
                let number = number.checked_sub(ago)?;
                let is_kept = number <= self.newest && self.newest - number < Self::len();
                self.cells.get(Self::place(number)).filter(|_| is_kept).copied()
            })
            .map(Option::unwrap_or_default)
    }

    /// The newest span of which anything is known.
    pub(crate) const fn newest(&self) -> u32 {
        self.newest
    }

    #[expect(clippy::cast_possible_truncation, reason = "rings are short")]
    const fn len() -> u32 {
        const { assert!(N > 0 && N <= 1024) };
        N as u32
    }

    const fn place(number: u32) -> usize {
        (number % Self::len()) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_old_makes_room() {
        let mut ring = Ring::<u32, 3>::default();
        let kept = |ring: &Ring<u32, 3>, number| ring.up_to(number, 5).collect::<Vec<_>>();
        for (number, expected) in [
            (10, [1, 0, 0, 0, 0]),
            (10, [2, 0, 0, 0, 0]),
            (11, [1, 2, 0, 0, 0]),
            (12, [1, 1, 2, 0, 0]),
            (13, [1, 1, 1, 0, 0]),
            (20, [1, 0, 0, 0, 0]),
        ] {
            if let Some(cell) = ring.at(number) {
                *cell += 1;
            }
            assert_eq!(kept(&ring, number), expected, "{number}");
        }
        assert!(ring.at(17).is_none() && ring.at(18).is_some());
        assert_eq!(kept(&ring, 21), [0, 1, 0, 0, 0]);
        assert_eq!(kept(&ring, 1), [0; 5]);
        assert_eq!(ring.newest(), 20);
    }
}

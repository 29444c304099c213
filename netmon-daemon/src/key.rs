//! Hashes of what others choose, and dice: both from one secret.
//!
//! Whoever chooses names or addresses must not be able to choose where they
//! meet in a table. Must not be shown: a short hash is, the key never. Invariant: the
//! same key gives the same hashes and the same dice, so a capture always gives the same.

use std::hash::{BuildHasher as _, DefaultHasher, Hasher as _, RandomState};

/// A secret by which things are hashed.
#[derive(Clone, Copy, Debug)]
pub struct Key([u64; 2]);

/// Numbers that nobody without the key can foretell.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dice(u64);

impl Key {
    /// The key of every replay.
    pub const FIXED: Self = Self([0x9e37_79b9_7f4a_7c15, 0xf39c_c060_5ced_c835]);

    /// A key that is another one in each process.
    pub fn random() -> Self {
        let state = RandomState::new();
        Self([state.hash_one(0_u8), state.hash_one(1_u8)])
    }

    /// It for the state directory, which nobody else may read.
    pub(crate) fn to_bytes(self) -> [u8; 16] {
        let [first, second] = self.0;
        (u128::from(first) << 64 | u128::from(second)).to_le_bytes()
    }

    /// The same back.
    pub(crate) const fn from_bytes(bytes: [u8; 16]) -> Self {
        match bytes.as_chunks::<8>() {
            ([second, first], []) => {
                Self([u64::from_le_bytes(*first), u64::from_le_bytes(*second)])
            }
            _ => Self::FIXED,
        }
    }

    /// The hash of several texts; where one ends and the next begins matters.
    pub(crate) fn hash(&self, parts: &[&[u8]]) -> u64 {
        let [first, second] = self.0;
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(first);
        hasher.write_u64(second);
        for part in parts {
            hasher.write(part);
            hasher.write_usize(part.len());
        }
        hasher.finish()
    }

    /// A hash of 32 bits that is never 0, which marks what is empty.
    pub(crate) fn tag(&self, parts: &[&[u8]]) -> u32 {
        tag(self.hash(parts))
    }

    /// Dice of this key.
    pub(crate) const fn dice(&self) -> Dice {
        let [first, second] = self.0;
        Dice((first ^ second.rotate_left(32)) | 1)
    }
}

/// The upper half of a hash, never 0.
pub(crate) const fn tag(hash: u64) -> u32 {
    let [a, b, c, d, ..] = hash.to_be_bytes();
    match u32::from_be_bytes([a, b, c, d]) {
        0 => 1,
        tag => tag,
    }
}

impl Dice {
    /// True once in `sides` times, on average.
    pub(crate) const fn hits(&mut self, sides: u64) -> bool {
        // Xorshift (Marsaglia 2003), with the multiplication of Vigna's variant.
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let rolled = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16;
        sides <= 1 || rolled.is_multiple_of(sides)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_and_the_cuts_decide_the_hash() {
        let fixed = Key::FIXED;
        assert_eq!(fixed.hash(&[b"ab", b"c"]), fixed.hash(&[b"ab", b"c"]));
        assert_ne!(fixed.hash(&[b"ab", b"c"]), fixed.hash(&[b"a", b"bc"]));
        assert_ne!(fixed.hash(&[b"ab"]), Key::random().hash(&[b"ab"]));
        assert_ne!(Key::random().hash(&[b"ab"]), Key::random().hash(&[b"ab"]));
        let key = Key::random();
        assert_eq!(Key::from_bytes(key.to_bytes()).hash(&[b"ab"]), key.hash(&[b"ab"]));
        assert_eq!([tag(0), tag(1 << 32), tag(5 << 32)], [1, 1, 5]);
    }

    #[test]
    fn dice_are_fair_and_the_same_for_the_same_key() {
        let hits = |sides| {
            let mut dice = Key::FIXED.dice();
            (0..32_000).filter(|_| dice.hits(sides)).count()
        };
        assert_eq!([hits(0), hits(1)], [32_000, 32_000]);
        assert!((900..1100).contains(&hits(32)), "{}", hits(32));
        assert_eq!(hits(32), hits(32));
    }
}

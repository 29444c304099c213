//! Random numbers by which the programs hash what others choose.

use std::{collections::hash_map::RandomState, hash::BuildHasher as _};

/// So many of them. Of the standard library's, because they are as random as need be: from
/// the kernel's source, by a hash that does not show what it was keyed with.
pub(super) fn random<const N: usize>() -> [u64; N] {
    let state = RandomState::new();
    std::array::from_fn(|at| state.hash_one(at))
}

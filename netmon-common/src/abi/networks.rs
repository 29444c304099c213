//! Networks whose scope the configuration names, as the kernel reads them.
//!
//! A table of a fixed size, so that whoever looks an address up needs a bounded
//! time. It holds the longest prefixes first: the first match is the best one.
//!
//! The daemon writes it while programs read it. What they read then may be a mix
//! of the old and the new table, which is one or two packets with a scope of
//! neither; that it is a scope, and that the search ends, does not depend on what
//! stands there.

use super::counters::words;
use crate::{bytes::Bytes, scope::Scope};

/// Networks that the table has room for.
pub const MAX_NETWORKS: usize = 32;

/// Networks with a scope of their own, the longest prefix first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Networks {
    entries: [Entry; MAX_NETWORKS],
}

/// A network; all zero is the end of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
struct Entry {
    /// The bits that all its addresses share, the other ones zero.
    prefix: [u64; 2],
    /// Which bits these are.
    mask: [u64; 2],
    /// Index of the scope plus 1.
    scope: u64,
}

/// An address as two numbers, an IPv4 address as it is mapped into IPv6 (RFC
/// 4291, section 2.5.5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address([u64; 2]);

/// The table is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

impl Entry {
    const NONE: Self = Self { prefix: [0; 2], mask: [0; 2], scope: 0 };
}

impl Address {
    /// An IPv4 address.
    #[inline(always)]
    pub const fn of_ipv4(address: [u8; 4]) -> Self {
        Self([0, 0xffff_0000_0000 | u32::from_be_bytes(address) as u64])
    }

    /// An IPv6 address, which may map one of IPv4.
    #[inline(always)]
    pub const fn of_ipv6(address: &[u8; 16]) -> Self {
        let ([high, low], []) = address.as_chunks::<8>() else { return Self([0; 2]) };
        Self([u64::from_be_bytes(*high), u64::from_be_bytes(*low)])
    }

    /// The same, as [`Bytes::forget`] returns a number.
    #[inline(always)]
    #[must_use]
    pub fn forgotten<B: Bytes + ?Sized>(self, bytes: &B) -> Self {
        let Self([high, low]) = self;
        Self([bytes.forget(high), bytes.forget(low)])
    }
}

impl Networks {
    /// No network: every address has the scope that is built in.
    pub const NONE: Self = Self { entries: [Entry::NONE; MAX_NETWORKS] };

    /// Size of the layout in 64-bit words.
    pub const WORDS: usize = words(size_of::<Self>());

    /// Whether there is no network in it.
    pub const fn is_empty(&self) -> bool {
        let [first, ..] = &self.entries;
        first.scope == 0
    }

    /// Adds the network of the addresses that share the first `prefix_len` bits
    /// of `address`, 128 at most. IPv4 addresses stand there as they are mapped
    /// into IPv6, so their prefixes are longer by 96.
    ///
    /// # Errors
    ///
    /// When the table is full; it is as it was then.
    pub fn add(&mut self, address: Address, prefix_len: u32, scope: Scope) -> Result<(), Full> {
        let mask = u128::MAX.checked_shl(128_u32.saturating_sub(prefix_len)).unwrap_or(0);
        let Address(mask) = Address::of_ipv6(&mask.to_be_bytes());
        let (Address([high, low]), [mask_high, mask_low]) = (address, mask);
        let prefix = [high & mask_high, low & mask_low];
        let new = Entry { prefix, mask, scope: (scope.index() as u64).wrapping_add(1) };
        // The unused places are at the end and have the shortest prefix of all.
        let [.., last] = &self.entries;
        if last.scope != 0 {
            return Err(Full);
        }
        let place = self.entries.iter().position(|entry| entry.scope == 0 || entry.mask < mask);
        let behind = place.and_then(|place| self.entries.get_mut(place..)).ok_or(Full)?;
        behind.rotate_right(1);
        behind.first_mut().map(|entry| *entry = new).ok_or(Full)
    }

    /// The scope that these networks give an address; none if it is in none of
    /// them.
    #[inline(always)]
    pub fn scope_of(&self, Address([high, low]): Address) -> Option<Scope> {
        for Entry { prefix, mask, scope } in &self.entries {
            let ([prefix_high, prefix_low], [mask_high, mask_low]) = (prefix, mask);
            let index = scope.checked_sub(1)?;
            if high & mask_high == *prefix_high && low & mask_low == *prefix_low {
                return usize::try_from(index).ok().map(Scope::from_index);
            }
        }
        None
    }

    /// The words of the layout, in order.
    pub fn words(&self) -> [u64; Self::WORDS] {
        let mut words = [0; Self::WORDS];
        let entries = self.entries.iter().flat_map(|Entry { prefix, mask, scope }| {
            prefix.iter().chain(mask).chain([scope]).copied()
        });
        for (word, value) in words.iter_mut().zip(entries) {
            *word = value;
        }
        words
    }
}

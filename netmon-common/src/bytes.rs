//! Where the bytes of a frame come from.

/// Random access to the bytes of one frame.
///
/// The parser reads through this trait only, so that the same code runs over
/// the packet memory of an eBPF program, over a captured record and over a
/// fuzzer's input.
pub trait Bytes {
    /// Copies the `N` bytes that start at offset `at`, or `None` when the frame
    /// does not reach that far.
    fn array<const N: usize>(&self, at: usize) -> Option<[u8; N]>;

    /// Returns `value`.
    ///
    /// In the kernel, the verifier then no longer knows it: paths through the
    /// parser that differ in nothing else become one path to it, instead of
    /// multiplying with every branch that follows. Free on the host, two
    /// instructions in the kernel.
    #[inline(always)]
    fn forget(&self, value: u64) -> u64 {
        value
    }

    /// [`forget`](Self::forget) for an offset.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "an offset stays what it was")]
    fn forget_offset(&self, at: usize) -> usize {
        self.forget(at as u64) as usize
    }

    /// The byte at offset `at`.
    #[inline(always)]
    fn byte(&self, at: usize) -> Option<u8> {
        self.array::<1>(at).map(|[byte]| byte)
    }

    /// The big-endian 16-bit number at offset `at`.
    #[inline(always)]
    fn be16(&self, at: usize) -> Option<u16> {
        self.array(at).map(u16::from_be_bytes)
    }

    /// The big-endian 32-bit number at offset `at`.
    #[inline(always)]
    fn be32(&self, at: usize) -> Option<u32> {
        self.array(at).map(u32::from_be_bytes)
    }

    /// `N` big-endian 32-bit numbers, the first one at offset `at`, by one check of the
    /// length.
    #[inline(always)]
    fn be32s<const N: usize>(&self, at: usize) -> Option<[u32; N]> {
        let mut words = [0; N];
        for (index, word) in words.iter_mut().enumerate() {
            *word = self.be32(at.wrapping_add(index.wrapping_mul(4)))?;
        }
        Some(words)
    }

    /// The big-endian 32-bit numbers at these distances from `at`, the last one the
    /// farthest, by one check of the length.
    #[inline(always)]
    fn be32s_at<const N: usize>(&self, at: usize, distances: [usize; N]) -> Option<[u32; N]> {
        let mut words = [0; N];
        for (distance, word) in distances.iter().zip(&mut words) {
            *word = self.be32(at.wrapping_add(*distance))?;
        }
        Some(words)
    }
}

impl Bytes for [u8] {
    #[inline(always)]
    fn array<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        self.get(at..)?.first_chunk().copied()
    }
}

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
}

impl Bytes for [u8] {
    #[inline(always)]
    fn array<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        self.get(at..)?.first_chunk().copied()
    }
}

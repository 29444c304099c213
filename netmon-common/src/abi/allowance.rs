//! How many events may leave the kernel: no more than the daemon can read.

/// What one CPU may still hand on within a span of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Allowance {
    /// The span, as a number.
    span: u64,
    /// How many are left in it.
    left: u64,
}

impl Allowance {
    /// No span has begun.
    pub const NONE: Self = Self { span: 0, left: 0 };

    /// Whether one more may be handed on, of so many in each span. An interrupt in
    /// between may have one counted twice, or not at all.
    #[inline(always)]
    pub fn take(&mut self, span: u64, most: u64) -> bool {
        if self.span != span {
            (self.span, self.left) = (span, most);
        }
        let is = self.left != 0;
        if is {
            self.left = self.left.wrapping_sub(1);
        }
        is
    }
}

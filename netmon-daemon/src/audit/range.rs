//! How far a count is from what independent counters allow.

/// How far a counter of the kernel moved between two snapshots. It was read before
/// and after each of them, so how far exactly is only known within bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    /// At least.
    pub(super) least: i128,
    /// At most.
    pub(super) most: i128,
}

/// What a check found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    /// What the kernel counted.
    pub(super) kernel: u64,
    /// By how much netmon's count is outside of what that allows.
    pub(super) unexplained: u64,
    /// Whether netmon's count is too high, and not too low.
    pub(super) too_many: bool,
}

/// The part of the kernel's figure by which netmon's may differ: 0.1 %.
const PART: u64 = 1000;

impl Range {
    /// How far a counter moved that was read `[before, after]` either snapshot.
    pub(super) fn between(earlier: [u64; 2], later: [u64; 2]) -> Self {
        let ([before_it, after_it], [before, after]) = (earlier, later);
        Self {
            least: (i128::from(before) - i128::from(after_it)).max(0),
            most: i128::from(after) - i128::from(before_it),
        }
    }

    /// The same with this much more at most, and this much less at least.
    pub(super) const fn widened(self, less: i128, more: i128) -> Self {
        Self { least: self.least.saturating_sub(less), most: self.most.saturating_add(more) }
    }

    /// How far above another range this one is: below 0 where it is below, 0 where
    /// they meet.
    pub(super) const fn above(self, other: Self) -> i128 {
        if self.least > other.most {
            self.least - other.most
        } else if self.most < other.least {
            self.most - other.least
        } else {
            0
        }
    }

    /// Compares a count with this, which says what the kernel allows.
    pub(super) fn judge(self, counted: i128, kernel: Self) -> Outcome {
        Outcome::new(kernel, Self { least: counted, most: counted }.above(self))
    }
}

impl Outcome {
    /// The outcome of a check against a counter that moved so far, when netmon's count
    /// is above what that allows by so much.
    pub(super) fn new(kernel: Range, above: i128) -> Self {
        Self {
            kernel: u64::try_from(kernel.most).unwrap_or_default(),
            unexplained: u64::try_from(above.unsigned_abs()).unwrap_or(u64::MAX),
            too_many: above > 0,
        }
    }

    /// Whether the difference is more than a thousandth, and more than `slack`.
    pub(super) const fn is_bad(self, slack: u64) -> bool {
        self.unexplained > self.kernel / PART && self.unexplained > slack
    }

    /// Adds what was found of another part of the same signal.
    pub(super) const fn add(&mut self, other: Self) {
        self.kernel = self.kernel.saturating_add(other.kernel);
        self.unexplained = self.unexplained.saturating_add(other.unexplained);
    }

    /// The difference as a part of the kernel's figure.
    pub(super) fn ratio(self) -> f64 {
        if self.unexplained == 0 {
            return 0.0;
        }
        self.unexplained as f64 / self.kernel.max(1) as f64
    }
}

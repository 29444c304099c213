//! For how long netmon has watched, in this run and before.
//!
//! Invariant: it is never more than that: hours in which nobody looked, because the host
//! slept or a capture has a hole, are not watched.

use std::time::Duration;

/// After so much time without a look nobody looked.
const PAUSE: Duration = Duration::from_secs(3600);

/// A time that was watched.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Watched {
    all: Duration,
    last: Option<Duration>,
}

impl Watched {
    /// So many seconds, and nobody looks at the moment.
    pub(super) const fn before(seconds: u64) -> Self {
        Self { all: Duration::from_secs(seconds), last: None }
    }

    /// Somebody looks. Looks may come in another order.
    pub(super) fn look(&mut self, at: Duration) {
        let last = *self.last.get_or_insert(at);
        let passed = at.saturating_sub(last);
        if passed <= PAUSE {
            self.all = self.all.saturating_add(passed);
        }
        self.last = Some(last.max(at));
    }

    /// How long it is, in seconds.
    pub(super) const fn seconds(self) -> u64 {
        self.all.as_secs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_looked_at_was_not_watched() {
        for (looks, expected) in [
            (&[][..], 100),
            (&[5], 100),
            (&[5, 10, 3605], 3700),
            (&[5, 10, 10_000, 10_001], 106),
            (&[5, 10, 7, 11], 106),
            (&[0, u64::MAX, u64::MAX], 100),
        ] {
            let mut watched = Watched::before(100);
            for at in looks {
                watched.look(Duration::from_secs(*at));
            }
            assert_eq!(watched.seconds(), expected, "{looks:?}");
        }
    }
}

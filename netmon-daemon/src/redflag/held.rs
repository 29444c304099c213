//! What called for a red flag and raised none: each counts once as long as it goes on.
//!
//! Invariant: bounded. Where it is full, what was there longest is forgotten, and would
//! count again.

use std::time::Duration;

use super::SuppressReason;
use crate::{party::Party, site::Site};

/// How many are remembered.
const MOST: usize = 64;

/// What called for a red flag of one detector and raised none.
#[derive(Default)]
pub(super) struct Held(Vec<Seen>);

struct Seen {
    reason: SuppressReason,
    site: Site,
    subject: Option<Party>,
    /// Until when it is the same, if nobody speaks of it again.
    until: Duration,
}

impl Held {
    /// Takes note of one, which is the same `until` a time. Whether it is new.
    pub(super) fn note(
        &mut self,
        reason: SuppressReason,
        site: Site,
        subject: Option<&Party>,
        now: Duration,
        until: Duration,
    ) -> bool {
        self.0.retain(|seen| seen.until > now);
        let is_it = |seen: &&mut Seen| {
            (seen.reason, seen.site) == (reason, site) && seen.subject.as_ref() == subject
        };
        if let Some(known) = self.0.iter_mut().find(is_it) {
            known.until = until;
            return false;
        }
        if self.0.len() >= MOST {
            self.0.remove(0);
        }
        self.0.push(Seen { reason, site, subject: subject.cloned(), until });
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_on_counts_once() {
        use SuppressReason::{AllowList, Limit};
        let mut held = Held::default();
        let mut note = |reason, subject: &str, second| {
            let now = Duration::from_secs(second);
            let party = Party::Workload(subject.to_owned());
            held.note(reason, Site::Host, Some(&party), now, now + Duration::from_secs(3))
        };
        assert!(note(AllowList, "a", 0));
        assert!(!note(AllowList, "a", 1));
        assert!(note(AllowList, "b", 1));
        assert!(note(Limit, "a", 1));
        assert!(!note(AllowList, "a", 3));
        assert!(!note(AllowList, "a", 5));
        assert!(note(AllowList, "a", 8));
        for number in 0..1000 {
            note(Limit, &number.to_string(), 9);
        }
        assert_eq!(held.0.len(), MOST);
    }
}

//! Who most of many were, in the room of one.

/// The majority vote of Boyer and Moore (MJRTY, 1991): whoever had more than half of the
/// votes stands; where nobody had, somebody of many.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lead<T> {
    of: T,
    by: u32,
}

impl<T: Copy + PartialEq> Lead<T> {
    /// Counts a vote.
    pub(super) fn vote(&mut self, one: T) {
        if self.by == 0 {
            self.of = one;
        }
        self.by = if self.of == one { self.by.saturating_add(1) } else { self.by - 1 };
    }

    /// Who stands.
    pub(super) const fn of(&self) -> T {
        self.of
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_majority_stands() {
        for (votes, expected) in
            [("a", 'a'), ("abb", 'b'), ("aaabb", 'a'), ("abcbb", 'b'), ("xaxbxcx", 'x')]
        {
            let mut lead = Lead::default();
            votes.chars().for_each(|vote| lead.vote(vote));
            assert_eq!(lead.of(), expected, "{votes}");
        }
    }
}

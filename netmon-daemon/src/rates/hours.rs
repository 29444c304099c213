//! What was sent in each hour of the last fortnight: plain numbers, to be kept on disk.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// The form of [`Hours`]; another one is not understood.
const VERSION: u32 = 1;

/// Hours of 14 days.
pub const MOST_HOURS: usize = 336;

/// Bytes that were sent to public addresses in each hour that was watched from its
/// beginning to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hours {
    version: u32,
    /// Oldest first.
    sent: VecDeque<u64>,
}

impl Default for Hours {
    fn default() -> Self {
        Self { version: VERSION, sent: VecDeque::new() }
    }
}

impl Hours {
    /// Adds an hour; the oldest one is forgotten where there are too many.
    pub fn push(&mut self, sent: u64) {
        self.sent.push_back(sent);
        while self.sent.len() > MOST_HOURS {
            self.sent.pop_front();
        }
    }

    /// The hours, oldest first.
    pub fn sent(&self) -> impl ExactSizeIterator<Item = u64> + '_ {
        self.sent.iter().copied()
    }

    /// The same as far as it can be understood, whoever wrote it: nothing of another form,
    /// and no more than what fits.
    #[must_use]
    pub fn checked(mut self) -> Self {
        if self.version != VERSION {
            return Self::default();
        }
        let excess = self.sent.len().saturating_sub(MOST_HOURS);
        self.sent.drain(..excess);
        self
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use super::*;

    #[test]
    fn a_fortnight_is_remembered() {
        let mut hours = Hours::default();
        (0..1000).for_each(|hour| hours.push(hour));
        assert_eq!(hours.sent().len(), MOST_HOURS);
        assert_eq!(hours.sent().next(), Some(664));
    }

    #[test]
    fn what_was_written_is_read_and_checked() {
        let mut hours = Hours::default();
        hours.push(7);
        hours.push(u64::MAX);
        let text = serde_json::to_string(&hours).unwrap();
        assert_eq!(text, r#"{"version":1,"sent":[7,18446744073709551615]}"#);
        let read = |text: &str| serde_json::from_str::<Hours>(text).map(Hours::checked);
        assert_eq!(read(&text).unwrap(), hours);
        assert_eq!(read(r#"{"version":2,"sent":[7]}"#).unwrap(), Hours::default());
        assert!(read(r#"{"version":1,"sent":[-7]}"#).is_err());
        let many = format!(r#"{{"version":1,"sent":[{}9]}}"#, "1,".repeat(500));
        let many = read(&many).unwrap();
        assert_eq!((many.sent().len(), many.sent().last()), (MOST_HOURS, Some(9)));
    }
}

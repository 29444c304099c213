//! What is counted of attempts to connect.

use super::counters::counters;

counters! {
    /// What became of attempts to connect, as far as who asks is concerned.
    pub struct AttemptEvents {
        /// Requests whose target was looked at.
        inner requests;
        /// Requests for what many ask for, which say nothing of who does.
        inner popular;
        /// Answers.
        inner answers;
        /// Suspects that got a place.
        inner admitted;
        /// Suspects of the same window whose place they got.
        inner displaced;
        /// Suspects that got no place.
        inner refused;
        /// Requests and answers whose addresses stand where nobody looks.
        inner unread;
    }
}

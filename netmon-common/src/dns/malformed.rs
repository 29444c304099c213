//! In which ways a DNS message can be damaged.

use crate::abi::labels::labels;

labels! {
    /// Why a message is not what RFC 1035 calls one. The first that is met counts.
    pub enum Malformed {
        /// It ends before its header does.
        Short = "short",
        /// It has more than one question, or a query has none.
        Questions = "questions",
        /// The length of a label is of no known type.
        Label = "label",
        /// A name is longer than 255 bytes.
        Name = "name",
        /// It ends within a question or a record.
        Cut = "cut",
        /// A compression pointer does not point backwards to a name, or leads to too many
        /// others.
        Pointer = "pointer",
        /// Over TCP, it claims a length that no message has.
        Length = "length",
    }
}

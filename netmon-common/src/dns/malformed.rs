//! In which ways a DNS message can be damaged.

use crate::abi::labels::labels;

labels! {
    /// Why a message is not what RFC 1035 calls one. The first that is met counts.
    pub enum Malformed {
        /// It ends before its header does.
        Short = "short",
        /// It has more than one question, or a query has none.
        Questions = "questions",
        /// A label is longer than 63 bytes or of no known type, or the name of the first
        /// question is compressed although nothing stands before it.
        Label = "label",
        /// A name is longer than 255 bytes.
        Name = "name",
        /// It ends within a question or a record.
        Cut = "cut",
        /// A compression pointer does not point backwards, or leads to too many others.
        Pointer = "pointer",
        /// Over TCP, it claims a length that no message has.
        Length = "length",
    }
}

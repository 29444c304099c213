//! DNS messages (RFC 1035): what they say, when they are damaged, how long a
//! lookup takes, and how messages follow each other in a TCP stream.
//!
//! The same code runs in the kernel and over capture files. Only [`Message`], which
//! needs a slice and follows compression pointers, is for user space alone.

mod books;
mod datagram;
mod lookup;
mod malformed;
mod message;
mod name;
mod note;
mod question;
mod segment;
mod stream;

pub use books::{Books, LARGE_ANSWER, LARGE_MESSAGE, settle};
pub use datagram::{Datagram, Kind};
pub use lookup::{
    Asked, COHORTS, Identity, Keys, LOOKUP_SETS, Lookup, Open, Set, TICK, TIMEOUT, Timeouts, WAYS,
    answer, ask, server_hash,
};
pub use malformed::Malformed;
pub use message::{Message, Question, Record, Records, Section};
pub use name::{Labels, MAX_LABEL_LEN, MAX_NAME_LEN, Name};
pub use note::{Note, Place, Sighting};
pub use question::{Header, LONGEST_QUESTION, query_type};
pub use segment::{Opened, Progress, Segment, Span, UNREAD, advance, conclude, open, read_on};
pub use stream::{STREAM_SET_WORDS, STREAM_SETS, STREAM_WAYS, Stream, StreamSet};

/// Length of the header of a message, in bytes (RFC 1035, section 4.1.1).
pub const HEADER_LEN: usize = 12;

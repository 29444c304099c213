//! DNS messages that the tests write themselves, byte by byte (RFC 1035, section 4.1).

use std::{io::Read as _, net::TcpStream, time::Duration};

/// Types of questions.
pub(super) const A: u16 = 1;
pub(super) const TXT: u16 = 16;

/// A header with an ID, flags and counts of questions.
pub(super) fn header(id: u16, flags: u16, questions: u16) -> Vec<u8> {
    let words = [id, flags, questions, 0, 0, 0];
    words.into_iter().flat_map(u16::to_be_bytes).collect()
}

/// A name as it stands in a message, not compressed.
pub(super) fn name(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in text.split('.').filter(|label| !label.is_empty()) {
        bytes.push(u8::try_from(label.len()).unwrap());
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    bytes
}

/// Type and class of a question.
pub(super) fn kind(kind: u16) -> Vec<u8> {
    [kind, 1].into_iter().flat_map(u16::to_be_bytes).collect()
}

/// A query that wants recursion.
pub(super) fn query(id: u16, text: &str, asked: u16) -> Vec<u8> {
    [header(id, 0x0100, 1), name(text), kind(asked)].concat()
}

/// A message as it stands in a TCP stream.
pub(super) fn framed(message: &[u8]) -> Vec<u8> {
    let mut bytes = u16::try_from(message.len()).unwrap().to_be_bytes().to_vec();
    bytes.extend(message);
    bytes
}

/// Reads so many messages from a stream, none of them later than half a minute after
/// the one before it.
pub(super) fn take(stream: &mut TcpStream, count: usize) {
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    for _ in 0..count {
        let mut length = [0; 2];
        stream.read_exact(&mut length).unwrap();
        stream.read_exact(&mut vec![0; u16::from_be_bytes(length).into()]).unwrap();
    }
}

/// The ID of a message.
pub(super) fn id(message: &[u8]) -> u16 {
    u16::from_be_bytes([message[0], message[1]])
}

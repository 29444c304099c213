//! The walker against hickory-proto, header, name by name and record by record.
//!
//! Both must accept the same names, questions and records, and say the same of them.
//! These are all the differences that are allowed, each checked to be nothing else:
//!
//! - More than 127 pointers in one name: the walker gives up, hickory-proto goes on.
//! - A name that a pointer leads to and that runs into the one it was reached from:
//!   hickory-proto refuses it. The walker reads it; 255 bytes end every name.
//! - hickory-proto reads RDATA of the types it knows, and refuses what it cannot read.
//!   The walker leaves RDATA alone.
//! - hickory-proto refuses an OPT record whose owner is not the root, and raises a
//!   payload size below 512 to that.

use hickory_proto::{
    op::{Header, MessageType, Query},
    rr::{Name as OtherName, Record as OtherRecord},
    serialize::binary::{BinDecodable as _, BinDecoder},
};
use netmon_common::dns::{Malformed, Message, Name, Record, Records, Section};

/// The type of OPT records (RFC 6891).
const OPT: u16 = 41;

/// Types whose RDATA hickory-proto reads, and those that it never takes as a record.
const READ: [u16; 27] = [
    0, 1, 2, 5, 6, 12, 13, 15, 16, 28, 33, 35, 37, OPT, 44, 52, 53, 61, 62, 64, 65, 250, 251, 252,
    255, 257, 65_305,
];

/// Panics where the two differ in another way.
pub(crate) fn check(bytes: &[u8]) {
    // Offsets of hickory-proto have 16 bits, as has every length of a message.
    let bytes = &bytes[..bytes.len().min(usize::from(u16::MAX))];
    let mut decoder = BinDecoder::new(bytes);
    let (header, message) = match (Header::read(&mut decoder), Message::new(bytes)) {
        (Ok(header), Ok(message)) => (header, message),
        (header, message) => {
            assert!(header.is_err() && message.is_err(), "only one reads the header");
            return;
        }
    };
    same_header(&header, &message);
    check_name(bytes, usize::from(message.id()) % (bytes.len() + 1));
    let Some(at) = check_questions(bytes, &message) else {
        return;
    };
    let mut records = message.records();
    if let Some(at) = check_records(bytes, at, &mut records, &message) {
        assert!(at <= bytes.len());
        assert!(records.next().is_none(), "more records than hickory-proto reads");
    }
}

fn same_header(header: &Header, message: &Message) {
    assert_eq!(header.metadata.id, message.id());
    assert_eq!(header.metadata.message_type == MessageType::Response, message.is_response());
    assert_eq!(u8::from(header.metadata.op_code), message.opcode());
    assert_eq!(header.metadata.truncation, message.is_truncated());
    assert_eq!(header.metadata.response_code.low(), message.rcode());
    let counts = [header.counts.answers, header.counts.authorities, header.counts.additionals];
    assert_eq!(header.counts.queries, message.claimed_questions());
    assert_eq!(counts, [0, 1, 2].map(|index| message.claimed_records(Section::ALL[index])));
}

/// Where hickory-proto goes on reading.
fn decoder(bytes: &[u8], at: usize) -> BinDecoder<'_> {
    BinDecoder::new(bytes).clone(u16::try_from(at).unwrap_or(u16::MAX))
}

fn check_name(bytes: &[u8], at: usize) {
    let mut decoder = decoder(bytes, at);
    match (OtherName::read(&mut decoder), Name::read(bytes, at)) {
        (Ok(other), Ok((name, end))) => {
            same_name(&other, &name);
            assert_eq!(decoder.index(), end);
        }
        (Err(_), Err(_)) => {}
        (Ok(_), Err(malformed)) => only_by_pointers(bytes, at, malformed),
        (Err(error), Ok(_)) => assert!(runs(bytes, at).1, "the name at {at}: {error}"),
    }
}

fn same_name(other: &OtherName, name: &Name) {
    assert!(other.iter().eq(name.labels()), "{other} is {name:?}");
    // Its length is that of the text, in which the root alone has a dot of its own.
    assert_eq!(other.len() + usize::from(!other.is_root()), name.len());
}

/// Where the records begin; none where the questions are damaged.
fn check_questions(bytes: &[u8], message: &Message) -> Option<usize> {
    let mut at = 12;
    for index in 0..message.claimed_questions() {
        check_name(bytes, at);
        let mut decoder = decoder(bytes, at);
        let query = Query::read(&mut decoder);
        let name = Name::read(bytes, at);
        let end = match (&query, name) {
            (Ok(_), Ok(_)) => decoder.index(),
            // Its name alone can be at fault, which was looked into.
            (Err(_), Ok((_, end))) if runs(bytes, at).1 && end + 4 <= bytes.len() => end + 4,
            _ => {
                assert!(matches!(message.records().next(), Some(Err(_))));
                assert!(index > 0 || message.question().is_err());
                return None;
            }
        };
        if index == 0 {
            let question = message.question().ok().flatten();
            assert!(question.is_some(), "{query:?} is no question");
            if let (Ok(query), Some(question)) = (query, question) {
                same_name(query.name(), &question.name);
                assert_eq!(u16::from(query.query_type()), question.kind);
                assert_eq!(u16::from(query.query_class()), question.class);
            }
        }
        at = end;
    }
    Some(at)
}

/// Where the records end; none where one is damaged.
fn check_records(
    bytes: &[u8],
    mut at: usize,
    records: &mut Records,
    message: &Message,
) -> Option<usize> {
    for section in Section::ALL {
        for _ in 0..message.claimed_records(*section) {
            let mut decoder = decoder(bytes, at);
            let other = OtherRecord::read(&mut decoder);
            let record = records.next();
            assert!(record.is_some(), "hickory-proto looks for more records");
            match (other, record?) {
                (Ok(other), Ok(record)) => {
                    assert_eq!(record.section, *section);
                    same_record(&other, &record);
                    assert_eq!(decoder.index(), end(bytes, &record));
                    at = decoder.index();
                }
                (Err(error), Ok(record)) => {
                    let is_read = !record.data.is_empty() && READ.contains(&record.kind);
                    let is_odd = record.kind == OPT && !record.name.is_empty();
                    let stricter = is_read || is_odd || runs(bytes, at).1;
                    assert!(stricter, "hickory-proto refuses {record:02x?}: {error}");
                    at = end(bytes, &record);
                }
                (Ok(_), Err(malformed)) => {
                    only_by_pointers(bytes, at, malformed);
                    return None;
                }
                (Err(_), Err(_)) => return None,
            }
        }
    }
    Some(at)
}

fn same_record(other: &OtherRecord, record: &Record) {
    same_name(&other.name, &record.name);
    assert_eq!(u16::from(other.record_type()), record.kind);
    assert_eq!(other.ttl, record.ttl);
    let class = if record.kind == OPT { record.class.max(512) } else { record.class };
    assert_eq!(u16::from(other.dns_class), class);
}

/// Where the data of a record ends within the message.
fn end(bytes: &[u8], record: &Record) -> usize {
    record.data.as_ptr_range().end.addr() - bytes.as_ptr().addr()
}

/// That the walker refuses a name which hickory-proto reads has one reason.
fn only_by_pointers(bytes: &[u8], at: usize, malformed: Malformed) {
    assert_eq!(malformed, Malformed::Pointer);
    assert!(runs(bytes, at).0 > 127, "the name at {at} has few pointers");
}

/// Of a name that one of the two accepts: how many pointers it has, and whether a run
/// of labels that a pointer leads to reaches the run which the pointer ends.
fn runs(bytes: &[u8], at: usize) -> (usize, bool) {
    let (mut pointers, mut overlaps) = (0, false);
    let (mut start, mut here, mut limit) = (at, at, usize::MAX);
    loop {
        overlaps |= here >= limit;
        match usize::from(bytes[here]) {
            0 => return (pointers, overlaps),
            length @ 1..=63 => here += length + 1,
            high => {
                pointers += 1;
                limit = start;
                start = (high & 0x3f) << 8 | usize::from(bytes[here + 1]);
                here = start;
            }
        }
    }
}

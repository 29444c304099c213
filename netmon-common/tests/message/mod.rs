//! What must hold of the DNS walker whatever bytes it is given, for tests and fuzz
//! targets alike. Panics where it does not.
//!
//! [`walk`] asks the walker alone and allocates nothing, so that a fuzzer can do it
//! often. [`check`] also holds every answer against a second reader.

mod plain;

use netmon_common::dns::{
    HEADER_LEN, MAX_LABEL_LEN, MAX_NAME_LEN, Malformed, Message, Name, Section,
};

pub(crate) use plain::check;

/// The least that a question takes: the root, type and class.
const QUESTION_LEN: usize = 5;

/// The least that stands before the data of a record: the root, type, class, TTL, length.
const RECORD_LEN: usize = 11;

/// Walks a message to its end and says how many labels and records were met.
pub(crate) fn walk(bytes: &[u8]) -> usize {
    let message = match Message::new(bytes) {
        Ok(message) => message,
        Err(malformed) => {
            assert_eq!(malformed, Malformed::Short);
            assert!(bytes.len() < HEADER_LEN);
            return 0;
        }
    };
    assert!(bytes.len() >= HEADER_LEN);
    let steps = question(&message) + records(bytes, &message);
    // The number of the message chooses where else a name is looked for.
    let at = usize::from(message.id()) % (bytes.len() + 1);
    if let Ok((found, end)) = Name::read(bytes, at) {
        assert!(at < end && end <= bytes.len(), "the name at {at} ends at {end}");
        name(&found);
    }
    for at in [bytes.len(), bytes.len() + 1, usize::MAX] {
        assert_eq!(Name::read(bytes, at).err(), Some(Malformed::Cut));
    }
    steps
}

/// Everything that a name says of itself agrees. Returns the number of its labels.
fn name(name: &Name) -> usize {
    let (mut count, mut len) = (0, 1);
    for label in name.labels() {
        assert!((1..=MAX_LABEL_LEN).contains(&label.len()), "a label of {} bytes", label.len());
        count += 1;
        len += 1 + label.len();
    }
    assert_eq!(len, name.len(), "the labels are as long as the name");
    assert!(len <= MAX_NAME_LEN, "a name of {len} bytes");
    assert_eq!(name.is_empty(), count == 0);
    count
}

fn question(message: &Message) -> usize {
    match message.question() {
        Ok(None) => {
            assert_eq!(message.claimed_questions(), 0);
            0
        }
        Ok(Some(question)) => {
            assert!(message.claimed_questions() > 0);
            name(&question.name)
        }
        Err(malformed) => {
            // Records cannot be found behind a question that is damaged.
            let first = message.records().next();
            assert_eq!(first.map(Result::err), Some(Some(malformed)));
            0
        }
    }
}

fn records(bytes: &[u8], message: &Message) -> usize {
    let (mut steps, mut last, mut seen) = (0, 0, [0_u16; 3]);
    let mut end = HEADER_LEN + usize::from(message.claimed_questions()) * QUESTION_LEN;
    let mut records = message.records();
    loop {
        match records.next() {
            Some(Ok(record)) => {
                let data = record.data.as_ptr().addr() - bytes.as_ptr().addr();
                assert!(data >= end + RECORD_LEN, "data at {data}, all before ends at {end}");
                end = data + record.data.len();
                assert!(end <= bytes.len(), "data ends at {end}");
                let section = record.section.index();
                assert!(section >= last, "sections do not go back");
                last = section;
                seen[section] += 1;
                assert!(seen[section] <= message.claimed_records(record.section));
                steps += 1 + name(&record.name);
            }
            Some(Err(malformed)) => {
                let never = [Malformed::Short, Malformed::Questions, Malformed::Length];
                assert!(!never.contains(&malformed), "{malformed:?} of a record");
                assert!(records.next().is_none(), "it ends after an error");
                assert!(records.next().is_none(), "it stays ended");
                return steps;
            }
            None => {
                let claimed = Section::ALL.iter().map(|part| message.claimed_records(*part));
                assert!(claimed.eq(seen), "it ends before all records were read");
                assert!(records.next().is_none(), "it stays ended");
                return steps;
            }
        }
    }
}

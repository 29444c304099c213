//! A second opinion on DNS messages: the text of RFC 1035 followed word by word.
//!
//! Slow and plain: names are lists of labels, pointers are followed by recursion and
//! remembered in a set. It must not call the walker except to ask what it is compared with.

use std::collections::HashSet;

use netmon_common::dns::{Malformed, Message, Name, Section};

type Labels = Vec<Vec<u8>>;
/// The name of what is wrong.
type Wrong = &'static str;
/// Name, type and class.
type Asked = (Labels, u16, u16);
/// Section, owner, type, class, TTL and data.
type Told = (&'static str, Labels, u16, u16, u32, Vec<u8>);

/// All that a message says.
#[derive(PartialEq, Debug)]
struct Said {
    /// ID, QR, OPCODE, TC, RCODE.
    head: (u16, bool, u8, bool, u8),
    /// What the header claims: questions, answers, authorities, additional records.
    counts: [u16; 4],
    question: Result<Option<Asked>, Wrong>,
    records: Vec<Result<Told, Wrong>>,
}

/// Compares what the walker and the plain reader say of a message, and of the name at
/// an offset that the message chooses. Returns how many labels, roots and pointers the
/// message has for a reader.
pub(crate) fn check(bytes: &[u8]) -> usize {
    let mut reader = Reader { bytes, at: 0, steps: 0 };
    let expected = reader.message();
    let walked = walked(bytes);
    assert_eq!(walked, expected, "{bytes:02x?}");
    let steps = reader.steps;

    if let Ok(said) = walked {
        let at = usize::from(said.head.0) % (bytes.len() + 1);
        let walked = Name::read(bytes, at).map(|(name, end)| (labels(&name), end));
        let mut reader = Reader { bytes, at, steps: 0 };
        let expected = reader.name().map(|labels| (labels, reader.at));
        assert_eq!(walked.map_err(Malformed::label), expected, "at {at} of {bytes:02x?}");
        cut(&bytes[..at], &said.records);
    }
    steps
}

/// What was read before the end of a message that was cut is what the whole one said.
fn cut(bytes: &[u8], whole: &[Result<Told, Wrong>]) {
    let Ok(said) = walked(bytes) else {
        return;
    };
    let read = said.records.iter().take_while(|record| record.is_ok()).count();
    assert_eq!(said.records[..read], whole[..read], "{bytes:02x?}");
}

/// What the walker says.
fn walked(bytes: &[u8]) -> Result<Said, Wrong> {
    let message = Message::new(bytes).map_err(Malformed::label)?;
    let [answers, authorities, additional] =
        [Section::Answer, Section::Authority, Section::Additional]
            .map(|section| message.claimed_records(section));
    let question = message.question().map_err(Malformed::label);
    let records = message.records().map(|record| {
        let record = record.map_err(Malformed::label)?;
        Ok((
            record.section.label(),
            labels(&record.name),
            record.kind,
            record.class,
            record.ttl,
            record.data.to_vec(),
        ))
    });
    Ok(Said {
        head: (
            message.id(),
            message.is_response(),
            message.opcode(),
            message.is_truncated(),
            message.rcode(),
        ),
        counts: [message.claimed_questions(), answers, authorities, additional],
        question: question.map(|question| question.map(|q| (labels(&q.name), q.kind, q.class))),
        records: records.collect(),
    })
}

fn labels(name: &Name) -> Labels {
    name.labels().map(<[u8]>::to_vec).collect()
}

/// Reads on from an offset.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Labels, roots and pointers that were met.
    steps: usize,
}

impl Reader<'_> {
    /// RFC 1035, section 4.1: header, questions, then three lists of records.
    fn message(&mut self) -> Result<Said, Wrong> {
        let mut words = [0; 6];
        for word in &mut words {
            *word = self.number(2).map_err(|_| "short")?;
        }
        let [id, flags, counts @ ..] = words.map(low_half);
        let mut said = Said {
            head: (
                id,
                flags >= 32_768,
                low_byte(flags / 2_048 % 16),
                flags / 512 % 2 == 1,
                low_byte(flags % 16),
            ),
            counts,
            question: Ok(None),
            records: Vec::new(),
        };
        for index in 0..counts[0] {
            let question = self.question();
            let wrong = question.as_ref().err().copied();
            if index == 0 {
                said.question = question.map(Some);
            }
            if let Some(wrong) = wrong {
                said.records.push(Err(wrong));
                return Ok(said);
            }
        }
        let sections = ["answer", "authority", "additional"];
        for (section, count) in sections.into_iter().zip(&counts[1..]) {
            for _ in 0..*count {
                let record = self.record(section);
                let is_wrong = record.is_err();
                said.records.push(record);
                if is_wrong {
                    return Ok(said);
                }
            }
        }
        Ok(said)
    }

    /// Section 4.1.2: QNAME, QTYPE, QCLASS.
    fn question(&mut self) -> Result<Asked, Wrong> {
        Ok((self.name()?, low_half(self.number(2)?), low_half(self.number(2)?)))
    }

    /// Section 4.1.3: NAME, TYPE, CLASS, TTL, RDLENGTH, RDATA.
    fn record(&mut self, section: &'static str) -> Result<Told, Wrong> {
        let name = self.name()?;
        let (kind, class) = (low_half(self.number(2)?), low_half(self.number(2)?));
        let ttl = self.number(4)?;
        let length = self.number(2)?;
        let mut data = Vec::new();
        for _ in 0..length {
            data.push(low_byte(low_half(self.number(1)?)));
        }
        Ok((section, name, kind, class, ttl, data))
    }

    /// A number of some bytes, the highest first.
    fn number(&mut self, bytes: usize) -> Result<u32, Wrong> {
        let mut number = 0;
        for _ in 0..bytes {
            number = number * 256 + u32::from(*self.bytes.get(self.at).ok_or("cut")?);
            self.at += 1;
        }
        Ok(number)
    }

    /// Section 3.1: labels up to the one of length 0, which is the root.
    fn name(&mut self) -> Result<Labels, Wrong> {
        let mut labels = Labels::new();
        self.at = self.labels(self.at, &mut labels, &mut HashSet::new())?;
        Ok(labels)
    }

    /// Adds the labels that begin at `start`, and says where they end there.
    fn labels(
        &mut self,
        start: usize,
        labels: &mut Labels,
        seen: &mut HashSet<usize>,
    ) -> Result<usize, Wrong> {
        let mut at = start;
        loop {
            self.steps += 1;
            let length = usize::from(*self.bytes.get(at).ok_or("cut")?);
            at += 1;
            match length {
                0 => return Ok(at),
                1..=63 => {
                    labels.push(self.bytes.get(at..at + length).ok_or("cut")?.to_vec());
                    // Section 2.3.4: names have 255 octets or less.
                    if labels.concat().len() + labels.len() + 1 > 255 {
                        return Err("name");
                    }
                    at += length;
                }
                // Section 4.1.4: 10 and 01 are reserved.
                64..=191 => return Err("label"),
                // A pointer to a prior occurrence of the rest of the name.
                _ => {
                    let low = usize::from(*self.bytes.get(at).ok_or("cut")?);
                    let target = (length - 192) * 256 + low;
                    let is_new = seen.insert(target);
                    // The limit of 127 is netmon's own.
                    if !is_new || seen.len() > 127 || target >= start {
                        return Err("pointer");
                    }
                    self.labels(target, labels, seen)?;
                    return Ok(at + 1);
                }
            }
        }
    }
}

fn low_half(number: u32) -> u16 {
    let [low, high, ..] = number.to_le_bytes();
    u16::from_le_bytes([low, high])
}

fn low_byte(number: u16) -> u8 {
    number.to_le_bytes()[0]
}

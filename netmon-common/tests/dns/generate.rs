//! Messages made at random, with and without compression.

use std::collections::HashMap;

use netmon_common::dns::Section;
use proptest::{collection::vec, prelude::*, sample::select};

/// The labels of a name.
pub(crate) type Labels = Vec<Vec<u8>>;

/// What a question or a record begins with.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Asked {
    pub(crate) labels: Labels,
    pub(crate) kind: u16,
    pub(crate) class: u16,
}

/// A record as it is to be written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Told {
    pub(crate) section: Section,
    pub(crate) of: Asked,
    pub(crate) ttl: u32,
    pub(crate) data: Vec<u8>,
}

/// A message as it is to be written; its records are in the order of their sections.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) id: u16,
    pub(crate) flags: u16,
    pub(crate) questions: Vec<Asked>,
    pub(crate) records: Vec<Told>,
}

impl Plan {
    /// The message. Where a name ends like one before it, the next bit of `compress`
    /// says whether a pointer takes the place of that end.
    pub(crate) fn write(&self, compress: u64) -> Vec<u8> {
        let counts = Section::ALL
            .iter()
            .map(|section| self.records.iter().filter(|record| record.section == *section).count());
        let mut writer = Writer { bytes: Vec::new(), known: HashMap::new(), compress };
        writer.word(self.id);
        writer.word(self.flags);
        for count in [self.questions.len()].into_iter().chain(counts) {
            writer.word(u16::try_from(count).unwrap_or(u16::MAX));
        }
        for question in &self.questions {
            writer.asked(question);
        }
        for record in &self.records {
            writer.asked(&record.of);
            writer.bytes.extend(record.ttl.to_be_bytes());
            writer.word(u16::try_from(record.data.len()).unwrap_or(u16::MAX));
            writer.bytes.extend(&record.data);
        }
        writer.bytes
    }
}

struct Writer {
    bytes: Vec<u8>,
    /// Where the last name ends that ended so.
    known: HashMap<Labels, usize>,
    compress: u64,
}

impl Writer {
    fn word(&mut self, word: u16) {
        self.bytes.extend(word.to_be_bytes());
    }

    fn asked(&mut self, asked: &Asked) {
        self.name(&asked.labels);
        self.word(asked.kind);
        self.word(asked.class);
    }

    fn name(&mut self, labels: &[Vec<u8>]) {
        for index in 0..=labels.len() {
            let rest = &labels[index..];
            // A pointer reaches 2^14 bytes.
            let known = self.known.get(rest).filter(|at| **at < 0x4000).copied();
            if let Some(at) = known {
                self.compress = self.compress.rotate_left(1);
                if self.compress & 1 == 1 {
                    self.word(0xc000 | u16::try_from(at).unwrap_or_default());
                    return;
                }
            }
            self.known.insert(rest.to_vec(), self.bytes.len());
            let label = rest.first().map(Vec::as_slice).unwrap_or_default();
            self.bytes.push(u8::try_from(label.len()).unwrap_or_default());
            self.bytes.extend(label);
        }
    }
}

/// Any message that can be written.
pub(crate) fn plan() -> impl Strategy<Value = Plan> {
    let record = (select(Section::ALL), asked(), any::<u32>(), vec(any::<u8>(), 0..40))
        .prop_map(|(section, of, ttl, data)| Told { section, of, ttl, data });
    (any::<u16>(), any::<u16>(), vec(asked(), 0..4), vec(record, 0..12)).prop_map(
        |(id, flags, questions, mut records)| {
            records.sort_by_key(|record| record.section);
            Plan { id, flags, questions, records }
        },
    )
}

fn asked() -> impl Strategy<Value = Asked> {
    let number = || prop_oneof![select(vec![1, 2, 5, 6, 28, 41, 255]), any::<u16>()];
    (name(), number(), number()).prop_map(|(labels, kind, class)| Asked { labels, kind, class })
}

/// A name of at most 255 bytes: of few words, so that names end alike, or of any bytes.
fn name() -> impl Strategy<Value = Labels> {
    let word = select(vec![&b"a"[..], b"b", b"example", b"\x00.\xff", &[0xc0; 63]]);
    let word = prop_oneof![8 => word.prop_map(<[u8]>::to_vec), 1 => vec(any::<u8>(), 1..64)];
    let count = prop_oneof![9 => 0..6_usize, 1 => 0..128_usize];
    count.prop_flat_map(move |count| vec(word.clone(), count)).prop_map(|mut labels| {
        // The rightmost labels that fit.
        while labels.concat().len() + labels.len() + 1 > 255 {
            labels.remove(0);
        }
        labels
    })
}

/// Bytes of which many are pointers, short labels or roots.
pub(crate) fn noise(len: usize) -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        2 => select(vec![0, 0, 1, 2, 12, 63, 64, 128, 192, 192, 192, 193, 255]),
        1 => any::<u8>(),
    ];
    prop_oneof![vec(byte, 0..len), vec(any::<u8>(), 0..len)]
}

//! Messages written as text, for the tests of whoever looks at names.

use super::A;
use crate::names::name::tests::lower;

/// A message: ID, whether it answers, response code, question, and records behind it.
#[derive(Clone)]
pub(crate) struct Text {
    id: u16,
    answers: Option<u8>,
    name: String,
    kind: u16,
    /// Section, type, TTL, data; their names point to the question.
    records: Vec<(usize, u16, u32, Vec<u8>)>,
}

pub(crate) fn query(name: &str) -> Text {
    Text { id: 0, answers: None, name: name.to_owned(), kind: A, records: Vec::new() }
}

pub(crate) fn answer(name: &str, rcode: u8) -> Text {
    Text { answers: Some(rcode), ..query(name) }
}

impl Text {
    pub(crate) fn of(mut self, kind: u16) -> Self {
        self.kind = kind;
        self
    }

    pub(crate) fn with_id(mut self, id: u16) -> Self {
        self.id = id;
        self
    }

    pub(crate) fn with(mut self, section: usize, kind: u16, ttl: u32, data: &[u8]) -> Self {
        self.records.push((section, kind, ttl, data.to_vec()));
        self
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.id.to_be_bytes().to_vec();
        bytes.extend(match self.answers {
            None => [1, 0],
            Some(rcode) => [0x81, 0x80 | rcode],
        });
        bytes.extend([0, 1]);
        for section in 0..3 {
            let count = self.records.iter().filter(|it| it.0 == section).count();
            bytes.extend(u16::try_from(count).unwrap_or(0).to_be_bytes());
        }
        let name = lower(&self.name);
        for at in 0..name.labels() {
            bytes.push(u8::try_from(name.label(at).len()).unwrap_or(0));
            bytes.extend(name.label(at));
        }
        bytes.push(0);
        bytes.extend(self.kind.to_be_bytes());
        bytes.extend([0, 1]);
        for (_, kind, ttl, data) in &self.records {
            bytes.extend([0xc0, 12]);
            bytes.extend(kind.to_be_bytes());
            bytes.extend([0, 1]);
            bytes.extend(ttl.to_be_bytes());
            bytes.extend(u16::try_from(data.len()).unwrap_or(0).to_be_bytes());
            bytes.extend(data);
        }
        bytes
    }
}

/// Letters that look like nothing, different for each number.
pub(crate) fn letters(number: u64, len: usize) -> String {
    let mut state = number.wrapping_add(1);
    let letter = |_| {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        char::from(b'a' + u8::try_from(state >> 59).unwrap_or(0) % 26)
    };
    (0..len).map(letter).collect()
}

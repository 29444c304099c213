//! The walker of DNS messages: literal vectors and what it must say of each, messages
//! that were made at random and must be read as they were written, and hostile bytes.
//! Each of them is also held against the plain reader, cut at every byte.

#[path = "../message/mod.rs"]
mod message;
#[path = "../seed/message.rs"]
mod seed;

mod cut;
mod generate;
mod header;
mod hostile;
mod name;
mod question;
mod random;
mod records;

use std::fmt::Write as _;

use netmon_common::dns::{Malformed, Message, Name};
use seed::hex;

/// One vector: what it shows, the message in hexadecimal, what the walker says of it.
type Case<'a> = (&'a str, &'a str, &'a str);

/// Checks messages, and that no cut of them upsets the walker.
fn check(cases: &[Case]) {
    for (what, text, expected) in cases {
        let bytes = hex(text);
        assert_eq!(describe(&bytes), *expected, "{what}");
        for len in 0..=bytes.len() {
            message::walk(&bytes[..len]);
            message::check(&bytes[..len]);
        }
    }
}

/// All that the walker says of a message: header, question, records.
fn describe(bytes: &[u8]) -> String {
    let message = match Message::new(bytes) {
        Ok(message) => message,
        Err(malformed) => return malformed.label().to_owned(),
    };
    let mut text = format!("{:04x}", message.id());
    if message.is_response() {
        let _ = write!(text, " response {}", message.rcode());
    } else {
        text += " query";
    }
    if message.opcode() > 0 {
        let _ = write!(text, " opcode {}", message.opcode());
    }
    if message.is_truncated() {
        text += " tc";
    }
    match message.question() {
        Ok(None) => {}
        Ok(Some(question)) => {
            let name = show(&question.name);
            let _ = write!(text, "; asks {name} {} {}", question.kind, question.class);
        }
        Err(malformed) => {
            let _ = write!(text, "; asks {}", malformed.label());
        }
    }
    for record in message.records() {
        match record {
            Ok(record) => {
                let (section, name) = (record.section.label(), show(&record.name));
                let _ = write!(text, "; {section} {name} {} {}", record.kind, record.class);
                let _ = write!(text, " {} ", record.ttl);
                for byte in record.data {
                    let _ = write!(text, "{byte:02x}");
                }
            }
            Err(malformed) => {
                let _ = write!(text, "; {}", malformed.label());
            }
        }
    }
    text
}

/// A name as text; what is not a printable character of a label stands as `\xff`.
fn show(name: &Name) -> String {
    let label = |label: &[u8]| label.escape_ascii().to_string().replace('.', "\\x2e") + ".";
    if name.is_empty() { ".".to_owned() } else { name.labels().map(label).collect() }
}

/// The name at an offset, its length and where it ends; or what is wrong with it.
fn read(bytes: &[u8], at: usize) -> Result<(String, usize, usize), Malformed> {
    Name::read(bytes, at).map(|(name, end)| (show(&name), name.len(), end))
}

//! Work is bounded whatever the bytes are: no message makes the walker take more than a
//! constant number of steps for each of its bytes. Steps are labels, roots and pointers
//! that a reader must look at; nothing here measures time.

use proptest::prelude::*;

use super::{generate::noise, hex, message};

/// Longest message: its length has 16 bits over TCP.
const MAX_LEN: usize = 65_535;

/// Most steps for one name: 127 labels, 127 pointers, the root and what is refused.
const STEPS_PER_NAME: usize = 256;

/// Walks a message and checks that steps and yields are bounded by its length. Returns
/// the steps.
fn bounded(what: &str, bytes: &[u8]) -> usize {
    let steps = message::check(bytes);
    // A question takes at least five bytes, a record more, and the last name may fail.
    let names = bytes.len() / 5 + 1;
    assert!(steps <= names * STEPS_PER_NAME, "{what}: {steps} steps for {} bytes", bytes.len());
    // All labels of a record, and the record itself.
    let yields = message::walk(bytes);
    let most = (bytes.len() / 11 + 1) * 128;
    assert!(yields <= most, "{what}: {yields} labels and records");
    assert!(yields <= steps.max(1) * 2, "{what}: {yields} yields of {steps} steps");
    steps
}

/// A header with these counts and the bytes behind it, to the longest message.
fn filled(header: &str, unit: &[u8]) -> Vec<u8> {
    hex(header).into_iter().chain(unit.iter().copied().cycle()).take(MAX_LEN).collect()
}

#[test]
fn longest_messages() {
    let questions = "1234 8180 ffff 0000 0000 0000";
    let answers = "1234 8180 0000 ffff ffff ffff";
    let both = "1234 8180 ffff ffff ffff ffff";
    let cases: [(&str, &str, &str, usize); 11] = [
        ("roots as questions", questions, "00 0001 0001", 13_105),
        ("roots as records", answers, "00 0001 0001 00000000 0000", 5_957),
        ("pointers to the header", questions, "c004 0001 0001", 2),
        ("pointers to themselves", questions, "c00c", 1),
        ("pointers forward", questions, "ffff", 1),
        ("only 0xc0", both, "c0", 1),
        ("only zeros", both, "00", 13_105),
        ("only 0xff", both, "ff", 1),
        ("labels of one byte without end", questions, "01 61", 128),
        ("labels of 63 bytes without end", questions, "3f", 4),
        ("data of 65,535 bytes", answers, "00 0001 0001 00000000 ffff", 1),
    ];
    for (what, header, unit, expected) in cases {
        let steps = bounded(what, &filled(header, &hex(unit)));
        assert_eq!(steps, expected, "{what}");
    }
}

/// The most that can be asked of the walker: a name of 127 labels and 126 pointers, and
/// a pointer to it for every question or record that the message has room for.
#[test]
fn longest_name_as_often_as_it_fits() {
    // The name stands in the data of the first answer, which is a root, at 23.
    let mut name = hex("01 61 00");
    for number in 1..127_u16 {
        let target = if number == 1 { 23 } else { 26 + 4 * (number - 2) };
        name.extend([1, 0x61]);
        name.extend((0xc000 | target).to_be_bytes());
    }
    let longest = 23 + name.len() - 4;
    let pointer = (0xc000 | u16::try_from(longest).unwrap_or_default()).to_be_bytes();
    let length = u16::try_from(name.len()).unwrap_or_default().to_be_bytes();
    let record = [&pointer[..], &hex("0001 0001 00000000 0000")].concat();
    let head = [hex("1234 8180 0000 ffff 0000 0000 00 0001 0001 00000000"), length.to_vec(), name];
    let records = head.concat().into_iter().chain(record.iter().copied().cycle());
    let records: Vec<u8> = records.take(MAX_LEN).collect();
    let owners = (MAX_LEN - longest - 4) / record.len();
    let steps = bounded("records", &records);
    // A pointer, 127 labels, 126 pointers, the root.
    assert!(steps >= owners * (STEPS_PER_NAME - 1), "{steps} steps of {owners} names");
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 16,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn long_noise(noise in noise(MAX_LEN)) {
        bounded("noise", &noise);
    }

    #[test]
    fn long_noise_behind_a_header(unit in noise(80), rest in noise(2_000)) {
        for header in ["1234 8180 ffff 0000 0000 0000", "1234 8180 0000 ffff ffff ffff"] {
            let unit = if unit.is_empty() { &[0][..] } else { &unit };
            let mut bytes = filled(header, unit);
            bounded("a repeated unit", &bytes);
            let at = bytes.len() - rest.len();
            bytes[at..].copy_from_slice(&rest);
            bounded("a repeated unit and noise", &bytes);
        }
    }
}

//! A real response cut at every byte: what stands before the cut is still read.

use netmon_common::dns::{Malformed, Message};

use super::{
    hex, message,
    seed::{ANSWER_CHAIN, ANSWER_EDNS, SOA},
};

#[test]
fn real_responses() {
    // Where the question and every record end.
    let cases: [(&str, usize, &[usize]); 3] =
        [(ANSWER_CHAIN, 34, &[73, 89, 105, 121]), (ANSWER_EDNS, 29, &[45, 67]), (SOA, 27, &[102])];
    for (text, question, records) in cases {
        let bytes = hex(text);
        assert_eq!(records.last(), Some(&bytes.len()));
        for len in 0..=bytes.len() {
            let cut = &bytes[..len];
            message::walk(cut);
            message::check(cut);
            let Ok(message) = Message::new(cut) else {
                assert!(len < 12);
                continue;
            };
            let asked = message.question().map(|question| question.is_some());
            assert_eq!(asked, if len < question { Err(Malformed::Cut) } else { Ok(true) });
            let whole = records.iter().filter(|end| **end <= len).count();
            let mut expected = vec![None; whole];
            if whole < records.len() {
                expected.push(Some(Malformed::Cut));
            }
            let found: Vec<_> = message.records().map(Result::err).collect();
            assert_eq!(found, expected, "{len} of {} bytes", bytes.len());
        }
    }
}

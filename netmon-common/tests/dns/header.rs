//! The header: twelve bytes, or none.

use netmon_common::dns::{Malformed, Message, Section};

use super::{check, describe, hex};

#[test]
fn a_message_of_less_than_a_header() {
    let bytes = hex("1234 8180 0001 0001 0000 0000");
    for len in 0..12 {
        assert_eq!(Message::new(&bytes[..len]).err(), Some(Malformed::Short), "{len} bytes");
    }
    assert_eq!(describe(&bytes), "1234 response 0; asks cut; cut");
}

#[test]
fn fields() {
    check(&[
        ("nothing asked", "1234 0100 0000 0000 0000 0000", "1234 query"),
        ("no bit", "0000 0000 0000 0000 0000 0000", "0000 query"),
        ("only QR", "ffff 8000 0000 0000 0000 0000", "ffff response 0"),
        ("every bit but QR", "0001 7fff 0000 0000 0000 0000", "0001 query opcode 15 tc"),
        ("every bit", "0001 ffff 0000 0000 0000 0000", "0001 response 15 opcode 15 tc"),
        ("an update", "0001 2800 0000 0000 0000 0000", "0001 query opcode 5"),
        ("TC", "0001 8200 0000 0000 0000 0000", "0001 response 0 tc"),
        ("AA, RD, RA and AD", "0001 85a0 0000 0000 0000 0000", "0001 response 0"),
        ("no such name", "0001 8183 0000 0000 0000 0000", "0001 response 3"),
        ("bytes behind the end", "0001 0100 0000 0000 0000 0000 ffff", "0001 query"),
    ]);
}

#[test]
fn counts_are_claims() {
    let bytes = hex("1234 8180 0001 0203 fffe 8000");
    let Ok(message) = Message::new(&bytes) else {
        unreachable!("it has a whole header");
    };
    assert_eq!(message.claimed_questions(), 1);
    assert_eq!(message.claimed_records(Section::Answer), 0x0203);
    assert_eq!(message.claimed_records(Section::Authority), 0xfffe);
    assert_eq!(message.claimed_records(Section::Additional), 0x8000);
}

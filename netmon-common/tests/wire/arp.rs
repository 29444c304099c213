//! Vectors for ARP.

use netmon_common::wire::arp::{Claim, claim};

/// A reply by 02:00:00:00:00:07, which has 192.0.2.7, behind two bytes of something else.
const REPLY: [u8; 30] = [
    0xff, 0xff, 0, 1, 8, 0, 6, 4, 0, 2, 2, 0, 0, 0, 0, 7, 192, 0, 2, 7, 2, 0, 0, 0, 0, 1, 192, 0,
    2, 1,
];

/// The reply with some bytes changed.
fn with(at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut reply = REPLY.to_vec();
    reply[at..at + bytes.len()].copy_from_slice(bytes);
    reply
}

#[test]
fn senders_claim_their_addresses() {
    let seven = Some(Claim { hardware: [2, 0, 0, 0, 0, 7], address: [192, 0, 2, 7] });
    let cases = [
        ("a reply", with(0, &[]), seven),
        ("a request", with(9, &[1]), seven),
        ("a probe", with(16, &[0; 4]), None),
        ("token ring", with(2, &[0, 6]), None),
        ("another protocol", with(4, &[0x86, 0xdd]), None),
        ("longer addresses", with(6, &[20, 4]), None),
        ("a sender without an address", with(10, &[0; 6]), None),
        ("a group as sender", with(10, &[1]), None),
        ("the target does not matter", REPLY[..20].to_vec(), seven),
        ("cut off", REPLY[..19].to_vec(), None),
        ("nothing", Vec::new(), None),
    ];
    for (name, bytes, expected) in cases {
        assert_eq!(claim(&bytes[..], 2), expected, "{name}");
    }
    assert_eq!(claim(&REPLY[..], usize::MAX), None);
}

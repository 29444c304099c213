//! DNS messages with names: some as real programs sent them, and one of each way to
//! be awkward. Tests expect certain things of them, and the fuzzers start from them.

/// Name and bytes in hexadecimal.
const MESSAGES: [(&str, &str); 21] = [
    (
        "query_edns",
        "b940 0120 0001 0000 0000 0001 07 6578616d706c65 03 636f6d 00 0001 0001
         00 0029 3039 00008000 0000",
    ),
    ("answer_edns", ANSWER_EDNS),
    ("answer_chain", ANSWER_CHAIN),
    ("soa", SOA),
    (
        "https",
        "f29f 8180 0001 0001 0000 0001 0a 636c6f7564666c617265 03 636f6d 00 0041 0001
         c00c 0041 0001 00000081 004f 0001 00 0001 0018
         02 6833 05 68332d3239 05 68332d3238 05 68332d3237 02 6832
         0004 0008 681084e5 681085e5
         0006 0020 26064700000000000000000068 1084e5 26064700000000000000000068 1085e5
         00 0029 1000 00000000 0000",
    ),
    (
        "multicast_two_questions",
        "0000 0000 0002 0000 0000 0000 04 5f697070 04 5f746370 05 6c6f63616c 00 000c 0001
         05 5f69707073 c011 000c 0001",
    ),
    (
        "tunnel_txt",
        "c197 8400 0001 0001 0000 0000
         0b 76616161616b61756c3132 01 74 07 6578616d706c65 04 74657374 00 0010 0001
         c00c 0010 0001 00000000 0011 10 746b7a617567737a67787970706b6161",
    ),
    ("pointer_chain", POINTER_CHAIN),
    ("header", "1234 0100 0000 0000 0000 0000"),
    ("header_short", "1234 0100 0001 0000 0000 00"),
    ("root", "1234 0100 0001 0000 0000 0000 00 0002 0001"),
    ("pointer_to_itself", "1234 0100 0001 0000 0000 0000 c00c 0001 0001"),
    ("pointer_forward", "1234 0100 0001 0000 0000 0000 c00e 0161 00 0001 0001"),
    ("pointer_loop", "1234 8180 0001 0001 0000 0000 0161 c014 0001 0001 0162 c00c 0001 0001"),
    ("pointer_into_header", "0161 0000 0001 0000 0000 0000 c000 0001 0001"),
    (
        "pointer_overlap",
        "1234 8180 0001 0001 0000 0000 03 61c000 00 0001 0001 c00c 0001 0001 00000000 0000",
    ),
    ("label_reserved", "1234 0100 0001 0000 0000 0000 40 61 00 0001 0001"),
    ("label_bytes", "1234 0100 0001 0000 0000 0000 04 002eff5c 00 0001 0001"),
    ("questions_many", "1234 0100 ffff 0000 0000 0000 00 0001 0001 00 0001 0001"),
    ("answers_many", "1234 8180 0000 ffff ffff ffff 00 0001 0001 00000000 0000"),
    ("length_beyond", "1234 8180 0000 0001 0000 0000 00 0001 0001 00000000 ffff 01"),
];

/// The answer of a name server, with a cookie of EDNS.
pub(crate) const ANSWER_EDNS: &str =
    "a30b 8500 0001 0001 0000 0001 07 6578616d706c65 03 636f6d 00 0001 0001
     c00c 0001 0001 00015180 0004 5db8d822
     00 0029 1000 00000000 000b 0008 0007 0001 18 00 c00002";

/// An alias and three addresses of it: the name of the alias stands in RDATA.
pub(crate) const ANSWER_CHAIN: &str =
    "f691 8180 0001 0004 0000 0000 04 61757333 07 6d6f7a696c6c61 03 6f7267 00 0001 0001
     c00c 0005 0001 0000003c 001b 05 6175733033 03 7a6c62 03 706878 07 6d6f7a696c6c61 03 6e6574 00
     c02e 0001 0001 0000003c 0004 3ff5d92c
     c02e 0001 0001 0000003c 0004 3ff5d989
     c02e 0001 0001 0000003c 0004 3ff5d98a";

/// No such name, says the root, and for how long.
pub(crate) const SOA: &str = "0b61 8183 0001 0000 0001 0000 04 77706164 04 484f4d45 00 0001 0001
     00 0006 0001 00000a26 0040 01 61 0c 726f6f742d73657276657273 03 6e6574 00
     05 6e73746c64 0c 766572697369676e2d677273 03 636f6d 00
     780cbe6c 00000708 00000384 00093a80 00015180";

/// The owner of every answer but the first is a pointer to the owner of the one before.
pub(crate) const POINTER_CHAIN: &str = "1234 8180 0001 0007 0000 0000 01 61 00 0001 0001
     01 61 00 0001 0001 0000012c 0004 7f000001
     c013 0001 0001 0000012c 0004 7f000002 c024 0001 0001 0000012c 0004 7f000003
     c034 0001 0001 0000012c 0004 7f000004 c044 0001 0001 0000012c 0004 7f000005
     c054 0001 0001 0000012c 0004 7f000006 c064 0001 0001 0000012c 0004 7f000007";

/// Every message with its name, which is fit for a file name.
pub(crate) fn all() -> Vec<(&'static str, Vec<u8>)> {
    let mut messages: Vec<_> = MESSAGES.iter().map(|(name, text)| (*name, hex(text))).collect();
    messages.push(("pointers_only", pointers()));
    messages.push(("pointers_descending", descending(200)));
    messages
}

/// Bytes from hexadecimal digits; white space is for the reader.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> =
        text.chars().filter(|c| !c.is_whitespace()).filter_map(|c| c.to_digit(16)).collect();
    assert_eq!(digits.len() % 2, 0, "odd number of digits: {text}");
    digits.chunks(2).filter_map(|pair| u8::try_from(pair[0] * 16 + pair[1]).ok()).collect()
}

/// A response of which every byte could be the first of a pointer.
fn pointers() -> Vec<u8> {
    vec![0xc0; 64]
}

/// A response whose only data is a root and so many pointers, each to the one before:
/// the pointer `number` stands at `23 + 2 * number`, and pointer 0 leads to the root.
/// The owner of its second answer is the last of them.
pub(crate) fn descending(count: u16) -> Vec<u8> {
    let mut message = hex("1234 8180 0000 0002 0000 0000 00 000a 0001 00000000");
    message.extend((count * 2).to_be_bytes());
    for number in 0..count {
        let target = if number == 0 { 12 } else { 21 + 2 * number };
        message.extend((0xc000 | target).to_be_bytes());
    }
    let owner = 21 + 2 * count;
    message.extend((0xc000 | owner).to_be_bytes());
    message.extend(hex("0001 0001 00000000 0000"));
    message
}

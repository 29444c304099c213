//! Questions: none, one, several, and more than there are bytes for.

use super::check;

#[test]
fn vectors() {
    check(&[
        (
            "an address",
            "1234 0100 0001 0000 0000 0000 01 61 07 6578616d706c65 00 0001 0001",
            "1234 query; asks a.example. 1 1",
        ),
        ("the root", "1234 0100 0001 0000 0000 0000 00 0002 0001", "1234 query; asks . 2 1"),
        (
            "bytes behind it",
            "1234 0100 0001 0000 0000 0000 00 0002 0001 c00c ff",
            "1234 query; asks . 2 1",
        ),
        (
            "type and class of any value",
            "1234 0100 0001 0000 0000 0000 00 fffe 8001",
            "1234 query; asks . 65534 32769",
        ),
        (
            "bytes that are no letters",
            "1234 0100 0001 0000 0000 0000 03 00ff2e 01 20 00 0010 0001",
            r"1234 query; asks \x00\xff\x2e. . 16 1",
        ),
        (
            "a question though none is claimed",
            "1234 0100 0000 0000 0000 0000 00 0002 0001",
            "1234 query",
        ),
        (
            "two questions, the second compressed",
            "1234 0100 0002 0001 0000 0000 01 61 00 0001 0001 c00c 001c 0001
             c013 0001 0001 00000005 0001 07",
            "1234 query; asks a. 1 1; answer a. 1 1 5 07",
        ),
        ("one is claimed", "1234 0100 0001 0000 0000 0000", "1234 query; asks cut; cut"),
        (
            "65,535 are claimed and two are there",
            "1234 0100 ffff 0000 0000 0000 00 0001 0001 00 0001 0001",
            "1234 query; asks . 1 1; cut",
        ),
        (
            "two are claimed and one is there, before a record",
            "1234 8180 0002 0001 0000 0000 00 0001 0001 00",
            "1234 response 0; asks . 1 1; cut",
        ),
        ("no class", "1234 0100 0001 0000 0000 0000 00 0001 00", "1234 query; asks cut; cut"),
        (
            "it is a pointer to itself",
            "1234 0100 0001 0000 0000 0000 c00c 0001 0001",
            "1234 query; asks pointer; pointer",
        ),
        (
            "it points forward",
            "1234 0100 0001 0000 0000 0000 c00e 01 61 00 0001 0001",
            "1234 query; asks pointer; pointer",
        ),
        (
            "it points into the header, where a name can be read",
            "0161 0000 0001 0000 0000 0000 c000 0001 0001",
            "0161 query; asks a. 1 1",
        ),
        (
            "a loop of two",
            "1234 8180 0002 0000 0000 0000 01 61 c014 0001 0001 01 62 c00c 0001 0001",
            "1234 response 0; asks pointer; pointer",
        ),
        (
            "a label of no kind",
            "1234 0100 0001 0000 0000 0000 80 61 00 0001 0001",
            "1234 query; asks label; label",
        ),
        (
            "a label of no kind in the second",
            "1234 0100 0002 0000 0000 0000 00 0001 0001 40",
            "1234 query; asks . 1 1; label",
        ),
    ]);
}

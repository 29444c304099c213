//! Records: sections, data, and more of them than there are bytes for.

use netmon_common::dns::{Malformed, Message, Section};

use super::{
    check, describe, hex,
    seed::{ANSWER_CHAIN, ANSWER_EDNS, POINTER_CHAIN, SOA, descending},
};

#[test]
fn messages_from_the_wire() {
    check(&[
        (
            "an address, and OPT with a cookie",
            ANSWER_EDNS,
            "a30b response 0; asks example.com. 1 1; answer example.com. 1 1 86400 5db8d822; \
             additional . 41 4096 0 0008000700011800c00002",
        ),
        (
            "an alias: its name stands in the data of another record",
            ANSWER_CHAIN,
            "f691 response 0; asks aus3.mozilla.org. 1 1; \
             answer aus3.mozilla.org. 5 1 60 \
             056175733033037a6c6203706878076d6f7a696c6c61036e657400; \
             answer aus03.zlb.phx.mozilla.net. 1 1 60 3ff5d92c; \
             answer aus03.zlb.phx.mozilla.net. 1 1 60 3ff5d989; \
             answer aus03.zlb.phx.mozilla.net. 1 1 60 3ff5d98a",
        ),
        (
            "SOA: there is no such name",
            SOA,
            "0b61 response 3; asks wpad.HOME. 1 1; authority . 6 1 2598 \
             01610c726f6f742d73657276657273036e657400056e73746c640c766572697369676e2d677273\
             03636f6d00780cbe6c000007080000038400093a8000015180",
        ),
        (
            "pointers to pointers",
            POINTER_CHAIN,
            "1234 response 0; asks a. 1 1; answer a. 1 1 300 7f000001; \
             answer a. 1 1 300 7f000002; answer a. 1 1 300 7f000003; answer a. 1 1 300 7f000004; \
             answer a. 1 1 300 7f000005; answer a. 1 1 300 7f000006; answer a. 1 1 300 7f000007",
        ),
    ]);
}

#[test]
fn vectors() {
    check(&[
        (
            "one of each section",
            "1234 8180 0000 0001 0001 0001
             01 61 00 0001 0001 00000001 0000 01 62 00 0002 0001 ffffffff 0001 07
             c019 001c 0003 80000000 0002 0809",
            "1234 response 0; answer a. 1 1 1 ; authority b. 2 1 4294967295 07; \
             additional b. 28 3 2147483648 0809",
        ),
        (
            "none before the additional ones",
            "1234 8180 0000 0000 0000 0001 00 0029 04d0 00008000 0000",
            "1234 response 0; additional . 41 1232 32768 ",
        ),
        (
            "OPT anywhere is a record like others",
            "1234 0100 0000 0001 0000 0000 01 61 00 0029 0000 ffffffff 0000",
            "1234 query; answer a. 41 0 4294967295 ",
        ),
        (
            "fewer are claimed than are there",
            "1234 8180 0000 0001 0000 0000 00 0001 0001 00000000 0000 00 0001 0001 00000000 0000",
            "1234 response 0; answer . 1 1 0 ",
        ),
        (
            "65,535 are claimed of each and one is there",
            "1234 8180 0000 ffff ffff ffff 00 0001 0001 00000000 0000",
            "1234 response 0; answer . 1 1 0 ; cut",
        ),
        (
            "one is claimed and none is there",
            "1234 8180 0000 0000 0001 0000",
            "1234 response 0; cut",
        ),
        (
            "length beyond the end",
            "1234 8180 0000 0002 0000 0000 00 0001 0001 00000000 ffff 01",
            "1234 response 0; cut",
        ),
        (
            "length one beyond the end",
            "1234 8180 0000 0002 0000 0000 00 0001 0001 00000000 0002 01",
            "1234 response 0; cut",
        ),
        (
            "data may be anything, a name of no kind too",
            "1234 8180 0000 0001 0000 0000 00 0005 0001 00000000 0002 80ff",
            "1234 response 0; answer . 5 1 0 80ff",
        ),
        (
            "the owner points into its own data",
            "1234 8180 0000 0001 0000 0000 c018 0005 0001 00000000 0002 01 61",
            "1234 response 0; pointer",
        ),
        (
            "the owner points to itself, behind a good one",
            "1234 8180 0000 0003 0000 0000 00 0001 0001 00000000 0000 c017 0001 0001 00000000 0000",
            "1234 response 0; answer . 1 1 0 ; pointer",
        ),
        (
            "the owner runs over its own pointer",
            "1234 8180 0001 0001 0000 0000 03 61c000 00 0001 0001 c00c 0001 0001 00000000 0000",
            r"1234 response 0; asks a\xc0\x00. 1 1; answer a\xc0\x00. 1 1 0 ",
        ),
        (
            "no owner of any kind",
            "1234 8180 0000 0001 0000 0000 bf 0001 0001 00000000 0000",
            "1234 response 0; label",
        ),
    ]);
}

#[test]
fn owner_behind_127_pointers_and_behind_128() {
    for (count, expected) in [(126, None), (127, Some(Malformed::Pointer))] {
        let bytes = descending(count);
        let last = Message::new(&bytes).ok().and_then(|message| message.records().nth(1));
        let last = last.map(Result::err);
        assert_eq!(last, Some(expected), "its own pointer and {count} more");
    }
}

/// A question that is damaged hides the records behind it, and the walk ends there.
#[test]
fn nothing_follows_an_error() {
    for (what, text) in [
        ("question", "1234 8180 0001 0001 0000 0000 80 0001 0001 00 0001 0001 00000000 0000"),
        ("record", "1234 8180 0000 0002 0001 0001 80 0001 0001 00000000 0000 00 00 00 00 00"),
    ] {
        let bytes = hex(text);
        let records = Message::new(&bytes).map(|message| message.records());
        let found: Vec<_> = records.into_iter().flatten().map(Result::err).collect();
        assert_eq!(found, [Some(Malformed::Label)], "{what}");
    }
    assert_eq!(describe(&[]), "short");
}

#[test]
fn sections_have_names() {
    assert_eq!(Section::LABELS, ["answer", "authority", "additional"]);
}

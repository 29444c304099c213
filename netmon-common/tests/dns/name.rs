//! Names: labels, pointers, and their limits.

use netmon_common::dns::{MAX_NAME_LEN, Malformed};

use super::{hex, message, read};

/// What it shows, the bytes, the offset of the name, and what is read there.
type Case<'a> = (&'a str, &'a str, usize, Result<(&'a str, usize, usize), Malformed>);

#[test]
fn vectors() {
    let cases: [Case; 31] = [
        ("the root", "00", 0, Ok((".", 1, 1))),
        ("one label", "01 61 00", 0, Ok(("a.", 3, 3))),
        ("two labels", "01 61 02 6263 00", 0, Ok(("a.bc.", 6, 6))),
        ("behind something", "ffff 01 61 00", 2, Ok(("a.", 3, 5))),
        ("case is kept", "02 4162 00", 0, Ok(("Ab.", 4, 4))),
        ("a pointer", "01 61 00 c000", 3, Ok(("a.", 3, 5))),
        ("a label, then a pointer", "01 61 00 01 62 c000", 3, Ok(("b.a.", 5, 7))),
        ("a pointer to the root", "01 61 00 c002", 3, Ok((".", 1, 5))),
        ("a pointer to a pointer", "01 61 00 c000 c003", 5, Ok(("a.", 3, 7))),
        ("a chain", "01 61 00 01 62 c000 01 63 c003 c007", 11, Ok(("c.b.a.", 7, 13))),
        ("a pointer into a label", "02 01 61 00 c001", 4, Ok(("a.", 3, 6))),
        ("zeros, a dot, 0xff", "05 00 2e 00 ff 5c 00", 0, Ok((r"\x00\x2e\x00\xff\\.", 7, 7))),
        ("a run that reads over the pointer", "03 61 c000 00", 2, Ok((r"a\xc0\x00.", 5, 4))),
        ("nothing", "", 0, Err(Malformed::Cut)),
        ("an offset at the end", "00", 1, Err(Malformed::Cut)),
        ("an offset beyond the end", "00", 7, Err(Malformed::Cut)),
        ("no root", "01 61", 0, Err(Malformed::Cut)),
        ("half a label", "02 61", 0, Err(Malformed::Cut)),
        ("a label of which nothing is there", "3f", 0, Err(Malformed::Cut)),
        ("half a pointer", "00 c0", 1, Err(Malformed::Cut)),
        ("a pointer to itself", "00 c001", 1, Err(Malformed::Pointer)),
        ("a pointer forward", "c002 00", 0, Err(Malformed::Pointer)),
        ("a pointer beyond the end", "c0ff", 0, Err(Malformed::Pointer)),
        ("the farthest pointer", "00 ffff", 1, Err(Malformed::Pointer)),
        ("a loop of two", "c002 c000", 2, Err(Malformed::Pointer)),
        ("a loop over a label", "01 61 c000", 0, Err(Malformed::Pointer)),
        ("a loop back to the run", "01 61 c000", 2, Err(Malformed::Pointer)),
        ("a label of kind 0x40", "40 61 00", 0, Err(Malformed::Label)),
        ("a label of kind 0x80", "80 61 00", 0, Err(Malformed::Label)),
        ("the last label of no kind", "01 61 bf", 0, Err(Malformed::Label)),
        ("a label of no kind behind a pointer", "7f c000", 1, Err(Malformed::Label)),
    ];
    for (what, text, at, expected) in cases {
        let expected = expected.map(|(name, len, end)| (name.to_owned(), len, end));
        assert_eq!(read(&hex(text), at), expected, "{what}");
    }
}

#[test]
fn label_of_63_bytes_and_of_64() {
    let name = |len: u8| [&[len][..], &vec![0x61; usize::from(len)], &[0]].concat();
    assert_eq!(read(&name(63), 0), Ok(("a".repeat(63) + ".", 65, 65)));
    assert_eq!(read(&name(64), 0), Err(Malformed::Label));
    assert_eq!(read(&name(63)[..64], 0), Err(Malformed::Cut), "its root is missing");
    assert_eq!(read(&name(63)[..63], 0), Err(Malformed::Cut), "its last byte is missing");
}

/// Labels of these lengths, without the root.
fn labels(lengths: &[u8]) -> Vec<u8> {
    let label = |len: &u8| [&[*len][..], &vec![0x61; usize::from(*len)]].concat();
    lengths.iter().flat_map(label).collect()
}

/// What it shows, lengths of the labels of a name and of those at its end that it may
/// share with another, and its length, if it is a name.
type Lengths<'a> = (&'a str, &'a [u8], &'a [u8], Option<usize>);

#[test]
fn name_of_255_bytes_and_of_256() {
    let cases: [Lengths; 7] = [
        ("four labels of 254 bytes", &[63, 63, 63, 60], &[], Some(254)),
        ("four labels of 255 bytes", &[63, 63, 63, 61], &[], Some(255)),
        ("four labels of 256 bytes", &[63, 63, 63, 62], &[], None),
        ("127 labels", &[1; 127], &[], Some(255)),
        ("128 labels", &[1; 128], &[], None),
        ("255 bytes, two labels shared", &[63, 63], &[63, 61], Some(255)),
        ("256 bytes, two labels shared", &[63, 63], &[63, 62], None),
    ];
    for (what, own, shared, expected) in cases {
        let (own, shared) = (labels(own), labels(shared));
        let written_out = [&own[..], &shared, &[0]].concat();
        let compressed = [&shared[..], &[0], &own, &[0xc0, 0]].concat();
        for (bytes, at) in [(written_out, 0), (compressed, shared.len() + 1)] {
            let read = read(&bytes, at).map(|(_, len, end)| (len, end));
            let expected = expected.map(|len| (len, bytes.len())).ok_or(Malformed::Name);
            assert_eq!(read, expected, "{what}, at {at}");
        }
    }
    // Which of two faults is met first: the name is too long before its end is missing.
    let endless = labels(&[63; 4]);
    assert_eq!(read(&endless, 0), Err(Malformed::Name));
    assert_eq!(read(&endless[..255], 0), Err(Malformed::Cut));
}

#[test]
fn pointers_up_to_127() {
    // Pointer `number` stands at `2 * number - 1` and leads to the one before, the first
    // to the root.
    let mut bytes = vec![0];
    for number in 1..=200_u16 {
        let target = if number == 1 { 0 } else { 2 * number - 3 };
        bytes.extend((0xc000 | target).to_be_bytes());
    }
    for number in 1..=200 {
        let at = 2 * number - 1;
        let expected = match number {
            ..=127 => Ok((".".to_owned(), 1, at + 2)),
            _ => Err(Malformed::Pointer),
        };
        assert_eq!(read(&bytes, at), expected, "{number} pointers");
    }
}

/// As many pointers as a name can need: before each of its 127 labels.
#[test]
fn pointer_before_every_label() {
    let mut bytes = labels(&[1]);
    bytes.push(0);
    let mut last = 0;
    for _ in 1..127 {
        let target = last;
        last = u16::try_from(bytes.len()).unwrap_or_default();
        bytes.extend([1, 0x62]);
        bytes.extend((0xc000 | target).to_be_bytes());
    }
    let at = bytes.len();
    bytes.extend((0xc000 | last).to_be_bytes());
    let expected = "b.".repeat(126) + "a.";
    assert_eq!(read(&bytes, at), Ok((expected, MAX_NAME_LEN, at + 2)));
}

/// At every offset of every seed, walker and plain reader read the same name: a message
/// of which the number is the offset makes them look there.
#[test]
fn every_offset_of_every_seed() {
    for (_, mut bytes) in super::seed::all() {
        for at in 0..u16::try_from(bytes.len()).unwrap_or(u16::MAX) {
            if let Some(id) = bytes.first_chunk_mut() {
                *id = at.to_be_bytes();
            }
            message::check(&bytes);
            message::walk(&bytes);
        }
    }
}

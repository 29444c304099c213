//! Damaged files: what was read counts, the rest is measured, and the next file
//! is judged all the same.

use std::{fs, path::PathBuf};

use netmon::{
    cli::{exit::Exit, replay::Format},
    printable::Printable,
};

use crate::{
    Answer,
    file::{
        Order, SYN, at, block, enhanced, ethernet, gzip, interface, packet, pcap, section, simple,
        tcp,
    },
    stored,
};

const ORDER: Order = Order::Little;

/// A classic capture of two frames of 54 bytes: 24 + 2 * (16 + 54) bytes.
fn classic() -> Vec<u8> {
    simple(&[at(0, ethernet(&tcp(SYN))), at(1000, ethernet(&tcp(SYN)))])
}

/// A pcapng of two frames of 54 bytes: 28 + 20 + 2 * 88 bytes.
fn blocks() -> Vec<u8> {
    let frame = ethernet(&tcp(SYN));
    let file = [
        section(ORDER),
        interface(ORDER, 1, 0, &[]),
        packet(ORDER, 0, 0, &frame),
        packet(ORDER, 0, 1_000_000, &frame),
    ];
    file.concat()
}

fn with(file: Vec<u8>, more: &[u8]) -> Vec<u8> {
    [file, more.to_vec()].concat()
}

/// A record header that claims this captured length.
fn header(captured: u32) -> Vec<u8> {
    [978_307_202, 0, captured, 60].map(|word| ORDER.word(word)).concat()
}

#[test]
fn what_was_read_before_damage_counts() {
    let frame = ethernet(&tcp(SYN));
    let block_claiming = |len: u32| [ORDER.word(6), ORDER.word(len), [0; 4]].concat();
    let good = packet(ORDER, 0, 2_000_000, &frame);
    let mut bad_section = section(ORDER);
    bad_section[8] = 0x77;
    let mut long_section = section(ORDER);
    long_section[4..8].copy_from_slice(&ORDER.word(15));
    // Name, file, packets that can be read, bytes that cannot.
    let cases = [
        ("nothing", classic(), 2, 0),
        ("record header cut off", with(classic(), &header(60)[..7]), 2, 7),
        ("record longer than the file", with(classic(), &with(header(60), &[1; 59])), 2, 75),
        ("record of 4 GiB", with(classic(), &with(header(u32::MAX), &[1; 100])), 2, 116),
        ("record of 17 MiB", with(classic(), &with(header(17 << 20), &[1; 100])), 2, 116),
        ("no whole record", simple(&[])[..].iter().copied().chain([1]).collect(), 0, 1),
        ("blocks, nothing", blocks(), 2, 0),
        ("block header cut off", with(blocks(), &good[..7]), 2, 7),
        ("block longer than the file", with(blocks(), &good[..87]), 2, 87),
        ("block of 0 bytes", with(blocks(), &block_claiming(0)), 2, 12),
        ("block of 11 bytes", with(blocks(), &block_claiming(11)), 2, 12),
        ("block of 4 GiB", with(blocks(), &block_claiming(u32::MAX)), 2, 12),
        ("unknown block of 4 GiB", with(blocks(), &block(ORDER, 99, &[0; 9])[..20]), 2, 20),
        ("section of no byte order", with(with(blocks(), &bad_section), &good), 2, 28 + 88),
        ("section that is too short", with(with(blocks(), &long_section), &good), 2, 28 + 88),
        // A block that makes no sense is skipped as long as its length does.
        (
            "packet of an unknown interface",
            with(with(blocks(), &packet(ORDER, 1, 0, &frame)), &good),
            3,
            88,
        ),
        (
            "packet without its header",
            with(with(blocks(), &block(ORDER, 6, &[0; 8])), &good),
            3,
            20,
        ),
        (
            "packet that claims more than its block",
            with(with(blocks(), &enhanced(ORDER, 0, 0, 999, &frame)), &good),
            4,
            0,
        ),
    ];
    for (name, bytes, packets, unreadable) in cases {
        for (how, file) in [("plain", bytes.clone()), ("gzip", gzip(&bytes))] {
            let path = stored(&file);
            let answer = Answer::to(&[path.clone(), stored(&classic())], Format::Json, None);
            let captures = answer.captures();
            assert_eq!(captures.len(), 2, "{name}, {how}");
            assert_eq!(captures[0]["packets"], packets, "{name}, {how}");
            assert_eq!(captures[0]["counters"]["tcp_syn"], packets, "{name}, {how}");
            assert_eq!(captures[0]["unreadable_bytes"], unreadable, "{name}, {how}");
            assert_eq!(captures[1]["packets"], 2, "{name}, {how}");
            assert_eq!(answer.exit, Exit::Success, "{name}, {how}");
            let line = match unreadable {
                0 => String::new(),
                n => format!(
                    "netmon: {}: damaged: {n} bytes make no sense; all that could be read was \
                     counted; capture or copy the file again\n",
                    path.display()
                ),
            };
            assert_eq!(answer.err, line, "{name}, {how}");
        }
    }
}

#[test]
fn every_cut_is_measured() {
    for (file, header, record) in [(classic(), 24, 70), (blocks(), 48, 88)] {
        for len in header..file.len() {
            let answer = Answer::to(&[stored(&file[..len])], Format::Json, None);
            let capture = &answer.captures()[0];
            assert_eq!(capture["packets"], (len - header) / record, "cut at {len}");
            assert_eq!(capture["unreadable_bytes"], (len - header) % record, "cut at {len}");
        }
    }
}

#[test]
fn cut_compression_loses_no_packet_before_it() {
    let records: Vec<_> = (0..2000).map(|n| at(n * 10, ethernet(&tcp(SYN)))).collect();
    let file = gzip(&simple(&records));
    let path = stored(&file[..file.len() / 2]);
    let answer = Answer::to(&[path, stored(&classic())], Format::Json, None);
    let captures = answer.captures();
    let packets = captures[0]["packets"].as_u64().unwrap();
    assert!((1..2000).contains(&packets), "{packets}");
    assert!(captures[0]["unreadable_bytes"].as_u64().unwrap() > 0);
    assert_eq!(captures[1]["packets"], 2);
    assert_eq!((answer.exit, answer.err.lines().count()), (Exit::Success, 1));
    assert!(answer.err.contains(": damaged: "), "{}", answer.err);
}

#[test]
fn a_cut_at_the_end_of_the_compression_is_seen() {
    let file = gzip(&classic());
    // Only the checksum is missing: every packet is there, something is not.
    let answer = Answer::to(&[stored(&file[..file.len() - 3])], Format::Json, None);
    let capture = &answer.captures()[0];
    assert_eq!((&capture["packets"], &capture["unreadable_bytes"]), (&2.into(), &1.into()));
}

#[test]
fn a_file_that_is_no_capture_is_one_line() {
    let mut broken_gzip = gzip(&classic());
    broken_gzip[10..20].fill(0xff);
    let missing = stored(&[]);
    fs::remove_file(&missing).unwrap();
    let folder = stored(&[]);
    fs::remove_file(&folder).unwrap();
    fs::create_dir(&folder).unwrap();
    // Name, file, what its line says.
    let cases: Vec<(&str, PathBuf, &str)> = vec![
        ("empty", stored(&[]), "is empty; capture again or leave the file out"),
        ("empty, gzip", stored(&gzip(&[])), "is empty; capture again or leave the file out"),
        ("missing", missing, "cannot be read: No such file or directory"),
        ("a folder", folder, "cannot be read: Is a directory"),
        ("text", stored(b"tcpdump: no"), "is no capture: it begins with [74, 63, 70, 64]"),
        ("two bytes", stored(&[0xd4, 0xc3]), "is no capture: it begins with [d4, c3]"),
        ("modified pcap", stored(&pcap(ORDER, 0xa1b2_cd34, 1, &[])), "is no capture"),
        ("gzip of text", stored(&gzip(b"tcpdump: no")), "is no capture"),
        ("missing, odd name", "no\nsuch\x1bfile".into(), "cannot be read: No such file"),
        ("damaged gzip", stored(&broken_gzip), "cannot be read: "),
        ("header cut off", stored(&classic()[..23]), "its file header is cut off or damaged"),
        ("section cut off", stored(&blocks()[..27]), "its file header is cut off or damaged"),
    ];
    for (name, path, line) in cases {
        let answer = Answer::to(&[path.clone(), stored(&classic())], Format::Json, None);
        assert_eq!(answer.exit, Exit::Failure, "{name}");
        assert_eq!(answer.err.lines().count(), 1, "{name}: {}", answer.err);
        assert!(
            answer
                .err
                .starts_with(&format!("netmon: {}: {line}", Printable(path.to_str().unwrap()))),
            "{name}: {}",
            answer.err
        );
        let captures = answer.captures();
        assert_eq!(captures.len(), 1, "{name}");
        assert_eq!(captures[0]["packets"], 2, "{name}");
    }
}

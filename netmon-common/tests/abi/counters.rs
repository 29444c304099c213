//! Counter tables: the rows describe the layout exactly, and nothing that
//! reaches people is missing.

use std::collections::BTreeSet;

use netmon_common::abi::{
    counters::{Counter, Export, increase},
    native::NATIVE_BUCKETS,
    tally::Tally,
    tcp::TcpEvents,
};
use proptest::{collection, prelude::*};

fn tables() -> [(&'static str, &'static [Counter], usize); 2] {
    [("Tally", Tally::COUNTERS, Tally::WORDS), ("TcpEvents", TcpEvents::COUNTERS, TcpEvents::WORDS)]
}

#[test]
fn rows_cover_the_layout_without_gap_or_overlap() {
    for (table, rows, words) in tables() {
        let mut next = 0;
        for row in rows {
            assert_eq!(row.offset, next, "{table}::{}", row.name);
            assert!(row.words > 0, "{table}::{}", row.name);
            next += row.words;
        }
        assert_eq!(next, words, "{table}");
    }
    assert_eq!(size_of::<Tally>(), Tally::WORDS * 8);
    assert_eq!(size_of::<TcpEvents>(), TcpEvents::WORDS * 8);
}

#[test]
fn an_array_is_as_large_as_its_labels() {
    for (table, rows, _) in tables() {
        for row in rows {
            let is_histogram = !row.bounds.is_empty();
            if is_histogram {
                // One bucket more than bounds, and the sum; times are also kept
                // in native buckets.
                let cells = row.bounds.len() + 2;
                let with_native = cells + NATIVE_BUCKETS;
                assert!([cells, with_native].contains(&row.words), "{table}::{}", row.name);
            } else {
                let cells: usize =
                    row.dimensions.iter().map(|labels| labels.values.len()).product();
                assert_eq!(row.words, cells, "{table}::{}", row.name);
            }
            assert!(!is_histogram || row.dimensions.is_empty(), "{table}::{}", row.name);
            assert!(row.bounds.is_sorted_by(|a, b| a < b), "{table}::{}", row.name);
            // Histograms need a family of their own to be exported.
            assert!(!is_histogram || row.export == Export::Inner, "{table}::{}", row.name);
        }
    }
}

#[test]
fn names_are_unique_and_plain() {
    let mut names = BTreeSet::new();
    for (table, rows, _) in tables() {
        for row in rows {
            assert!(names.insert(row.name), "{table}::{} occurs twice", row.name);
            assert!(is_plain(row.name), "{table}::{}", row.name);
            // The encoder appends it.
            assert!(!row.name.ends_with("_total"), "{table}::{}", row.name);
            let dimensions: BTreeSet<&str> =
                row.dimensions.iter().map(|label| label.name).collect();
            assert_eq!(dimensions.len(), row.dimensions.len(), "{table}::{}", row.name);
            assert!(dimensions.into_iter().all(is_plain), "{table}::{}", row.name);
        }
    }
}

fn is_plain(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

#[test]
fn help_texts_are_sentences() {
    for (table, rows, _) in tables() {
        for row in rows {
            let help = row.help();
            assert!(help.len() > 10 && help.ends_with('.'), "{table}::{}: {help:?}", row.name);
            assert!(help.starts_with(|c: char| c.is_uppercase()), "{table}::{}", row.name);
            assert!(!help.contains(['\n', '`', '[']), "{table}::{} is not plain text", row.name);
        }
    }
}

#[test]
fn a_tally_fits_its_map() {
    // A per-CPU value may not exceed 32 KiB, and all of them on two CPUs may
    // not exceed 2 MiB.
    assert!(size_of::<Tally>() <= 32 << 10);
    let tallies = netmon_common::abi::slot::TALLIES as usize;
    assert!(size_of::<Tally>() * tallies * 2 <= 2 << 20);
}

#[test]
fn increase_of_a_counter() {
    const MAX: u64 = u64::MAX;
    let cases = [
        ("nothing yet", 0, 0, 0),
        ("first counts", 7, 0, 7),
        ("no change", 7, 7, 0),
        ("the usual", 9, 7, 2),
        ("reset to 0", 0, 7, 0),
        ("reset, and counted since", 3, 7, 3),
        ("reset one below", 6, 7, 6),
        ("beyond half", MAX / 2 + 9, MAX / 2 + 2, 7),
        ("reset at half", 5, MAX / 2, 5),
        ("wrapped just beyond half", 5, MAX / 2 + 1, MAX / 2 + 6),
        ("wrapped by one", 0, MAX, 1),
        ("wrapped by more", 4, MAX - 5, 10),
        ("everything at once", MAX, 0, MAX),
    ];
    for (name, now, earlier, expected) in cases {
        assert_eq!(increase(now, earlier), expected, "{name}");
    }
}

/// Any contents of a table of `N` words.
fn words<const N: usize>() -> impl Strategy<Value = [u64; N]> {
    let word = prop_oneof![4 => 0..1_000_000_u64, 1 => any::<u64>()];
    collection::vec(word, N).prop_map(|words| words.try_into().unwrap_or([0; N]))
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn words_of_a_tally_round_trip(words in words::<{ Tally::WORDS }>()) {
        let tally = Tally::from_words(&words);
        prop_assert_eq!(tally.words(), words);
        prop_assert_eq!(Tally::from_words(&tally.words()), tally);
    }

    #[test]
    fn words_of_tcp_events_round_trip(words in words::<{ TcpEvents::WORDS }>()) {
        let events = TcpEvents::from_words(&words);
        prop_assert_eq!(events.words(), words);
    }

    #[test]
    fn adding_is_word_by_word_in_any_order(
        first in words::<{ Tally::WORDS }>(),
        second in words::<{ Tally::WORDS }>(),
    ) {
        let (a, b) = (Tally::from_words(&first), Tally::from_words(&second));
        let (mut ab, mut ba, mut nothing) = (a, b, Tally::ZERO);
        ab.add(&b);
        ba.add(&a);
        nothing.add(&a);
        prop_assert_eq!(ab, ba);
        prop_assert_eq!(nothing, a);
        for ((sum, one), other) in ab.words().into_iter().zip(first).zip(second) {
            prop_assert_eq!(sum, one.wrapping_add(other));
        }
    }

    #[test]
    fn increase_undoes_adding(earlier in 0..u64::MAX / 2, step in 0..u64::MAX / 2) {
        prop_assert_eq!(increase(earlier + step, earlier), step);
    }

    #[test]
    fn increase_survives_one_wrap(earlier in u64::MAX / 2 + 1.., step in 0..u64::MAX / 2) {
        prop_assert_eq!(increase(earlier.wrapping_add(step), earlier), step);
    }
}

#[test]
fn named_fields_stand_where_the_rows_say() {
    let mut tally = Tally::ZERO;
    tally.tcp_fin_only = 3;
    tally.icmp_messages[8] = 5;
    tally.packet_size_bytes.sum = 7;
    let words = tally.words();
    let at = |name: &str| {
        Tally::COUNTERS.iter().find(|row| row.name == name).map(|row| (row.offset, row.words))
    };
    let counted: Vec<(usize, u64)> =
        words.iter().copied().enumerate().filter(|(_, word)| *word > 0).collect();
    assert_eq!(
        counted,
        [
            at("packet_size_bytes").map(|(offset, words)| (offset + words - 1, 7)),
            at("tcp_fin_only").map(|(offset, _)| (offset, 3)),
            at("icmp_messages").map(|(offset, _)| (offset + 8, 5)),
        ]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
    );
}

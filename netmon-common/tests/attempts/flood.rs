//! Floods from made-up sources, and scans behind them.

use netmon_common::attempts::{Suspect, ask};

use crate::ledger::{Book, attempt, mix, v4};

const SCANNER: u32 = 0xc000_0207;

/// What is known of the scanner after a window.
fn scanner(book: &Book) -> Option<&Suspect> {
    book.suspects(book.window).find(|suspect| suspect.client == v4(SCANNER))
}

#[expect(clippy::cast_possible_truncation, reason = "made-up sources")]
const fn made_up(number: u64) -> u32 {
    mix_const(number) as u32
}

const fn mix_const(number: u64) -> u64 {
    let number = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    number ^ number >> 29
}

#[test]
fn a_slow_scan_is_seen_behind_a_flood_at_one_port() {
    let mut book = Book::new(7);
    let (mut seen, mut number) = (0, 0);
    // One probe in a window, among ten million requests in all.
    for window in 1..=50 {
        book.window = window;
        for request in 0..200_000_u32 {
            number += 1;
            ask(&mut book, &attempt(made_up(number), 1, 80), false, false, 0);
            if request == 150_000 {
                let port = 1000 + u16::try_from(window).unwrap();
                ask(&mut book, &attempt(SCANNER, 1, port), false, false, 0);
            }
        }
        seen += u32::from(scanner(&book).is_some());
    }
    assert_eq!(seen, 50);
    let events = &book.events;
    assert_eq!([events.requests, events.refused], [10_000_050, 0]);
    assert!(events.admitted < 100, "{events:?}");
}

#[test]
fn a_scan_is_seen_behind_a_flood_at_every_port() {
    // A thousand ports at a hundred a window, behind 20,000 requests a window that have a
    // made-up source and a port of their own each.
    let mut book = Book::new(8);
    let (mut bits, mut number) = (0, 0_u64);
    for window in 1..=10 {
        book.window = window;
        for port in 0..100 {
            for _ in 0..200 {
                number += 1;
                let target = u16::try_from(mix(number) >> 48).unwrap();
                ask(&mut book, &attempt(made_up(number), 1, target), false, false, 0);
            }
            let port = 10_000 + port + 100 * u16::try_from(window).unwrap();
            ask(&mut book, &attempt(SCANNER, 1, port), false, false, 0);
        }
        bits += scanner(&book).map_or(0, |suspect| suspect.asked.ones());
    }
    assert!(bits > 300, "{bits} of 1000");
    assert!(book.events.displaced + book.events.refused > 10_000, "{:?}", book.events);
}

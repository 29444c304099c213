//! Who is suspected of what.

use netmon_common::attempts::{FLOODED, Kind, POPULAR, To, answer, ask, refuse};

use crate::ledger::{Book, attempt, v4};

/// Kind, ports or hosts that were asked for, those that answered, last port, stealth.
type Row = (Kind, u32, u32, u16, u64);

fn rows(book: &Book, window: u32) -> Vec<Row> {
    let row = |it: &netmon_common::attempts::Suspect| {
        let answered = it.answered.and(&it.asked);
        (it.kind().unwrap(), it.asked.ones(), answered.ones(), it.port(), it.stealth())
    };
    let mut rows: Vec<Row> = book.suspects(window).map(row).collect();
    rows.sort_unstable();
    rows
}

#[test]
fn requests_from_outside_make_one_suspect_of_a_source() {
    let mut book = Book::new(1);
    for port in 1..=30 {
        ask(&mut book, &attempt(7, 1, port), false, false, 0);
        ask(&mut book, &attempt(7, 1, port), false, false, 0);
    }
    for port in [22, 25] {
        answer(&mut book, &attempt(7, 1, port), To::Outside);
        // Of another, who did not ask.
        answer(&mut book, &attempt(8, 1, port), To::Outside);
    }
    ask(&mut book, &attempt(9, 1, 443), false, true, 0);
    let ones = rows(&book, 1)[1].1;
    assert!((27..=30).contains(&ones), "{ones}");
    assert_eq!(rows(&book, 1), [(Kind::Outside, 1, 0, 443, 1), (Kind::Outside, ones, 2, 30, 0)]);
    assert_eq!([book.events.requests, book.events.popular, book.events.answers], [61, 0, 4]);
}

#[test]
fn requests_of_this_host_are_seen_across_and_along() {
    let mut book = Book::new(2);
    for host in 1..=20 {
        ask(&mut book, &attempt(7, host, 22), true, false, 42);
    }
    for port in 1..=20 {
        ask(&mut book, &attempt(7, 1000, port), true, false, 42);
    }
    answer(&mut book, &attempt(7, 3, 22), To::Own);
    let rows = rows(&book, 1);
    // One port of twenty hosts, and of the twenty-first.
    let across: Vec<_> = rows.iter().filter(|row| row.0 == Kind::Across && row.1 > 2).collect();
    assert!(matches!(across[..], [(_, 19..=21, 1, 22, 0)]), "{across:?}");
    let along: Vec<_> = rows.iter().filter(|row| row.0 == Kind::Along && row.1 > 2).collect();
    assert!(matches!(along[..], [(_, 18..=20, 0, 20, 0)]), "{along:?}");
    let suspect = book.suspects(1).next().unwrap();
    assert_eq!((suspect.client, suspect.workload), (v4(7), 42));
}

#[test]
fn the_owner_of_a_network_is_one() {
    let mut book = Book::new(3);
    for host in 1..=10 {
        let mut one = attempt(0, 1, host);
        one.client = [0x2001_0db8, 1, 2, u32::from(host)];
        ask(&mut book, &one, false, false, 0);
        // Addresses of IPv4 that differ are different owners.
        ask(&mut book, &attempt(u32::from(host), 1, 100 + host), false, false, 0);
    }
    let rows = rows(&book, 1);
    assert_eq!(rows.len(), 11);
    assert!(rows[10].1 >= 9, "{rows:?}");
}

#[test]
fn what_many_ask_for_says_nothing() {
    let mut book = Book::new(4);
    let most = u64::from(POPULAR);
    for client in 0..1000 {
        ask(&mut book, &attempt(client, 1, 80), false, false, 0);
    }
    assert_eq!(book.events.popular, 1000 - most);
    assert_eq!(rows(&book, 1).len() as u64, most);
    // In the next window as well, from the first request on, and no longer after that.
    for (window, found) in [(2, 0), (4, 1)] {
        book.window = window;
        ask(&mut book, &attempt(7, 1, 80), false, false, 0);
        assert_eq!(rows(&book, window).len(), found, "window {window}");
    }
}

#[test]
fn what_no_stack_sends_says_more() {
    let mut book = Book::new(4);
    for _ in 0..1000 {
        ask(&mut book, &attempt(7, 1, 80), false, true, 0);
    }
    assert_eq!(rows(&book, 1), [(Kind::Outside, 1, 0, 80, FLOODED.into())]);
}

#[test]
fn answers_count_in_the_window_of_the_request() {
    let mut book = Book::new(5);
    ask(&mut book, &attempt(7, 1, 22), false, false, 0);
    ask(&mut book, &attempt(7, 1, 23), false, false, 0);
    book.window = 2;
    answer(&mut book, &attempt(7, 1, 22), To::Outside);
    assert_eq!(rows(&book, 1), [(Kind::Outside, 2, 1, 23, 0)]);
    book.window = 3;
    answer(&mut book, &attempt(7, 1, 23), To::Outside);
    assert_eq!(rows(&book, 1), [(Kind::Outside, 2, 1, 23, 0)], "too late");
    // The table is used again, without a trace of who was there.
    ask(&mut book, &attempt(7, 1, 24), false, false, 0);
    assert_eq!(rows(&book, 3), [(Kind::Outside, 1, 0, 24, 0)]);
}

#[test]
fn datagrams_to_nobody_are_apart() {
    let mut book = Book::new(6);
    for port in 1..=20 {
        refuse(&mut book, &attempt(7, 1, port));
        ask(&mut book, &attempt(7, 1, port), false, false, 0);
    }
    let rows = rows(&book, 1);
    assert!(matches!(rows[..], [(Kind::Outside, 18.., 0, 20, 0), (Kind::Udp, 18.., 0, 20, 0)]));
}

#[test]
fn bits_are_set_as_if_by_chance() {
    // Of 512 bits, 400 different things set 512 (1 - e^(-400/512)) = 277.6, and about 8
    // more or fewer (Whang et al., 1990).
    for seed in 0..20 {
        let mut book = Book::new(seed);
        for port in 1..=400 {
            ask(&mut book, &attempt(7, 1, port), true, false, 0);
            ask(&mut book, &attempt(7, 1, port), false, false, 0);
            ask(&mut book, &attempt(7, 1000 + u32::from(port), 22), true, false, 0);
        }
        for (kind, bits, ..) in rows(&book, 1).into_iter().filter(|row| row.1 > 9) {
            assert!((245..=310).contains(&bits), "{kind:?}: {bits}");
        }
    }
}

#[test]
fn a_crowd_is_known_for_two_windows() {
    let mut book = Book::new(9);
    for window in 1..=4 {
        book.window = window;
        for client in 0..window * 10 {
            // However often each of them asks, and for what.
            for port in 1..=3 {
                ask(&mut book, &attempt(client, 1, port), false, false, 0);
            }
        }
        let registers = |window| {
            book.crowd.of(window).registers().iter().filter(|register| **register > 0).count()
        };
        let known: Vec<usize> = (1..=4).map(registers).collect();
        for (of, count) in (1..=4).zip(known) {
            let least = if of + 1 >= window && of <= window { of as usize * 8 } else { 0 };
            let most = if of + 1 >= window && of <= window { of as usize * 10 } else { 0 };
            assert!((least..=most).contains(&count), "window {of} in {window}: {count}");
        }
    }
}

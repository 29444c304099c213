//! Who asks again, and for how long answers hold.

use super::*;

/// Lookups, repeats and tries of a minute.
fn counts(trial: &mut Trial) -> [u32; 3] {
    let report = trial.report();
    let Some(found) = report.repeating.first() else { return [0; 3] };
    let sum =
        |of: fn(&report::Counts) -> u16| found.counts.iter().map(|it| u32::from(of(it))).sum();
    [sum(|it| it.queries), sum(|it| it.repeats), sum(|it| it.expansions)]
}

#[test]
fn answers_hold_for_as_long_as_they_say() {
    let soa = |minimum: u32| [&[0; 18][..], &minimum.to_be_bytes()].concat();
    let plain = || answer("www.example.com", 0);
    // The answer, when the question comes again, whether the answer still holds.
    let cases: [(&str, Text, u64, bool); 14] = [
        ("in time", plain().with(0, A, 60, &[1; 4]), 59_000, true),
        ("too late", plain().with(0, A, 60, &[1; 4]), 60_100, false),
        ("the least of all", plain().with(0, 5, 300, &[0]).with(0, A, 5, &[1; 4]), 6000, false),
        ("other sections", plain().with(0, A, 60, &[1; 4]).with(1, 2, 1, &[0]), 30_000, true),
        ("not to be kept", plain().with(0, A, 0, &[1; 4]), 100, false),
        ("a negative time", plain().with(0, A, 1 << 31 | 9, &[1; 4]), 100, false),
        ("no longer than a day", plain().with(0, A, 1 << 30, &[1; 4]), 86_500_000, false),
        ("nothing in it", plain(), 100, false),
        ("no data", plain().with(1, SOA, 60, &soa(600)), 59_000, true),
        ("no data, by its minimum", plain().with(1, SOA, 600, &soa(10)), 11_000, false),
        ("no name", answer("www.example.com", 3).with(1, SOA, 60, &soa(600)), 59_000, true),
        ("no name and no reason", answer("www.example.com", 3), 100, false),
        ("failed", answer("www.example.com", 2).with(0, A, 60, &[1; 4]), 100, false),
        ("of another type", plain().of(TXT).with(0, TXT, 60, &[1; 4]), 11_000, false),
    ];
    for (what, answer, after, holds) in cases {
        let mut trial = Trial::plain();
        trial.ask("www.example.com");
        trial.see(&answer);
        trial.wait(after);
        trial.ask("WWW.Example.com");
        let [_, repeats, _] = counts(&mut trial);
        assert_eq!(repeats, u32::from(holds), "{what}");
        let wasted: u64 = trial.report().wasted.iter().map(|it| it.repeats).sum();
        assert_eq!(wasted, u64::from(holds), "{what}");
    }
}

#[test]
fn a_query_that_is_sent_again_is_no_repeat() {
    let kept = answer("www.example.com", 0).with(0, A, 60, &[1; 4]);
    let mut trial = Trial::plain();
    // Without an answer, with a new ID each time; and with one that comes late.
    trial.ask("www.example.com");
    trial.wait(5000);
    trial.ask("www.example.com");
    trial.see(&kept);
    trial.see(&kept);
    trial.wait(100);
    trial.see(&query("www.example.com").with_id(trial.ids));
    assert_eq!(counts(&mut trial), [0; 3]);
    trial.wait(1000);
    trial.ask("www.example.com");
    assert_eq!(counts(&mut trial), [2, 1, 0]);
    // Nobody ever answered: after a while it is a lookup of its own.
    trial.ask("dead.example.com");
    trial.wait(10_000);
    trial.ask("dead.example.com");
    assert_eq!(counts(&mut trial), [4, 1, 0]);
}

#[test]
fn everybody_asks_for_himself() {
    let kept = answer("www.example.com", 0).with(0, A, 60, &[1; 4]);
    let clients: [IpAddr; 2] = [CLIENT.into(), "2001:db8::7".parse().unwrap_or(SERVER.into())];
    let mut trial = Trial::plain();
    for client in clients {
        for workload in [0, 11, 12] {
            trial.ids += 1;
            let query = query("www.example.com").with_id(trial.ids);
            trial.see_of(client, workload, &query);
            // Answers need not say for whom they are.
            trial.see_of(client, 0, &kept);
            trial.wait(10);
        }
    }
    assert_eq!(counts(&mut trial), [0; 3]);
    trial.wait(10_000);
    for workload in [11, 12, 12, 12] {
        trial.ids += 1;
        trial.see_of(clients[1], workload, &query("www.example.com").with_id(trial.ids));
        trial.see_of(clients[1], 0, &kept);
        trial.wait(100);
    }
    let report = trial.report();
    let found: Vec<_> = report.repeating.iter().map(|it| (it.client, it.workload)).collect();
    assert_eq!(found, [(clients[1], 12), (clients[1], 11)]);
    assert_eq!(report.repeating[0].domain, "example.com");
    let wasted: Vec<_> = report.wasted.iter().map(|it| (it.workload, it.repeats)).collect();
    assert_eq!(wasted, [(Some(11), 1), (Some(12), 3)]);
}

#[test]
fn a_search_list_is_followed_to_its_end() {
    let mut trial = Trial::new(NamePrivacy::Hashed);
    for _ in 0..10 {
        for (name, rcode) in [
            ("db.default.svc.cluster.local", NXDOMAIN),
            ("db.svc.cluster.local", NXDOMAIN),
            ("db.cluster.local", NXDOMAIN),
            ("db", 0),
        ] {
            trial.ask(name);
            trial.wait(5);
            trial.see(&answer(name, rcode));
        }
        trial.wait(3000);
    }
    assert_eq!(counts(&mut trial), [40, 0, 30]);
    let report = trial.report();
    assert_eq!(report.wasted.iter().map(|it| it.expansions).sum::<u64>(), 30);
    assert!(report.repeating[0].domain.starts_with("name-"), "{:?}", report.repeating);
    assert_eq!(report.failing, []);
}

#[test]
fn a_cache_keeps_the_first_answer() {
    // Asked every second, with an answer that holds for three each time: a cache would
    // ask again in the fourth.
    let mut trial = Trial::plain();
    for _ in 0..40 {
        trial.ask("www.example.com");
        trial.wait(500);
        trial.see(&answer("www.example.com", 0).with(0, A, 3, &[1; 4]));
        trial.wait(500);
    }
    assert_eq!(counts(&mut trial), [40, 30, 0]);
}

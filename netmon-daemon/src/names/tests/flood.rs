//! Tables under more than they can hold, and what may be shown and damaged.

use netmon_common::dns::Malformed;
use proptest::prelude::*;

use super::*;

/// A client of many.
fn client(number: u64) -> IpAddr {
    let [.., a, b, c] = number.to_be_bytes();
    Ipv4Addr::new(10, a, b, c).into()
}

#[test]
fn a_tunnel_is_found_behind_a_flood() {
    // 400,000 names of 100,000 clients below 50,000 domains, 17,000 a second, and a
    // tunnel that asks five times a second.
    let mut trial = Trial::plain();
    let bytes = trial.names.bytes();
    let (mut found, tunnel) = (None, "198.51.100.9".parse().unwrap_or(client(0)));
    for number in 0..400_000_u64 {
        let (host, domain) = (letters(number, 9), letters(number % 50_000, 8));
        trial.see_of(client(number % 100_000), 0, &query(&format!("{host}.{domain}.com")));
        if number.is_multiple_of(3333) {
            let name = format!("{}.www.example.net", letters(number, 24));
            trial.see_of(tunnel, 0, &query(&name));
            trial.see_of(tunnel, 0, &answer(&name, 0));
            trial.wait(200);
            let report = trial.report();
            let worst = report.tunnels.first().filter(|it| it.bytes >= 1000);
            if found.is_none()
                && let Some(worst) = worst
            {
                assert_eq!((worst.client, worst.domain.as_str()), (tunnel, "example.net"));
                found = Some(number / 3333 / 5);
            }
        }
    }
    assert!(found.is_some_and(|second| second < 15), "{found:?}");
    let report = trial.report();
    assert_eq!((report.tunnels[0].client, trial.names.bytes()), (tunnel, bytes));
    assert!(report.tunnels[0].names > 60, "{:?}", report.tunnels[0]);
    let evicted: Vec<_> = report.evicted.iter().filter(|(_, rows)| *rows > 0).collect();
    assert!(evicted.len() >= 4, "{:?}", report.evicted);
    assert!(report.tunnels.len() <= MOST && report.wasted.len() <= 257);
}

#[test]
fn messages_that_were_overtaken_came_now() {
    let mut trial = Trial::plain();
    let now = trial.now;
    trial.report();
    for number in 0..60 {
        trial.now = now.saturating_sub(Duration::from_secs(10));
        trial.ask(&format!("{}.example.com", letters(number, 12)));
    }
    for (after, names) in [(1, 0), (3, 60), (59, 60), (60, 0)] {
        trial.now = now + Duration::from_secs(after);
        let found = trial.report().tunnels.first().map_or(0, |it| it.names);
        assert_eq!(found, names, "{after} s later");
    }
}

#[test]
fn many_tunnels_at_once_are_reported_worst_first() {
    let mut trial = Trial::plain();
    for round in 0..60 {
        for number in 0..100 {
            if round <= number {
                let host = letters(round * 1000 + number, 12);
                trial.see_of(client(number), 0, &query(&format!("{host}.example.com")));
            }
        }
        trial.wait(500);
    }
    trial.wait(3000);
    let report = trial.report();
    assert_eq!(report.tunnels.len(), MOST);
    assert!(report.tunnels.is_sorted_by_key(|it| std::cmp::Reverse(it.names)));
    assert_eq!(report.tunnels[0].names, 60);
}

#[test]
fn text_is_kept_only_where_it_is_wanted() {
    for (privacy, shown) in [(NamePrivacy::Plain, "example.com"), (NamePrivacy::Hashed, "name-")] {
        let mut trial = Trial::new(privacy);
        for at in 0..60 {
            trial.ask(&format!("{}.example.com", letters(at, 40)));
        }
        let report = trial.report();
        assert!(report.tunnels[0].domain.starts_with(shown), "{:?}", report.tunnels[0]);
        let all = format!("{:?}", trial.names);
        assert_eq!(all.contains("example"), privacy == NamePrivacy::Plain);
        let mut config = Config::default();
        config.dns.names = NamePrivacy::Hashed;
        trial.names.configure(&config);
        trial.wait(1000);
        assert!(trial.report().tunnels[0].domain.starts_with("name-"));
    }
    let mut config = Config::default();
    assert!(Names::of(&config, Key::FIXED).is_some());
    config.dns.names = NamePrivacy::Off;
    assert!(Names::of(&config, Key::FIXED).is_none());
}

#[test]
fn damage_is_counted_where_the_kernel_does_not_look() {
    let whole = answer("www.example.com", 0).with(0, A, 60, &[1; 4]).bytes();
    let owner = whole.len() - 16;
    let changed = |at: usize, byte: u8| {
        let mut bytes = whole.clone();
        bytes[at] = byte;
        bytes
    };
    let cases: [(&str, Vec<u8>, usize, Option<Malformed>); 6] = [
        ("none", whole.clone(), whole.len(), None),
        ("the message ends early", whole[..owner + 9].to_vec(), owner + 9, Some(Malformed::Cut)),
        ("only what is seen ends early", whole[..owner + 9].to_vec(), whole.len(), None),
        ("a pointer forwards", changed(owner + 1, 200), whole.len(), Some(Malformed::Pointer)),
        ("a label of no kind", changed(owner, 0x80), whole.len(), Some(Malformed::Label)),
        ("the kernel's", changed(12, 0xc0), whole.len(), None),
    ];
    for (what, message, len, expected) in cases {
        let mut trial = Trial::plain();
        let (client, server) = (CLIENT.into(), SERVER.into());
        let at = trial.now;
        trial.names.observe(&Sighting { at, client, server, workload: 0, message: &message, len });
        let counts = trial.report().malformed;
        let found = Malformed::ALL.iter().zip(counts).find(|(_, count)| *count > 0);
        assert_eq!(found.map(|(it, _)| *it), expected, "{what}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_at_any_time_are_taken(
        messages in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..80), any::<u32>(), any::<u8>()), 0..200),
    ) {
        let mut trial = Trial::plain();
        let mut at = 0_u64;
        for (mut message, wait, kind) in messages {
            // Often enough something like a message.
            if let (true, Some(header)) = (kind < 200, message.get_mut(2..12)) {
                header.copy_from_slice(&[kind & 0x80, kind & 3, 0, 1, 0, 1, 0, 1, 0, 0]);
            }
            at += u64::from(wait) << (kind % 8);
            let at = Duration::from_millis(at);
            let (client, server) = (client(u64::from(kind)), SERVER.into());
            let len = message.len() + usize::from(kind % 2);
            let message = &message;
            trial.names.observe(&Sighting { at, client, server, workload: 5, message, len });
            trial.now = at;
            let report = trial.report();
            prop_assert!(report.tunnels.len() <= MOST);
        }
    }
}

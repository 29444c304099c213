//! What the names say, told by scripts of messages.

mod flood;
mod repeats;
pub(crate) mod text;

use std::net::{IpAddr, Ipv4Addr};

use self::text::{Text, answer, letters, query};
use super::{name::tests::lower, report::MOST, *};

const CLIENT: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 7);
const SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 53);
pub(crate) const A: u16 = 1;
pub(crate) const TXT: u16 = 16;

/// A host on which somebody asks.
struct Trial {
    names: Names,
    now: Duration,
    ids: u16,
}

impl Trial {
    fn new(privacy: NamePrivacy) -> Self {
        let names = Names::new(privacy, &Domain::busy(), Key::FIXED);
        Self { names, now: Duration::from_secs(1000), ids: 0 }
    }

    fn plain() -> Self {
        Self::new(NamePrivacy::Plain)
    }

    fn see_of(&mut self, client: IpAddr, workload: u64, text: &Text) {
        let message = text.bytes();
        self.names.observe(&Sighting {
            at: self.now,
            client,
            server: SERVER.into(),
            workload,
            message: &message,
            len: message.len(),
        });
    }

    fn see(&mut self, text: &Text) {
        self.see_of(CLIENT.into(), 0, text);
    }

    /// A query with an ID of its own.
    fn ask(&mut self, name: &str) {
        self.ids = self.ids.wrapping_add(1);
        self.see(&query(name).with_id(self.ids));
    }

    fn wait(&mut self, milliseconds: u64) {
        self.now += Duration::from_millis(milliseconds);
    }

    fn report(&mut self) -> Arc<Report> {
        self.names.report(self.now)
    }
}

#[test]
fn all_tables_fit() {
    for privacy in [NamePrivacy::Hashed, NamePrivacy::Plain] {
        let bytes = Trial::new(privacy).names.bytes();
        assert!(bytes <= MAX_BYTES, "{bytes}");
        assert!(bytes > MAX_BYTES / 2, "{bytes}: not everything was counted");
    }
}

#[test]
fn new_names_count_below_their_domain() {
    // Names, length of each, type; then names, short ones and bytes that are reported.
    let cases: [(&str, u64, usize, u16, [u32; 3]); 6] = [
        ("a few", 8, 10, A, [0, 0, 0]),
        ("many", 60, 10, A, [60, 0, 600]),
        ("short", 60, 5, A, [60, 60, 300]),
        ("few but long", 5, 200, A, [5, 0, 1000]),
        ("of data", 40, 12, TXT, [40, 0, 480]),
        ("more than there is room for", 300, 40, A, [240, 0, 9600]),
    ];
    for (what, count, len, kind, expected) in cases {
        let mut trial = Trial::plain();
        for number in 0..count {
            let text = letters(number, len);
            let parts: Vec<&str> = text.as_bytes().chunks(60).flat_map(str::from_utf8).collect();
            let name = format!("{}.example.co.uk", parts.join("."));
            let dots = parts.len() - 1;
            assert_eq!(lower(&name).part(0, parts.len()).len(), len + dots);
            trial.see(&query(&name).of(kind));
            trial.see(&answer(&name.to_uppercase(), 0).of(kind));
        }
        trial.wait(3000);
        let report = trial.report();
        let found = report.tunnels.first();
        let numbers = found.map_or([0; 3], |it| [it.names, it.short_names, it.bytes]);
        for (found, expected) in numbers.into_iter().zip(expected) {
            let off = if what.starts_with("more") || len == 200 { expected / 16 } else { 0 };
            assert!(found.abs_diff(expected) <= off, "{what}: {numbers:?}");
        }
        if let Some(found) = found {
            assert_eq!((found.client, found.server), (CLIENT.into(), SERVER.into()));
            assert_eq!((found.domain.as_str(), found.kind), ("example.co.uk", kind));
            assert_eq!(found.of_kind, found.names);
            assert_eq!(report.tunnels.len(), 1);
            assert_eq!(report.unique_subdomains_max, found.names - found.short_names / 2);
        }
        // A minute later nothing of it is new.
        trial.wait(60_000);
        assert_eq!(trial.report().tunnels, [], "{what}");
    }
}

#[test]
fn names_that_come_back_are_not_new() {
    for (count, names) in [(1000, 0), (60, 0)] {
        let mut trial = Trial::plain();
        let mut most = 0;
        for number in 0..5000_u64 {
            trial.ask(&format!("{}.example.com", letters(number % count, 9)));
            trial.wait(2);
            most = most.max(trial.report().tunnels.first().map_or(0, |it| it.names));
        }
        assert_eq!(most, names, "{count} names over and over");
    }
    // Once a minute, each of them: new in the first minute, and then known.
    let mut trial = Trial::plain();
    for minute in 0..5 {
        for number in 0..60 {
            trial.ask(&format!("{}.example.com", letters(number, 9)));
            trial.wait(1000);
        }
        let names = trial.report().tunnels.first().map_or(0, |it| it.names);
        assert_eq!(names, if minute == 0 { 57 } else { 0 }, "minute {minute}");
    }
}

/// A name by its number.
type Name = fn(u64) -> String;

#[test]
fn what_is_made_by_rule_is_no_tunnel() {
    let cases: [(&str, Name); 9] = [
        ("numbered hosts", |at| format!("node-{at}-{}.example.com", at * 7)),
        ("blocklist of addresses", |at| format!("{}.{}.3.1.bl.example.org", at % 256, at / 256)),
        ("blocklist of domains", |at| format!("{}.com.dbl.example.org", letters(at, 12))),
        ("reverse", |at| format!("{}.{}.168.192.in-addr.arpa", at % 256, at / 256)),
        ("reverse by nibbles", |at| format!("{:x}.{}ip6.arpa", at % 16, "1.".repeat(31))),
        ("allowed", |at| format!("{}.avqs.McAfee.com", letters(at, 40))),
        ("in a cluster", |at| format!("{}.com.default.svc.cluster.local", letters(at, 12))),
        ("a search list", |at| format!("www.{}.net.corp.example.com", letters(at, 12))),
        ("many domains", |at| format!("www.{}.com", letters(at, 12))),
    ];
    for (what, name) in cases {
        let mut trial = Trial::plain();
        for at in 0..600 {
            trial.ask(&name(at));
            trial.wait(20);
        }
        trial.wait(3000);
        let report = trial.report();
        assert_eq!(report.tunnels, [], "{what}");
        assert_eq!(report.slow_tunnels, [], "{what}");
    }
    // The same names as zone transfers; and so that this test can fail, as lookups.
    for (kind, names) in [(AXFR, 0), (IXFR, 0), (A, 60)] {
        let mut trial = Trial::plain();
        (0..60)
            .for_each(|at| trial.see(&query(&format!("{}.example.com", letters(at, 12))).of(kind)));
        trial.wait(3000);
        assert_eq!(trial.report().tunnels.first().map_or(0, |it| it.names), names);
    }
}

#[test]
fn slow_names_count_for_a_day() {
    let mut trial = Trial::plain();
    for at in 0..1000 {
        trial.see(&query(&format!("{}.example.com", letters(at, 12))).of(TXT));
        trial.see(&query(&format!("s{at}._domainkey.example.org")).of(TXT));
        trial.wait(30_000);
    }
    let report = trial.report();
    let tunnel = &report.slow_tunnels[0];
    assert_eq!(
        (tunnel.domain.as_str(), tunnel.queries, tunnel.bytes),
        ("example.com", 1000, 12_000)
    );
    assert!((750..1250).contains(&tunnel.names), "{tunnel:?}");
    assert!(tunnel.carriers == tunnel.asked && (20..121).contains(&tunnel.carriers), "{tunnel:?}");
    assert!((20..130).contains(&tunnel.carrier_names), "{tunnel:?}");
    assert_eq!(report.slow_tunnels.len(), 1, "DKIM is no tunnel");
    // The day goes on without it.
    trial.wait(3_600_000);
    assert_eq!(trial.report().slow_tunnels, []);
    trial.wait(48 * 3_600_000);
    trial.ask("x.example.com");
    assert_eq!(trial.report().slow_tunnels, []);
}

#[test]
fn failures_count_by_domain_unless_they_are_tries() {
    // What is asked after a failure, after how many milliseconds, and whether it then
    // was a try.
    let cases = [
        ("host.a.example.com", "host.example.com", 10, true),
        ("host.a.example.com", "host", 10, true),
        ("host", "host.a.example.com", 10, true),
        ("www.example.org.a.example.com", "www.example.org", 10, true),
        ("www.example.org.a.example.com", "www.example.org.example.net", 10, true),
        ("host.a.example.com", "host.example.com", 2500, false),
        ("host.a.example.com", "other.example.com", 10, false),
        ("host.a.example.com", "host.a.example.com", 10, false),
        ("www.one.com", "www.two.com", 10, false),
    ];
    for (failed, next, after, is_try) in cases {
        let mut trial = Trial::plain();
        trial.ask(failed);
        trial.see(&answer(failed, NXDOMAIN));
        trial.wait(after);
        trial.ask(next);
        trial.see(&answer(next, 0));
        trial.wait(3000);
        let report = trial.report();
        let tries: u64 = report.wasted.iter().map(|it| it.expansions).sum();
        assert_eq!(tries, u64::from(is_try), "{failed}, then {next}");
        let is_private = !failed.contains('.');
        assert_eq!(report.failing.is_empty(), is_try || is_private, "{failed}, then {next}");
    }
}

#[test]
fn failures_leave_after_five_minutes() {
    let mut trial = Trial::plain();
    for at in 0..120 {
        let name = format!("{}.com", letters(at, 12));
        trial.see(&answer(&name, NXDOMAIN));
        trial.see(&answer("www.example.com", 0));
        trial.see(&answer("1.2.3.4.bl.example.org", NXDOMAIN));
        trial.see(&answer("4.3.2.1.in-addr.arpa", NXDOMAIN));
        trial.see(&answer(&format!("{name}.lan"), NXDOMAIN));
        trial.see(&answer(&name, 2));
        trial.wait(100);
    }
    trial.wait(3000);
    let report = trial.report();
    let failing = &report.failing[0];
    assert_eq!((report.failing.len(), failing.client), (1, CLIENT.into()));
    assert_eq!((failing.failed, failing.answers), (120, 240));
    assert!((100..145).contains(&failing.domains), "{failing:?}");
    trial.wait(300_000);
    assert_eq!(trial.report().failing, []);
}

//! Data that is carried within the names of DNS lookups.
//!
//! A tunnel must ask for a name that nobody asked for before with every message, and
//! what it carries stands in the name. So names and bytes are judged that are new below
//! one registered domain: within a minute for one client, and over a day for the domain.
//! How large messages are says nothing: no query of a tunnel is large.

use std::time::Duration;

use super::{Verdict, Watch, confirm, share::share};
use crate::{
    config::{Domain, section::section},
    names::report::{SlowTunnel, Tunnel},
    rates::HostRates,
    signal::Signal,
};

section! {
    /// Lookups whose names carry data: a DNS tunnel.
    ///
    /// Names below one registered domain that one client asks for within a minute and
    /// that were not asked for before. One of fewer than 32 bytes counts three seconds
    /// after it was first seen, if by then nobody asked for it again and unless its type
    /// is one that carries data; one of fewer than eight bytes counts half. Or, over a
    /// day, distinct names below one domain of which few come back; or, in an hour,
    /// distinct names that are asked for by types whose answers hold whatever the server
    /// likes (TXT, NULL, KEY, ANY, private ones).
    ///
    /// Names that differ by rule count as one: numbered hosts, reversed addresses in
    /// blocklists, and a domain within a name, as blocklists and search lists have it.
    /// What hides in these forms is not seen: a number of 16 digits, four bytes of an
    /// address, or up to 32 bytes that pass for a domain, in each query. Nor is a client
    /// that asks for each of its names again after two seconds, until it has been at it
    /// for a day.
    ///
    /// Known false positives: services that put what they ask about into names (allow
    /// them; the well-known ones are), somebody who asks for fifty hosts of one domain in
    /// the first minute that netmon watches, a load test that works through a list of
    /// words for longer than three seconds before it begins anew, and somebody who
    /// guesses the hosts of a domain, which is worth a look.
    pub struct Config {
        /// Whether to judge at all.
        enabled: bool = true;
        /// New names below one domain, by one client within 60 seconds, for a warning.
        warning: f64 = 50.0, in 1.0..=150.0;
        /// The same for a critical flag.
        critical: f64 = 100.0, in 1.0..=150.0;
        /// Bytes of those names, left of the domain, for a warning.
        warning_bytes: f64 = 1000.0, in 1.0..=1e6;
        /// The same for a critical flag.
        critical_bytes: f64 = 2000.0, in 1.0..=1e6;
        /// Distinct names below one domain within 24 hours, roughly, for a warning.
        warning_daily: f64 = 500.0, in 100.0..=1e9;
        /// The same for a critical flag.
        critical_daily: f64 = 1000.0, in 100.0..=1e9;
        /// Share of distinct names in the queries of a day below which names come back, as those of a popular domain do.
        fresh: f64 = 0.3, in 0.01..=1.0;
        /// Share of types that carry data in the queries below one domain within an hour, for a warning.
        carriers: f64 = 0.3, in 0.01..=1.0;
        /// Least distinct names of those queries.
        carrier_names: f64 = 50.0, in 25.0..=500.0;
        /// Domains below which nothing is taken for a tunnel. A list of your own replaces this one.
        allow: Vec<Domain> = Domain::busy(), in 0..=256;
    }
}

/// A day's names must come in so many minutes: whoever works through a list does it at
/// once, and a tunnel that brings as many names in less time is seen by the minute.
const LEAST_MINUTES: f64 = 10.0;

/// In a day, names that carry data have so many bytes on average; those of hosts that
/// people know by heart have fewer.
const LEAST_BYTES: f64 = 8.0;

impl Watch for Config {
    const HOST: &'static [&'static [Signal]] = &[&[Signal::DnsNames], &[Signal::DnsNameSample]];
    const SPAN: Duration = Duration::from_secs(60);

    fn thresholds(&self) -> [f64; 2] {
        [self.warning, self.critical]
    }

    fn judge_each(&self, rates: &HostRates<'_>) -> Vec<Verdict> {
        let Some(report) = rates.dns_names() else { return vec![Verdict::blind()] };
        let fast = report.tunnels.iter().flat_map(|it| [self.names(it), self.bytes(it)]);
        let slow = report.slow_tunnels.iter().flat_map(|it| [self.daily(it), self.carriers(it)]);
        fast.chain(slow).chain([Verdict::quiet(self.thresholds())]).collect()
    }

    fn confirm(&self, verdict: &Verdict) -> String {
        confirm::packets("port 53", verdict)
    }
}

impl Config {
    fn names(&self, tunnel: &Tunnel) -> Verdict {
        let Tunnel { names, short_names, .. } = tunnel;
        let worth = f64::from(*names) - f64::from(*short_names) / 2.0;
        of_pair(tunnel, worth, [self.warning, self.critical])
    }

    fn bytes(&self, tunnel: &Tunnel) -> Verdict {
        of_pair(tunnel, f64::from(tunnel.bytes), [self.warning_bytes, self.critical_bytes])
    }

    fn daily(&self, tunnel: &SlowTunnel) -> Verdict {
        let SlowTunnel { names, queries, bytes, minutes, domain, .. } = tunnel;
        let fresh = share(u64::from(*names), u64::from(*queries)) / self.fresh;
        let long = share(u64::from(*bytes), u64::from(*queries)) / LEAST_BYTES;
        let lasting = f64::from(*minutes) / LEAST_MINUTES;
        let detail = format!("about {names} names below {domain} in {queries} queries of 24 h");
        of_domain(
            tunnel,
            f64::from(*names),
            [self.warning_daily, self.critical_daily],
            fresh.min(long).min(lasting),
            detail,
        )
    }

    fn carriers(&self, tunnel: &SlowTunnel) -> Verdict {
        let SlowTunnel { asked, carriers, carrier_names, domain, .. } = tunnel;
        let names = f64::from(*carrier_names) / self.carrier_names;
        let share = share(u64::from(*carriers), u64::from(*asked));
        let detail = format!(
            "{carriers} of {asked} queries below {domain} in an hour, for about {carrier_names} \
             names, were of types that carry data"
        );
        of_domain(tunnel, share, [self.carriers, f64::INFINITY], names, detail)
    }
}

fn of_pair(tunnel: &Tunnel, statistic: f64, thresholds: [f64; 2]) -> Verdict {
    let Tunnel { client, server, domain, names, bytes, kind, of_kind, short_names } = tunnel;
    let percent = share(u64::from(*of_kind), u64::from(*names)) * 100.0;
    let [warning, critical] = thresholds.map(|threshold| statistic / threshold);
    Verdict {
        statistic,
        thresholds,
        warning,
        critical,
        subject: Some(client.into()),
        peer: Some(server.into()),
        evidence: vec![
            ("names", u64::from(*names)),
            ("short_names", u64::from(*short_names)),
            ("name_bytes", u64::from(*bytes)),
        ],
        detail: format!(
            "{names} names of {bytes} bytes below {domain} in 60 s, {percent:.0} % of type {}",
            type_name(*kind)
        ),
        ..Verdict::blind()
    }
}

/// A verdict whose scores are no higher than that of a condition.
fn of_domain(
    tunnel: &SlowTunnel,
    statistic: f64,
    thresholds: [f64; 2],
    condition: f64,
    detail: String,
) -> Verdict {
    let [warning, critical] = thresholds.map(|threshold| (statistic / threshold).min(condition));
    Verdict {
        statistic,
        thresholds,
        warning,
        critical,
        subject: Some(tunnel.client.into()),
        evidence: vec![
            ("names_daily", u64::from(tunnel.names)),
            ("queries_daily", u64::from(tunnel.queries)),
            ("name_bytes_daily", u64::from(tunnel.bytes)),
            ("queries_hourly", u64::from(tunnel.asked)),
            ("carrier_queries_hourly", u64::from(tunnel.carriers)),
            ("carrier_names_hourly", u64::from(tunnel.carrier_names)),
        ],
        detail,
        ..Verdict::blind()
    }
}

/// What people call a type; 0 is one that was not kept.
fn type_name(kind: u16) -> String {
    let known = match kind {
        0 => "other",
        1 => "A",
        2 => "NS",
        5 => "CNAME",
        6 => "SOA",
        10 => "NULL",
        12 => "PTR",
        15 => "MX",
        16 => "TXT",
        25 => "KEY",
        28 => "AAAA",
        33 => "SRV",
        65 => "HTTPS",
        255 => "ANY",
        // RFC 3597, section 5.
        _ => return format!("TYPE{kind}"),
    };
    known.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        detect::{
            Severity,
            trial::{Message, over_lookups, raised},
        },
        names::tests::{
            A, TXT,
            text::{answer, letters, query},
        },
    };

    const WARNING: Option<Severity> = Some(Severity::Warning);
    const CRITICAL: Option<Severity> = Some(Severity::Critical);

    /// A name that is asked for and answered. Its number makes the ID.
    fn asked(number: u64, client: u8, name: &str, kind: u16) -> [Message; 2] {
        let id = u16::try_from(number & 0xffff).unwrap_or(0);
        [query(name), answer(name, 0)].map(|text| (client, text.of(kind).with_id(id)))
    }

    /// So many new names of so many bytes by one client, once in so many seconds.
    fn new(names: u64, len: usize, every: u64, kind: u16) -> impl Fn(u64) -> Vec<Message> {
        move |second| {
            let due = second.is_multiple_of(every);
            let numbers = second * names..(second + u64::from(due)) * names;
            let name = |number| {
                let text = letters(number, len);
                let parts: Vec<&str> = text.as_bytes().chunks(60).flat_map(str::from_utf8).collect();
                format!("{}.example.com", parts.join("."))
            };
            numbers.flat_map(|number| asked(number, 7, &name(number), kind)).collect()
        }
    }

    /// As many names a second by a hundred clients, of `all` that come by turns.
    fn many(names: u64, len: usize, all: u64, every: u64, kind: u16) -> impl Fn(u64) -> Vec<Message> {
        move |second| {
            let due = u64::from(second.is_multiple_of(every));
            let numbers = second * names..(second + due) * names;
            let message = |number: u64| {
                let client = u8::try_from(number % 100).unwrap_or(0);
                asked(number, client, &format!("{}.example.com", letters(number % all, len)), kind)
            };
            numbers.flat_map(message).collect()
        }
    }

    type Messages = Box<dyn Fn(u64) -> Vec<Message>>;

    #[test]
    fn new_names_below_one_domain() {
        let word = |at: u64| format!("{}.example.com", letters(at % 1000, 9));
        let cases: [(&str, u64, Messages, Option<Severity>); 14] = [
            ("nothing", 60, Box::new(|_| Vec::new()), None),
            ("one a second", 61, Box::new(new(1, 14, 1, A)), WARNING),
            ("four in five seconds", 120, Box::new(new(4, 14, 5, A)), None),
            ("two a second", 61, Box::new(new(2, 14, 1, A)), CRITICAL),
            ("two short ones a second", 61, Box::new(new(2, 7, 1, A)), WARNING),
            ("one short one a second", 120, Box::new(new(1, 7, 1, A)), None),
            ("long, in 10 seconds", 61, Box::new(new(1, 220, 10, A)), WARNING),
            ("long, in 15 seconds", 120, Box::new(new(1, 220, 15, A)), None),
            ("long, in 5 seconds", 61, Box::new(new(1, 220, 5, A)), CRITICAL),
            ("a burst of 60", 5, Box::new(move |at| if at == 0 { new(60, 14, 1, A)(0) } else { Vec::new() }), WARNING),
            ("500 a second, of 1000 words", 20, Box::new(move |at| (at * 500..at * 500 + 500).flat_map(|at| asked(at, 7, &word(at), A)).collect()), None),
            ("500 a second, numbered", 10, Box::new(|at| (at * 500..at * 500 + 500).flat_map(|at| asked(at, 7, &format!("host{at}.example.com"), A)).collect()), None),
            ("DNSSEC", 61, Box::new(|at| (0..5).flat_map(|it| asked(at, 7, &format!("www.{}.com", letters(at * 5 + it, 9)), 48)).collect()), None),
            ("a hundred clients", 61, Box::new(many(5, 14, 1 << 40, 1, A)), None),
        ];
        for (name, seconds, messages, expected) in cases {
            let (flags, severity, is_active) =
                over_lookups(Config::default(), seconds, 250, messages);
            assert_eq!(severity, expected, "{name}: {flags:?}");
            assert!(!is_active, "{name} is over");
        }
    }

    #[test]
    fn names_of_a_day_and_types_of_an_hour() {
        let mixed = |at: u64| {
            let kind = if at.is_multiple_of(4) { TXT } else { A };
            many(10, 9, 1 << 40, 1, kind)(at)
        };
        let mail = |at: u64| {
            asked(at, 7, &format!("{}._domainkey.example.com", letters(at, 9)), TXT).to_vec()
        };
        let cases: [(&str, u64, Messages, Option<Severity>); 9] = [
            ("1400 names", 700, Box::new(many(2, 14, 1 << 40, 1, A)), CRITICAL),
            ("700 names", 700, Box::new(many(1, 14, 1 << 40, 1, A)), WARNING),
            ("350 names", 700, Box::new(many(1, 14, 1 << 40, 2, A)), None),
            ("1500 names in a few minutes", 150, Box::new(many(10, 14, 1 << 40, 1, A)), None),
            ("1400 names of five bytes", 700, Box::new(many(2, 5, 1 << 40, 1, A)), None),
            ("1500 names that come back", 700, Box::new(many(10, 14, 1500, 1, A)), None),
            ("100 names of TXT", 10, Box::new(many(10, 9, 1 << 40, 1, TXT)), WARNING),
            ("a quarter TXT", 30, Box::new(mixed), None),
            ("keys of mail", 30, Box::new(mail), None),
        ];
        for (name, seconds, messages, expected) in cases {
            let (flags, severity, _) = over_lookups(Config::default(), seconds, 20, messages);
            assert_eq!(severity, expected, "{name}: {flags:?}");
        }
    }

    #[test]
    fn the_evidence_names_client_and_domain() {
        let (flags, ..) = over_lookups(Config::default(), 30, 0, new(4, 14, 1, TXT));
        let flag = &flags[0];
        assert_eq!(flag.subject(), "192.0.2.7");
        assert_eq!(flag.peer.as_deref(), Some("192.0.2.53"));
        assert_eq!(flag.detail, "120 names of 1680 bytes below example.com in 60 s, 100 % of type TXT");
        assert_eq!([0, 25, 99].map(type_name), ["other", "KEY", "TYPE99"]);
    }

    #[test]
    fn who_sees_no_names_says_nothing() {
        assert_eq!(raised(Config::default(), &[Signal::DnsNames], &[(60, &|_| {})]), []);
    }
}

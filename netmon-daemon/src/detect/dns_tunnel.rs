//! Data that is carried within the names of DNS lookups.
//!
//! A tunnel must ask for a name that nobody asked for before with every message, and
//! what it carries stands in the name. So names and bytes are judged that are new below
//! one registered domain: within a minute for one client, and over a day for the domain.
//! How large messages are says nothing: no query of a tunnel is large.

use std::time::Duration;

use super::{Verdict, Watch, share::share};
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
    /// is one that carries data; one of fewer than eight bytes counts half. Or, over a day, distinct names
    /// below one domain of which few come back; or, in an hour, distinct names that are
    /// asked for by types whose answers hold whatever the server likes (TXT, NULL, KEY,
    /// ANY, private ones).
    ///
    /// Names that differ by rule count as one: numbered hosts, reversed addresses in
    /// blocklists, and a domain within a name, as blocklists and search lists have it.
    /// What hides in these forms is not seen: a number of 16 digits, four bytes of an
    /// address, or up to 32 bytes that pass for a domain, in each query. Nor is a client
    /// that asks for each of its names again after two seconds, until it has been at it
    /// for a day.
    ///
    /// Known false positives: services that put what they ask about into names (allow
    /// them; the well-known ones are), a load test that works through a list of words
    /// for longer than three seconds before it begins anew, and somebody who guesses
    /// the hosts of a domain, which is worth a look.
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

/// In a day, names that carry data have so many bytes on average; those of hosts that
/// people know by heart have fewer.
const LEAST_BYTES: f64 = 8.0;

impl Watch for Config {
    const HOST: &'static [&'static [Signal]] = &[&[Signal::DnsNames], &[Signal::DnsNameSample]];
    const SPAN: Duration = Duration::from_secs(60);

    fn thresholds(&self) -> [f64; 2] {
        [self.warning, self.critical]
    }

    fn judge_host(&self, rates: &HostRates<'_>) -> Verdict {
        let Some(report) = rates.dns_names() else { return Verdict::blind() };
        let fast = report.tunnels.iter().flat_map(|it| [self.names(it), self.bytes(it)]);
        let slow = report.slow_tunnels.iter().flat_map(|it| [self.daily(it), self.carriers(it)]);
        fast.chain(slow).reduce(Verdict::or_worse).unwrap_or_else(|| Verdict {
            statistic: 0.0,
            thresholds: self.thresholds(),
            warning: 0.0,
            critical: 0.0,
            subject: None,
            peer: None,
            detail: String::new(),
        })
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
        let SlowTunnel { names, queries, bytes, domain, .. } = tunnel;
        let fresh = share(u64::from(*names), u64::from(*queries)) / self.fresh;
        let long = share(u64::from(*bytes), u64::from(*queries)) / LEAST_BYTES;
        let detail = format!("about {names} names below {domain} in {queries} queries of 24 h");
        of_domain(
            tunnel,
            f64::from(*names),
            [self.warning_daily, self.critical_daily],
            fresh.min(long),
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
    let Tunnel { client, server, domain, names, bytes, kind, of_kind, .. } = tunnel;
    let percent = share(u64::from(*of_kind), u64::from(*names)) * 100.0;
    let [warning, critical] = thresholds.map(|threshold| statistic / threshold);
    Verdict {
        statistic,
        thresholds,
        warning,
        critical,
        subject: Some(client.to_string()),
        peer: Some(server.to_string()),
        detail: format!(
            "{names} names of {bytes} bytes below {domain} in 60 s, {percent:.0} % of type {}",
            type_name(*kind)
        ),
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
        subject: Some(tunnel.client.to_string()),
        peer: None,
        detail,
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

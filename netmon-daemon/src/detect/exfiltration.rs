//! Far more bytes to public addresses than this host usually sends, and hardly any back.

use std::time::Duration;

use super::{Verdict, Watch, robust::median};
use crate::{
    config::section::section,
    rates::{Exchange, HostRates, Hours},
    signal::Signal,
};

section! {
    /// Far more bytes to public addresses than usual, and hardly any back.
    ///
    /// What left the host at its boundary for public addresses within an hour, against
    /// the hours of 14 days: their median and six robust deviations (1.4826 times the
    /// median absolute deviation), but at least 100 MB. Most of what moved must have been
    /// sent: PCR, (sent - received) / (sent + received). Until 24 hours were watched, only
    /// the least number of bytes counts. What is forwarded counts where it leaves, what
    /// moves in a tunnel by the address of the tunnel's other end. Hours are
    /// those of this host as a whole; a capture does not tell who sends, so nothing is
    /// said in a replay. Known false positives: uploads that are meant to be, such as
    /// backups to a cloud, releases and videos, and servers of large files in their first
    /// day; public networks that are this site's own belong in `private` of `[scopes]`.
    pub struct Config {
        /// Whether to judge at all.
        enabled: bool = true;
        /// Least bytes sent within an hour for a warning.
        bytes: f64 = 100_000_000.0, in 1000.0..=1e15;
        /// How many times the bytes of a warning make a critical flag.
        critical: f64 = 10.0, in 1.0..=1e6;
        /// How many robust deviations above the median of the hours are unusual.
        deviations: f64 = 6.0, in 1.0..=1000.0;
        /// PCR that must be exceeded.
        balance: f64 = 0.6, in -0.99..=0.99;
    }
}

/// Hours that must have been watched before they count.
const ENOUGH: usize = 24;

/// Standard deviations of a normal distribution per median absolute deviation.
const DEVIATION: f64 = 1.4826;

impl Watch for Config {
    const HOST: &'static [&'static [Signal]] = &[&[Signal::Packets]];
    // Not the hour that is judged: a flag need not stay for two more of them.
    const SPAN: Duration = Duration::from_secs(300);

    fn thresholds(&self) -> [f64; 2] {
        [self.bytes, self.bytes * self.critical]
    }

    fn judge_host(&self, rates: &HostRates<'_>) -> Verdict {
        rates.exchange().map_or_else(
            || Verdict::quiet(self.thresholds()),
            |exchange| self.judge_exchange(&exchange),
        )
    }
}

impl Config {
    fn judge_exchange(&self, exchange: &Exchange<'_>) -> Verdict {
        let Exchange { received, sent, hours } = *exchange;
        let usual = self.usual(hours);
        let threshold = usual.map_or(self.bytes, |usual| usual.max(self.bytes));
        let pcr = (sent as f64 - received as f64) / (sent as f64 + received as f64).max(1.0);
        let watched = hours.sent().len();
        let basis = match usual {
            Some(usual) => format!("up to {usual:.0} are usual, by {watched} hours"),
            None => format!("{watched} hours were watched, too few to know what is usual"),
        };
        let detail = format!(
            "{sent} bytes sent to public addresses within an hour, {received} received, \
             PCR {pcr:.2}; {basis}"
        );
        Verdict::of_count(sent, [threshold, threshold * self.critical], detail)
            .because([
                ("sent_bytes", sent),
                ("received_bytes", received),
                ("watched_hours", watched as u64),
            ])
            .only_if(if pcr > self.balance { f64::MAX } else { 0.0 })
    }

    /// What is at most usual in an hour; none where too few were watched.
    fn usual(&self, hours: &Hours) -> Option<f64> {
        let mut sent: Vec<f64> = hours.sent().map(|sent| sent as f64).collect();
        if sent.len() < ENOUGH {
            return None;
        }
        let middle = median(&mut sent);
        let mut deviations: Vec<f64> = sent.iter().map(|sent| (sent - middle).abs()).collect();
        Some(self.deviations.mul_add(DEVIATION * median(&mut deviations), middle))
    }
}

#[cfg(test)]
mod tests {
    use netmon_common::{
        abi::{labels::Class, tally::host_cell},
        scope::Scope,
    };

    use super::*;
    use crate::{
        detect::{
            Severity,
            trial::{Script, raised},
        },
        rates::Rates,
        snapshot::{Device, Drops, Load, Snapshot, Traffic, Vantage},
    };

    const MB: u64 = 1_000_000;
    const SEEN: &[Signal] = &[Signal::Packets];

    fn add(traffic: &mut Traffic, scope: Scope, [received, sent]: [u64; 2]) {
        let cell = host_cell(scope.index(), Class::Ipv4Tcp.index());
        traffic.ingress.host_bytes[cell] += received;
        traffic.egress.host_bytes[cell] += sent;
    }

    /// A second in which this is received and sent at the boundary.
    fn moves(scope: Scope, sides: [u64; 2]) -> impl Fn(&mut Snapshot) {
        move |snapshot| add(&mut snapshot.vantages.boundary, scope, sides)
    }

    #[test]
    fn uploads_within_an_hour() {
        use Scope::{Private, Public};
        let (warning, critical) = (Some(Severity::Warning), Some(Severity::Critical));
        let public = |sides| moves(Public, sides);
        let undirected = |snapshot: &mut Snapshot| {
            snapshot.directed = false;
            add(&mut snapshot.vantages.boundary, Public, [200 * MB, 0]);
        };
        let forwarded = |snapshot: &mut Snapshot| {
            // From public addresses to public addresses, in by one device and out by the other.
            add(&mut snapshot.vantages.boundary, Public, [300 * MB, 300 * MB]);
        };
        let arp = |snapshot: &mut Snapshot| {
            snapshot.vantages.boundary.egress.host_bytes[Class::NonIp.index()] += 200 * MB;
        };
        let internal = |snapshot: &mut Snapshot| {
            add(&mut snapshot.vantages.internal, Public, [0, 200 * MB]);
        };
        let cases: &[(&str, Script<'_>, Option<Severity>)] = &[
            ("silence", &[(9, &public([0, 0]))], None),
            ("50 MB", &[(5, &public([100_000, 10 * MB]))], None),
            ("110 MB", &[(11, &public([100_000, 10 * MB]))], warning),
            ("110 MB in 55 minutes", &[(3300, &public([300, 33_334]))], warning),
            ("1.1 GB", &[(11, &public([MB, 100 * MB]))], critical),
            ("a backup to a private address", &[(20, &moves(Private, [MB, 500 * MB]))], None),
            ("a package download", &[(60, &public([100 * MB, 3 * MB]))], None),
            ("as much comes back", &[(60, &public([40 * MB, 100 * MB]))], None),
            ("forwarded", &[(20, &forwarded)], None),
            ("no IP at all", &[(20, &arp)], None),
            ("on the way to the boundary", &[(20, &internal)], None),
            ("a capture", &[(20, &undirected)], None),
        ];
        for (name, script, expected) in cases {
            let flags = raised(Config::default(), SEEN, script);
            assert_eq!(flags.iter().map(|flag| flag.severity).max(), *expected, "{name}");
        }
    }

    #[test]
    fn what_moves_in_a_tunnel_leaves_once() {
        let tunnel = Device {
            name: "wg0".to_owned(),
            ifindex: 7,
            up: true,
            speed: None,
            vantage: Some(Vantage::Boundary),
            counting: Ok(()),
            listed: false,
            flaps: 0,
            drops: Drops::default(),
            traffic: Traffic::ZERO,
            load: Load::default(),
        };
        let begin = |snapshot: &mut Snapshot| {
            snapshot.devices.push(tunnel.clone());
            snapshot.tunnels.push(7);
        };
        // 60 MB to public addresses, within packets to another one.
        let busy = |snapshot: &mut Snapshot| {
            add(&mut snapshot.devices[0].traffic, Scope::Public, [0, 60 * MB]);
            add(&mut snapshot.vantages.boundary, Scope::Public, [0, 60 * MB + 65 * MB]);
        };
        let gone = |snapshot: &mut Snapshot| {
            snapshot.devices.clear();
            snapshot.tunnels.clear();
        };
        let script: Script<'_> = &[(1, &begin), (1, &busy), (9, &gone)];
        assert_eq!(raised(Config::default(), SEEN, script), []);
        let script: Script<'_> = &[(1, &begin), (2, &busy)];
        let flags = raised(Config::default(), SEEN, script);
        assert!(flags[0].detail.starts_with("130000000 bytes sent"), "{}", flags[0].detail);
    }

    /// What is said of an hour in which so much is sent, after such hours.
    fn judged(before: &[u64], sent: u64) -> Verdict {
        let mut rates = Rates::default();
        let mut hours = Hours::default();
        for sent in before {
            hours.push(*sent);
        }
        rates.restore_hours(hours);
        let mut snapshot = Snapshot::empty(Duration::ZERO);
        rates.push(&snapshot);
        snapshot.at = Duration::from_secs(60);
        add(&mut snapshot.vantages.boundary, Scope::Public, [0, sent]);
        rates.push(&snapshot);
        Config::default().judge_host(&rates.host(SEEN))
    }

    #[test]
    fn what_is_usual_after_a_day() {
        // A server that sends 900 MB to 1.1 GB an hour: the median is 1 GB, its MAD 100 MB.
        let server: Vec<u64> = (0..30).map(|hour| 900 * MB + hour % 3 * 100 * MB).collect();
        let mut outliers = server.clone();
        outliers.extend([90_000 * MB; 5]);
        for (before, sent, threshold) in [
            (&server[..23], 200, 100.0),
            (&server[..24], 200, 1889.56),
            (&server, 2000, 1889.56),
            (&outliers, 2000, 1889.56),
            (&vec![MB; 48], 150, 100.0),
        ] {
            let verdict = judged(before, sent * MB);
            let due = sent as f64 >= threshold;
            assert_eq!(verdict.warning >= 1.0, due, "{}", verdict.detail);
            let found = verdict.thresholds[0] / MB as f64;
            assert!((found - threshold).abs() < 0.01, "{found}: {}", verdict.detail);
        }
        let early = judged(&[], 150 * MB).detail;
        assert!(early.ends_with("PCR 1.00; 0 hours were watched, too few to know what is usual"));
        let late = judged(&server, 150 * MB).detail;
        assert!(late.ends_with("up to 1889560000 are usual, by 30 hours"), "{late}");
    }

    #[test]
    fn hours_pass() {
        let mut rates = Rates::default();
        let mut snapshot = Snapshot::empty(Duration::ZERO);
        for minute in 0..=185 {
            snapshot.at = Duration::from_secs(60 * minute);
            rates.push(&snapshot);
            add(&mut snapshot.vantages.boundary, Scope::Public, [0, minute / 60 * MB]);
        }
        assert_eq!(rates.hours().sent().collect::<Vec<_>>(), [0, 60 * MB, 120 * MB]);
        let exchange = rates.host(&[]).exchange().map(|exchange| exchange.sent);
        assert_eq!(exchange, Some(55 * 2 * MB + 5 * 3 * MB));
        // Nobody looked for two hours.
        snapshot.at += Duration::from_secs(7200);
        rates.push(&snapshot);
        assert_eq!(rates.hours().sent().len(), 3);
    }
}

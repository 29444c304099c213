//! Somebody who asks for what it knows: lookups whose answer still holds, or tries of a
//! search list that end nowhere.
//!
//! Judged by who asks, which is a client and, where it is known, its workload. All
//! lookups are counted, so shares are held against thresholds as they are.

use std::time::Duration;

use super::{Verdict, Watch, confirm};
use crate::{
    config::section::section,
    names::report::{Counts, Repeating},
    rates::HostRates,
    signal::Signal,
};

section! {
    /// Lookups that a cache would save.
    ///
    /// Of the lookups that one client, or one workload of this host, made within a
    /// minute: the share of those that it made before although the answer still holds;
    /// or of those that only tried the next suffix of a search list. Both must last for
    /// four of the last six times ten seconds, so that loading a page raises nothing. A
    /// query that is sent again because no answer came is no lookup of its own, and an
    /// answer that may not be kept may be asked for again.
    ///
    /// Known false positives: several applications with one address that nobody tells
    /// apart, each of which asks once (in a capture, or behind an address translation),
    /// and tools that measure resolvers.
    pub struct Config {
        /// Whether to judge at all.
        enabled: bool = true;
        /// Share of lookups whose answer still holds, for a warning.
        warning: f64 = 0.8, in 0.01..=1.0;
        /// Share of lookups that try the next suffix of a search list, for a warning.
        warning_expansions: f64 = 0.5, in 0.01..=1.0;
        /// Least such lookups in a second, on average of a minute.
        queries: f64 = 1.0, in 0.01..=1e6;
    }
}

/// Seconds that the six buckets cover at least: the newest has just begun.
const COVERED: f64 = 50.0;

/// Buckets that must be bad.
const LASTING: f64 = 4.0;

/// Fewer lookups in a bucket than this share of what would be too many say nothing.
const BUSY: f64 = 0.5;

impl Watch for Config {
    const HOST: &'static [&'static [Signal]] = &[&[Signal::DnsNames], &[Signal::DnsNameSample]];
    const SPAN: Duration = Duration::from_secs(60);

    fn thresholds(&self) -> [f64; 2] {
        [self.warning, f64::INFINITY]
    }

    fn judge_each(&self, rates: &HostRates<'_>) -> Vec<Verdict> {
        let Some(report) = rates.dns_names() else { return vec![Verdict::blind()] };
        let verdicts = report.repeating.iter().flat_map(|it| {
            let [repeats, expansions] = [|of: &Counts| of.repeats, |of: &Counts| of.expansions];
            [
                self.judge_share(it, self.warning, repeats, "asked again before the answer expired"),
                self.judge_share(it, self.warning_expansions, expansions, "tries of a search list"),
            ]
        });
        verdicts.chain([Verdict::quiet(self.thresholds())]).collect()
    }

    fn confirm(&self, verdict: &Verdict) -> String {
        confirm::packets("port 53", verdict)
    }
}

impl Config {
    fn judge_share(
        &self,
        repeating: &Repeating,
        threshold: f64,
        vain: fn(&Counts) -> u16,
        what: &str,
    ) -> Verdict {
        let Repeating { client, server, domain, counts, .. } = repeating;
        let part = |of: &Counts| f64::from(vain(of)) / f64::from(of.queries.max(1));
        let least = self.queries * COVERED;
        let busy = least / counts.len() as f64 * BUSY;
        let is_bad = |of: &&Counts| f64::from(of.queries) >= busy && part(of) >= threshold;
        let bad = counts.iter().filter(is_bad).count() as f64;
        let sum = |of: fn(&Counts) -> u16| counts.iter().map(|it| u64::from(of(it))).sum::<u64>();
        let evidence = vec![("queries", sum(|of| of.queries)), ("in_vain", sum(vain))];
        let all = evidence[0].1 as f64;
        let in_vain = evidence[1].1 as f64;
        let statistic = in_vain / all.max(1.0);
        let score = (statistic / threshold).min(all / least).min(bad / LASTING);
        Verdict {
            statistic,
            thresholds: [threshold, f64::INFINITY],
            warning: score,
            critical: 0.0,
            subject: Some(client.into()),
            peer: Some(server.into()),
            evidence,
            detail: format!(
                "{in_vain:.0} of {all:.0} lookups in a minute were {what}, most of them below \
                 {domain}"
            ),
            ..Verdict::blind()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        detect::{
            Severity,
            trial::{Message, over_lookups},
        },
        names::tests::{
            A,
            text::{answer, letters, query},
        },
    };

    const NO_SUCH_NAME: u8 = 3;

    /// A lookup whose answer holds for so many seconds; its number makes the ID.
    fn looked_up(number: u64, name: &str, ttl: u32) -> [Message; 2] {
        let id = u16::try_from(number & 0xffff).unwrap_or(0);
        let kept = answer(name, 0).with(0, A, ttl, &[192, 0, 2, 1]);
        [(7, query(name).with_id(id)), (7, kept.with_id(id))]
    }

    /// So many lookups of the same name in a second.
    fn every(times: u64, ttl: u32) -> impl Fn(u64) -> Vec<Message> {
        move |at| {
            let numbers = at * times..(at + 1) * times;
            numbers.flat_map(|number| looked_up(number, "db.example.com", ttl)).collect()
        }
    }

    type Messages = Box<dyn Fn(u64) -> Vec<Message>>;

    #[test]
    fn lookups_that_a_cache_would_save() {
        let tries = |at: u64| {
            let host = letters(at, 9);
            let name = format!("{host}.corp.example.com");
            let failed = [(7, query(&name)), (7, answer(&name, NO_SUCH_NAME))];
            failed.into_iter().chain(looked_up(at, &format!("{host}.example.com"), 60)).collect()
        };
        let half = |at: u64| {
            let new = looked_up(at + 30_000, &format!("{}.example.com", letters(at, 9)), 60);
            every(1, 300)(at).into_iter().chain(new).collect()
        };
        let page = |at: u64| match at {
            0..2 => (0..100).flat_map(|it| looked_up(it + at * 100, &format!("{}.com", letters(it % 40, 8)), 60)).collect(),
            _ => Vec::new(),
        };
        let cases: [(&str, u64, Messages, bool); 13] = [
            ("one a second", 60, Box::new(every(1, 300)), true),
            ("ten a second", 60, Box::new(every(10, 60)), true),
            ("a hundred a second", 45, Box::new(every(100, 30)), true),
            ("one a second that hold for ten", 70, Box::new(every(1, 10)), true),
            ("one a second that hold for three", 120, Box::new(every(1, 3)), false),
            ("its twin with a cache", 120, Box::new(|at| if at.is_multiple_of(61) { every(1, 60)(at) } else { Vec::new() }), false),
            ("not to be kept", 120, Box::new(every(10, 0)), false),
            ("one in two seconds", 120, Box::new(|at| if at.is_multiple_of(2) { every(1, 300)(at) } else { Vec::new() }), false),
            ("a page", 60, Box::new(page), false),
            ("25 seconds", 25, Box::new(every(20, 60)), false),
            ("half new", 120, Box::new(half), false),
            ("a search list", 60, Box::new(tries), true),
            ("nobody answers", 120, Box::new(|at| vec![(7, query("db.example.com").with_id(u16::try_from(at).unwrap_or(0)))]), false),
        ];
        for (name, seconds, messages, expected) in cases {
            let (flags, severity, is_active) =
                over_lookups(Config::default(), seconds, 250, messages);
            assert_eq!(severity, expected.then_some(Severity::Warning), "{name}: {flags:?}");
            assert!(!is_active, "{name} is over");
        }
    }

    #[test]
    fn the_evidence_names_client_and_domain() {
        let (flags, ..) = over_lookups(Config::default(), 60, 0, every(2, 300));
        assert_eq!((flags[0].subject(), flags[0].peer.as_deref()), ("192.0.2.7", Some("192.0.2.53")));
        let detail = &flags[0].detail;
        assert!(detail.contains("lookups in a minute were asked again before the answer expired"), "{detail}");
        assert!(detail.ends_with("most of them below example.com"), "{detail}");
    }
}

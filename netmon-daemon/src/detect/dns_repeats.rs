//! Somebody who asks for what it knows: lookups whose answer still holds, or tries of a
//! search list that end nowhere.
//!
//! Judged by who asks, which is a client and, where it is known, its workload. All
//! lookups are counted, so shares are held against thresholds as they are.

use std::time::Duration;

use super::{Verdict, Watch};
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

    fn judge_host(&self, rates: &HostRates<'_>) -> Verdict {
        let Some(report) = rates.dns_names() else { return Verdict::blind() };
        let verdicts = report.repeating.iter().flat_map(|it| {
            let [repeats, expansions] = [|of: &Counts| of.repeats, |of: &Counts| of.expansions];
            [
                self.judge_share(it, self.warning, repeats, "asked again before the answer expired"),
                self.judge_share(it, self.warning_expansions, expansions, "tries of a search list"),
            ]
        });
        verdicts.reduce(Verdict::or_worse).unwrap_or_else(|| Verdict {
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
        let all: f64 = counts.iter().map(|of| f64::from(of.queries)).sum();
        let in_vain: f64 = counts.iter().map(|of| f64::from(vain(of))).sum();
        let statistic = in_vain / all.max(1.0);
        let score = (statistic / threshold).min(all / least).min(bad / LASTING);
        Verdict {
            statistic,
            thresholds: [threshold, f64::INFINITY],
            warning: score,
            critical: 0.0,
            subject: Some(client.to_string()),
            peer: Some(server.to_string()),
            detail: format!(
                "{in_vain:.0} of {all:.0} lookups in a minute were {what}, most of them below \
                 {domain}"
            ),
        }
    }
}

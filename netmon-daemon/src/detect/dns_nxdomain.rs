//! A client that asks for one domain after the other that does not exist.
//!
//! Software that looks for its master where nobody can foresee it tries many domains, of
//! which hardly any is registered. A search list and a blocklist answer so as well: their
//! failures are set aside before they come here.

use std::time::Duration;

use super::{Verdict, Watch, confirm, share::proven_share};
use crate::{config::section::section, names::report::Failing, rates::HostRates, signal::Signal};

section! {
    /// Lookups of many domains that do not exist.
    ///
    /// Of the answers that one client got within five minutes, the share that say that
    /// there is no such name, as far as it is proven (Wilson score, 95 %), when many
    /// registered domains are concerned. Tries of a search list, lookups of blocklists,
    /// reverse lookups and names outside of the public tree (`.local`, `.lan`) do not
    /// count.
    ///
    /// Known false positives: a mail server that checks the senders of a wave of spam, a
    /// crawler that works through old links, and a test of somebody's spelling.
    pub struct Config {
        /// Whether to judge at all.
        enabled: bool = true;
        /// Registered domains without the name that was asked for, in 5 minutes, for a warning.
        warning: f64 = 15.0, in 1.0..=400.0;
        /// The same for a critical flag.
        critical: f64 = 100.0, in 1.0..=400.0;
        /// Share of answers that must say so.
        share: f64 = 0.4, in 0.01..=0.99;
    }
}

impl Watch for Config {
    const HOST: &'static [&'static [Signal]] = &[&[Signal::DnsNames], &[Signal::DnsNameSample]];
    const SPAN: Duration = Duration::from_secs(300);

    fn thresholds(&self) -> [f64; 2] {
        [self.warning, self.critical]
    }

    fn judge_each(&self, rates: &HostRates<'_>) -> Vec<Verdict> {
        let Some(report) = rates.dns_names() else { return vec![Verdict::blind()] };
        let verdicts = report.failing.iter().map(|failing| self.judge_client(failing));
        verdicts.chain([Verdict::quiet(self.thresholds())]).collect()
    }

    fn confirm(&self, verdict: &Verdict) -> String {
        confirm::packets("port 53", verdict)
    }
}

impl Config {
    fn judge_client(&self, failing: &Failing) -> Verdict {
        let Failing { client, server, domain, answers, failed, domains } = failing;
        let proven = proven_share(*failed, *answers) / self.share;
        let of_domains = u64::from(*domains);
        let domains = f64::from(*domains);
        Verdict {
            statistic: domains,
            thresholds: self.thresholds(),
            warning: (domains / self.warning).min(proven),
            critical: (domains / self.critical).min(proven),
            subject: Some(client.into()),
            peer: Some(server.into()),
            evidence: vec![("answers", *answers), ("failed", *failed), ("domains", of_domains)],
            detail: format!(
                "{failed} of {answers} answers in 300 s say that there is no such name, below \
                 about {domains:.0} domains, {domain} the last"
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
        names::tests::text::{answer, letters, query},
    };

    const WARNING: Option<Severity> = Some(Severity::Warning);
    const CRITICAL: Option<Severity> = Some(Severity::Critical);
    const NO_SUCH_NAME: u8 = 3;

    fn looked_up(name: &str, rcode: u8) -> [Message; 2] {
        [(7, query(name)), (7, answer(name, rcode))]
    }

    type Messages = fn(u64) -> Vec<Message>;

    #[test]
    fn domains_that_do_not_exist() {
        let cases: [(&str, u64, Messages, Option<Severity>); 9] = [
            ("nothing fails", 60, |at| looked_up(&format!("{}.com", letters(at, 9)), 0).to_vec(), None),
            ("30 domains", 30, |at| looked_up(&format!("{}.com", letters(at, 9)), NO_SUCH_NAME).to_vec(), WARNING),
            ("10 domains", 10, |at| looked_up(&format!("{}.com", letters(at, 9)), NO_SUCH_NAME).to_vec(), None),
            ("200 domains", 200, |at| looked_up(&format!("{}.com", letters(at, 9)), NO_SUCH_NAME).to_vec(), CRITICAL),
            (
                "a third of the answers",
                60,
                |at| {
                    let dead = looked_up(&format!("{}.com", letters(at, 9)), NO_SUCH_NAME);
                    let good = || looked_up("www.example.com", 0);
                    dead.into_iter().chain(good()).chain(good()).collect()
                },
                None,
            ),
            ("one domain", 200, |at| looked_up(&format!("{}.example.com", letters(at, 9)), NO_SUCH_NAME).to_vec(), None),
            ("a blocklist", 200, |at| looked_up(&format!("{at}.3.2.1.bl{}.example.com", at % 20), NO_SUCH_NAME).to_vec(), None),
            ("no public tree", 200, |at| looked_up(&format!("{}.lan", letters(at, 9)), NO_SUCH_NAME).to_vec(), None),
            (
                "a search list",
                100,
                |at| {
                    let host = letters(at, 9);
                    let failed = looked_up(&format!("{host}.{}.com", letters(at % 30, 8)), NO_SUCH_NAME);
                    failed.into_iter().chain(looked_up(&format!("{host}.example.com"), 0)).collect()
                },
                None,
            ),
        ];
        for (name, seconds, messages, expected) in cases {
            let (flags, severity, is_active) =
                over_lookups(Config::default(), seconds, 1000, messages);
            assert_eq!(severity, expected, "{name}: {flags:?}");
            assert!(!is_active, "{name} is over");
        }
    }

    #[test]
    fn the_evidence_names_client_and_domain() {
        let dead = |at| looked_up(&format!("{}.com", letters(at, 9)), NO_SUCH_NAME).to_vec();
        let (flags, ..) = over_lookups(Config::default(), 40, 10, dead);
        assert_eq!((flags[0].subject(), flags[0].peer.as_deref()), ("192.0.2.7", Some("192.0.2.53")));
        let detail = &flags[0].detail;
        assert!(detail.starts_with("40 of 40 answers in 300 s say that there is no such name"), "{detail}");
        assert!(detail.ends_with(".com the last"), "{detail}");
    }
}

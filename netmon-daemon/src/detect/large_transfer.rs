//! One destination to which far more leaves than usual.

use std::time::Duration;

use super::{
    Verdict, Watch,
    habit::party,
};
use crate::{
    config::section::section, flows::habits::report::Transfer, rates::HostRates, signal::Signal,
};

section! {
    /// A destination that is sent very much within an hour.
    ///
    /// Payload that one workload sends to one public address, by TCP connections that this
    /// host opened: those that are over, and those that are open as far as they belong to the
    /// network namespace of netmon, every five seconds. What a long connection of another
    /// namespace sends counts when it ends, evenly over its last hour. What others fetch
    /// does not count unless `served` says so, because serving files is what servers do;
    /// then it counts when their connections end. `exfiltration` judges all that leaves the
    /// host together.
    ///
    /// Known false positives: a backup to a public address, a build that is published, an
    /// upload of films. Put the address into `exempt`, or raise the thresholds.
    pub struct Config {
        /// Whether to judge at all.
        enabled: bool = true;
        /// Bytes to one address within an hour for a warning; 1 GiB.
        warning: f64 = 1_073_741_824.0, in 1e6..=1e18;
        /// The same for a critical flag; 10 GiB.
        critical: f64 = 10_737_418_240.0, in 1e6..=1e18;
        /// Whether what is sent by connections that others opened counts as well.
        served: bool = false;
    }
}

impl Watch for Config {
    const HOST: &'static [&'static [Signal]] =
        &[&[Signal::ConnectionRecords], &[Signal::ConnectionRecordSample]];
    const SPAN: Duration = Duration::from_secs(300);

    fn thresholds(&self) -> [f64; 2] {
        [self.warning, self.critical]
    }

    fn judge_each(&self, rates: &HostRates<'_>) -> Vec<Verdict> {
        let Some(report) = rates.flows() else { return vec![Verdict::blind()] };
        let transfers = &report.habits.transfers;
        let all = transfers.largest.iter().map(|it| it.bytes).sum::<u64>();
        let all = all.saturating_add(transfers.other);
        let verdict = |it: &Transfer| {
            let mb = it.bytes as f64 / 1e6;
            let detail = format!("{mb:.0} MB sent to one public address within an hour");
            Verdict::of_count(it.bytes, self.thresholds(), detail)
                .about(party(rates, it.workload, it.local))
                .with_peer(it.remote)
                .because([("sent_bytes", it.bytes), ("sent_to_all_public_bytes", all)])
        };
        transfers.largest.iter().map(verdict).collect()
    }
}

#[cfg(test)]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "tests")]
mod tests {
    use super::*;
    use crate::{
        detect::{
            Severity,
            habit::trial::{over_hours, record, severity},
        },
        flows::Record,
    };

    const WARNING: Option<Severity> = Some(Severity::Warning);
    const CRITICAL: Option<Severity> = Some(Severity::Critical);
    const GIB: u64 = 1 << 30;

    /// So much by a connection that lasts from a minute to another.
    fn sent(minutes: [f64; 2], gib: f64) -> Record {
        let lasted = (minutes[1] - minutes[0]) * 60.0;
        record(minutes[0] * 60.0, lasted, 443, (gib * GIB as f64) as u64)
    }

    #[test]
    fn how_much_goes_to_one_address_in_an_hour() {
        use netmon_common::abi::labels::Role;
        let near = |record| Record { server: [10, 0, 0, 9].into(), ..record };
        let other = |record| Record { server: [198, 51, 100, 8].into(), ..record };
        let fetched = Record { client_bytes: 900, server_bytes: 50 * GIB, ..sent([1.0, 9.0], 0.0) };
        let served = Record {
            role: Role::Passive,
            client: [198, 51, 100, 7].into(),
            server: [192, 0, 2, 1].into(),
            ..fetched
        };
        let often: Vec<_> = (0..1200).map(|at| sent([f64::from(at) / 30.0; 2], 0.001)).collect();
        let rarely: Vec<_> = (0..20).map(|at| sent([f64::from(at) * 60.0; 2], 0.9)).collect();
        let cases: [(&str, Vec<Record>, Option<Severity>); 12] = [
            ("nothing", vec![], None),
            ("1.1 GiB at once", vec![sent([1.0, 1.1], 1.1)], WARNING),
            ("0.9 GiB", vec![sent([1.0, 9.0], 0.9)], None),
            ("11 GiB in 40 minutes", vec![sent([1.0, 41.0], 11.0)], CRITICAL),
            ("11 GiB in a day", vec![sent([1.0, 1400.0], 11.0)], None),
            ("many small ones", often, WARNING),
            ("0.9 GiB each hour", rarely, None),
            ("to two addresses", vec![sent([1.0, 9.0], 0.6), other(sent([1.0, 9.0], 0.6))], None),
            ("near by", vec![near(sent([1.0, 9.0], 20.0))], None),
            ("a download", vec![fetched], None),
            ("a server of files", vec![served], None),
            ("two in an hour", vec![sent([1.0, 2.0], 0.6), sent([50.0, 51.0], 0.6)], WARNING),
        ];
        for (name, records, expected) in cases {
            let flags = over_hours(Config::default(), 30, 30, records);
            assert_eq!(severity(&flags), expected, "{name}: {flags:?}");
            assert!(flags.iter().all(|flag| !flag.active), "{name} is over");
        }
    }

    #[test]
    fn the_evidence_names_both_ends() {
        let flags = over_hours(Config::default(), 1, 10, vec![sent([1.0, 9.0], 2.0)]);
        let flag = &flags[0];
        assert_eq!((flag.subject(), flag.peer.as_deref()), ("192.0.2.1", Some("198.51.100.7")));
        assert_eq!(flag.detail, "2147 MB sent to one public address within an hour");
    }
}

//! What the detectors of habits share: whom they speak of.

use std::net::IpAddr;

use crate::{party::Party, rates::HostRates};

/// Who does something: what runs in a control group, where its name is known, or else this
/// host by its address.
pub(super) fn party(rates: &HostRates<'_>, workload: u64, local: IpAddr) -> Party {
    let name = rates.workload(workload);
    name.map_or(Party::Address(local), |name| Party::Workload(name.to_owned()))
}

#[cfg(test)]
pub(super) mod trial {
    //! A host whose connections are data, under a clock that does not wait.

    use std::time::Duration;

    use netmon_common::abi::labels::{CloseReason, Role};

    use crate::{
        config::Config,
        detect::{Severity, Watch, named},
        flows::{End, Flows, Record},
        key::Key,
        rates::Rates,
        redflag::{Board, RedFlag},
        snapshot::Snapshot,
    };

    /// A connection that this host opened to a public address, seen to open and to close.
    pub(in crate::detect) fn record(began: f64, lasted: f64, port: u16, sent: u64) -> Record {
        let [began, lasted] = [began, lasted].map(Duration::from_secs_f64);
        Record {
            role: Role::Active,
            client: [192, 0, 2, 1].into(),
            client_port: 40_000,
            server: [198, 51, 100, 7].into(),
            service_port: port,
            workload: 0,
            began,
            ended: began + lasted,
            seen_to_open: true,
            handshake: None,
            client_bytes: sent,
            server_bytes: 0,
            client_segments: 1,
            server_segments: 1,
            end: End::Closed(CloseReason::Fin),
        }
    }

    /// The flags that a detector raises while these connections end, judged every `step`
    /// seconds for so many hours; each as it was at its worst.
    pub(in crate::detect) fn over_hours<W: Watch>(
        watch: W,
        hours: u64,
        step: usize,
        mut records: Vec<Record>,
    ) -> Vec<RedFlag> {
        records.sort_by_key(|record| record.ended);
        let mut flows = Flows::new(&Config::default(), Key::FIXED);
        let (mut rates, mut board) = (Rates::default(), Board::new(vec![named("trial", watch)]));
        let mut records = records.into_iter().peekable();
        let mut flags: Vec<RedFlag> = Vec::new();
        for second in (0..=hours * 3600).step_by(step) {
            let at = Duration::from_secs(second);
            while let Some(record) = records.next_if(|record| record.ended <= at) {
                flows.observe(&record);
            }
            let mut snapshot = Snapshot::empty(at);
            snapshot.flows = Some(flows.report(at));
            rates.push(&snapshot);
            board.judge(&rates, |_, _| true);
            for flag in board.flags() {
                match flags.iter_mut().find(|known| known.id == flag.id) {
                    Some(known) => *known = flag,
                    None => flags.push(flag),
                }
            }
        }
        flags
    }

    /// The worst severity of these.
    pub(in crate::detect) fn severity(flags: &[RedFlag]) -> Option<Severity> {
        flags.iter().map(|flag| flag.severity).max()
    }

    #[test]
    fn records_are_seen_when_they_end() {
        struct Counts;
        impl Watch for Counts {
            const SPAN: Duration = Duration::from_secs(1);
            const HOST: &'static [&'static [crate::signal::Signal]] =
                &[&[crate::signal::Signal::ConnectionRecords]];
            fn thresholds(&self) -> [f64; 2] {
                [2.0, 9.0]
            }
            fn judge_host(&self, rates: &crate::rates::HostRates<'_>) -> crate::detect::Verdict {
                let closed = rates.flows().map_or(0, |report| report.closed);
                crate::detect::Verdict::of_count(closed, self.thresholds(), String::new())
            }
        }
        let records = || [5.0, 1.0].map(|began| record(began, 10.0, 443, 1)).to_vec();
        let flags = over_hours(Counts, 1, 1, records());
        assert_eq!((severity(&flags), flags[0].raised_at.as_secs()), (Some(Severity::Warning), 15));
    }
}

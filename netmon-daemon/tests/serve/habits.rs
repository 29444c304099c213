//! Connections one by one: what a scrape says of habits of workloads, and of what was left
//! out.

use std::sync::Arc;

use netmon::{
    attempts,
    flows::{Report, report::Wasted},
    redflag::{RedFlag, Status},
    signal::Signal,
    snapshot::Snapshot,
    view::View,
};

use crate::{
    exposition::{Exposition, parse},
    views,
};

const ACTIVE: &str = "netmon_antipattern_active";
const WASTE: &str = "netmon_antipattern_waste_seconds_total";
const LOST: &str = "netmon_events_lost_total";

/// A scrape where the detector raised flags about these.
fn scrape(subjects: &[(&str, bool)], change: impl Fn(&mut Snapshot)) -> Exposition {
    let view = views::rich();
    let mut snapshot = (*view.snapshot).clone();
    let waste = |workload, nanoseconds| Wasted { workload, nanoseconds };
    let wasted = vec![
        waste(Some(7), 1_500_000_000),
        waste(Some(9), 250_000_000),
        waste(Some(0), 125_000_000),
        waste(None, 500_000_000),
    ];
    let wasted_on_turns = vec![waste(Some(9), 3_000_000_000), waste(Some(0), 125_000_000)];
    snapshot.flows = Some(Arc::new(Report { wasted, wasted_on_turns, ..Report::default() }));
    let names = [(7, "web.service".to_owned()), (9, "cron.service".to_owned())];
    snapshot.workloads = Arc::new(names.into());
    snapshot.tcp.events.records = [1000, 20, 3, 400, 5, 6];
    change(&mut snapshot);
    let flag = |(subject, active): &(&str, bool)| RedFlag {
        detector: "connection_churn",
        subject: Some((*subject).to_owned()),
        active: *active,
        ..view.red_flags[0].clone()
    };
    let red_flags = subjects.iter().map(flag).collect();
    let status = Status { detector: "connection_churn", ..view.detectors[0].clone() };
    let snapshot = Arc::new(snapshot);
    parse(&views::scrape_text(&View { snapshot, red_flags, detectors: vec![status], ..view }))
}

#[test]
fn habits_are_told_by_workload() {
    let found = scrape(&[("web.service", true), ("cron.service", false)], |_| ());
    for (name, workload, expected) in [
        (ACTIVE, "web.service", Some(1.0)),
        (ACTIVE, "cron.service", None),
        (ACTIVE, "other", Some(0.0)),
        (WASTE, "web.service", Some(1.5)),
        (WASTE, "cron.service", Some(0.25)),
        // Who has no name, and who has no row.
        (WASTE, "other", Some(0.625)),
    ] {
        let labels = [("pattern", "connection_churn"), ("workload", workload)];
        assert_eq!(found.value(name, &labels), expected, "{name} {workload}");
    }
    for (workload, expected) in [("cron.service", Some(3.0)), ("other", Some(0.125))] {
        let labels = [("pattern", "chatty_application"), ("workload", workload)];
        assert_eq!(found.value(WASTE, &labels), expected, "{workload}");
    }
    let found = scrape(&[], |it| it.sources.set(Signal::OpenConnections, None));
    assert_eq!(found.count(WASTE), 3, "nobody compares sockets");
    // An address is no label.
    let found = scrape(&[("192.0.2.7", true)], |_| ());
    assert_eq!(found.count(ACTIVE), 1);
    let other = [("pattern", "connection_churn"), ("workload", "other")];
    assert_eq!(found.value(ACTIVE, &other), Some(1.0));
}

#[test]
fn what_was_left_out_is_told() {
    let source = [("source", "connections")];
    assert_eq!(scrape(&[], |_| ()).value(LOST, &source), Some(34.0));
    let found = scrape(&[], |snapshot| {
        snapshot.sources.set(Signal::Connections, None);
        snapshot.flows = None;
    });
    assert_eq!(found.value(LOST, &source), None, "nobody counts connections");
    assert_eq!([found.count(ACTIVE), found.count(WASTE)], [0, 0]);
    let source = [("source", "attempts")];
    for (attempts, expected) in [
        (Some(attempts::Report { lost: 9, ..attempts::Report::default() }), Some(9.0)),
        (None, None),
    ] {
        let found = scrape(&[], |snapshot| snapshot.attempts = attempts.clone().map(Arc::new));
        assert_eq!(found.value(LOST, &source), expected);
    }
}

//! Queries that a capture shows, answered or not.

use serde_json::Value;

use crate::{
    file::{Record, at, ethernet, simple},
    flags,
    names::{datagram, message},
    report_on,
};

/// So many queries spread over one second, of which one in `answered` is answered at once
/// and all others never; and what else happens for two seconds.
fn second(queries: u64, answered: u64) -> Vec<u8> {
    let mut records: Vec<Record> = Vec::new();
    for number in 0..queries {
        let name = message("www.example.com", false);
        let when = number * 1000 / queries;
        records.push(at(when, ethernet(&datagram(false, [40_000, 53], false, &name))));
        if number % answered == 0 {
            let name = message("www.example.com", true);
            records.push(at(when, ethernet(&datagram(false, [40_000, 53], true, &name))));
        }
    }
    records.push(at(3000, ethernet(&datagram(false, [40_000, 54], false, &[0; 12]))));
    simple(&records)
}

fn flood(report: &Value) -> Vec<String> {
    let flags = flags(report).into_iter();
    flags.filter(|(detector, _)| detector == "dns_flood").map(|(_, severity)| severity).collect()
}

#[test]
fn a_flood_is_what_hardly_anyone_answers() {
    for (queries, answered, severity) in [
        (500, 1, None),
        (5000, 1, None),
        (400, 1000, None),
        (5000, 9, None),
        (600, 20, Some("warning")),
        (600, 1000, Some("warning")),
        (6000, 1000, Some("critical")),
    ] {
        let report = report_on(&second(queries, answered));
        let raised = flood(&report);
        let what = format!("{queries} queries, one in {answered} answered");
        assert_eq!(
            raised.iter().map(String::as_str).collect::<Vec<_>>(),
            Vec::from_iter(severity),
            "{what}"
        );
    }
}

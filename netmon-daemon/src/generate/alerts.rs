//! The alerts: one for each detector, and those on netmon itself.

use super::detectors;
use crate::{detect, runbook};

/// An alert.
#[derive(Clone, Debug)]
pub struct Alert {
    /// Its name, which its runbook bears as well.
    pub name: String,
    /// When it holds, in PromQL.
    pub expression: String,
    /// For how long it must hold, such as `2m`.
    pub wait: &'static str,
    /// How bad it is; an alert on a red flag takes that from the flag.
    pub severity: Option<&'static str>,
    /// What is wrong, without labels.
    pub summary: String,
    /// What is wrong and where, as a template.
    pub description: String,
    /// A script that proves it.
    pub(super) trial: Trial,
}

/// What makes an alert fire, in the notation of promtool.
#[derive(Clone, Debug)]
pub(super) struct Trial {
    /// Series that hold for a quarter of an hour before they change.
    pub(super) series: Vec<(String, &'static str)>,
    /// Labels of the alert beside `alertname`.
    pub(super) labels: Vec<(&'static str, String)>,
    /// The description as it must come out.
    pub(super) description: String,
}

/// The series of a [`Trial`] at one sample a minute: quiet, then not, then
/// quiet again from the 30th minute on.
const RAISED: &str = "0x14 1x14 0x30";
const LOWERED: &str = "1x14 0x14 1x30";

/// Every alert, in the order of the rule file.
pub fn alerts() -> Vec<Alert> {
    let flags = detect::NAMES.iter().zip(detect::SECTIONS);
    flags.map(|(name, place)| red_flag(name, &detectors::summary(place))).chain(own()).collect()
}

fn red_flag(detector: &str, summary: &str) -> Alert {
    let active = format!("netmon_red_flag_active{{detector=\"{detector}\"}}");
    let about =
        format!("netmon_red_flag_info{{detector=\\\"{detector}\\\",instance=%q,severity=%q}}");
    Alert {
        name: runbook::alert(detector),
        expression: format!("max by (instance, detector, severity) ({active}) == 1"),
        // The detector has smoothed already: this only skips a restart.
        wait: "15s",
        severity: None,
        summary: summary.to_owned(),
        description: format!(
            "{{{{ $labels.severity }}}} on {{{{ $labels.instance }}}}\
             {{{{ with printf \"{about}\" $labels.instance $labels.severity | query }}}}\
             {{{{ range . }}}}, {{{{ .Labels.subject }}}}\
             {{{{ if .Labels.peer }}}} with {{{{ .Labels.peer }}}}{{{{ end }}}}\
             {{{{ end }}}}{{{{ end }}}}"
        ),
        trial: Trial {
            series: vec![
                (
                    format!(
                        "netmon_red_flag_active{{detector=\"{detector}\",instance=\"a:1\",\
                         job=\"netmon\",severity=\"critical\"}}"
                    ),
                    RAISED,
                ),
                (
                    format!(
                        "netmon_red_flag_active{{detector=\"{detector}\",instance=\"a:1\",\
                         job=\"netmon\",severity=\"warning\"}}"
                    ),
                    "0x60",
                ),
                (
                    format!(
                        "netmon_red_flag_info{{detector=\"{detector}\",id=\"1\",\
                         instance=\"a:1\",job=\"netmon\",peer=\"192.0.2.7\",\
                         severity=\"critical\",subject=\"boundary\"}}"
                    ),
                    "1x60",
                ),
            ],
            labels: vec![
                ("detector", detector.to_owned()),
                ("instance", "a:1".to_owned()),
                ("severity", "critical".to_owned()),
            ],
            description: "critical on a:1, boundary with 192.0.2.7".to_owned(),
        },
    }
}

/// One row of the table below.
struct Row {
    name: &'static str,
    expression: &'static str,
    wait: &'static str,
    severity: &'static str,
    summary: &'static str,
    description: &'static str,
    series: &'static [(&'static str, &'static str)],
    labels: &'static [(&'static str, &'static str)],
    described: &'static str,
}

/// The alerts on netmon itself.
const OWN: &[Row] = &[
    Row {
        name: "NetmonDown",
        expression: "up{job=\"netmon\"} == 0",
        wait: "2m",
        severity: "critical",
        summary: "netmon is not there: nobody watches the network of this host.",
        description: "Prometheus cannot scrape {{ $labels.instance }}.",
        series: &[("up{job=\"netmon\",instance=\"a:1\"}", LOWERED)],
        labels: &[("instance", "a:1"), ("job", "netmon"), ("severity", "critical")],
        described: "Prometheus cannot scrape a:1.",
    },
    Row {
        name: "NetmonBlind",
        expression: "min by (instance, detector) (netmon_detector_trusted) == 0",
        wait: "2m",
        severity: "warning",
        summary: "A detector cannot see what it judges: its silence means nothing.",
        description: "{{ $labels.detector }} on {{ $labels.instance }} lacks its input, or what \
                      it is given contradicts itself.",
        series: &[("netmon_detector_trusted{detector=\"d\",instance=\"a:1\"}", LOWERED)],
        labels: &[("detector", "d"), ("instance", "a:1"), ("severity", "warning")],
        described: "d on a:1 lacks its input, or what it is given contradicts itself.",
    },
    Row {
        name: "NetmonMapNearlyFull",
        expression: "max by (instance, map) (netmon_map_entries / netmon_map_capacity) > 0.8",
        wait: "5m",
        severity: "warning",
        summary: "A kernel map is nearly full: what does not fit is counted as other.",
        description: "{{ $labels.map }} on {{ $labels.instance }} is \
                      {{ $value | humanizePercentage }} full.",
        series: &[
            ("netmon_map_entries{instance=\"a:1\",map=\"m\"}", "80x14 90x14 80x30"),
            ("netmon_map_capacity{instance=\"a:1\",map=\"m\"}", "100x60"),
        ],
        labels: &[("instance", "a:1"), ("map", "m"), ("severity", "warning")],
        described: "m on a:1 is 90% full.",
    },
    Row {
        name: "NetmonSeriesOverflow",
        expression: "sum by (instance, family) (increase(netmon_series_overflow_total[10m])) > 0",
        wait: "0m",
        severity: "warning",
        summary: "A metric has more series than its limit: the rest is summed up as other.",
        description: "{{ $labels.family }} on {{ $labels.instance }}.",
        series: &[(
            "netmon_series_overflow_total{family=\"f\",instance=\"a:1\"}",
            "0x14 0+1x4 5x41",
        )],
        labels: &[("family", "f"), ("instance", "a:1"), ("severity", "warning")],
        described: "f on a:1.",
    },
    Row {
        name: "NetmonTickLate",
        expression: "min_over_time(netmon_poll_lag_seconds[5m]) > 0.5",
        wait: "0m",
        severity: "warning",
        summary: "netmon does not get the processor in time: its rates lag behind.",
        description: "{{ $labels.instance }} was late by at least {{ $value | humanizeDuration }} \
                      for 5 minutes.",
        series: &[("netmon_poll_lag_seconds{instance=\"a:1\"}", "0x14 1x14 0x30")],
        labels: &[("instance", "a:1"), ("severity", "warning")],
        described: "a:1 was late by at least 1s for 5 minutes.",
    },
    Row {
        name: "NetmonReloadFailed",
        expression: "max by (instance) (netmon_config_reload_success) == 0",
        wait: "1m",
        severity: "warning",
        summary: "A reload of the configuration was refused: the old one is in force.",
        description: "{{ $labels.instance }} keeps the configuration that it had.",
        series: &[("netmon_config_reload_success{instance=\"a:1\"}", LOWERED)],
        labels: &[("instance", "a:1"), ("severity", "warning")],
        described: "a:1 keeps the configuration that it had.",
    },
];

fn own() -> impl Iterator<Item = Alert> {
    OWN.iter().map(|row| Alert {
        name: row.name.to_owned(),
        expression: row.expression.to_owned(),
        wait: row.wait,
        severity: Some(row.severity),
        summary: row.summary.to_owned(),
        description: row.description.to_owned(),
        trial: Trial {
            series: row.series.iter().map(|(name, values)| ((*name).to_owned(), *values)).collect(),
            labels: row.labels.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(),
            description: row.described.to_owned(),
        },
    })
}

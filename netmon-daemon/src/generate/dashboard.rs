//! The dashboard for Grafana: the verdict first, then what it rests on.

use serde_json::{Value, json};

/// Width of the grid, in Grafana's units.
const WIDTH: u64 = 24;

/// A row of panels.
struct Row {
    title: &'static str,
    /// Height of its panels, in Grafana's units.
    height: u64,
    panels: &'static [Panel],
}

/// One picture of one or more expressions. `SCOPE` in an expression stands for
/// the labels that the variables of the dashboard choose.
struct Panel {
    title: &'static str,
    description: &'static str,
    kind: &'static str,
    unit: &'static str,
    queries: &'static [(&'static str, &'static str)],
}

const ROWS: &[Row] = &[
    Row {
        title: "Verdict",
        height: 6,
        panels: &[
            Panel {
                title: "Red flags raised",
                description: "How many red flags are raised now, by severity. 0 is good.",
                kind: "stat",
                unit: "short",
                queries: &[("sum by (severity) (netmon_red_flag_active{SCOPE})", "{{severity}}")],
            },
            Panel {
                title: "Detector scores",
                description: "Statistic over threshold: a warning is raised at 1.",
                kind: "timeseries",
                unit: "none",
                queries: &[("max by (detector) (netmon_detector_score{SCOPE})", "{{detector}}")],
            },
            Panel {
                title: "Blind detectors",
                description: "Detectors that cannot see what they judge. 0 is good.",
                kind: "stat",
                unit: "short",
                queries: &[("sum(netmon_detector_trusted{SCOPE} == bool 0)", "blind")],
            },
        ],
    },
    Row {
        title: "Interfaces",
        height: 8,
        panels: &[
            Panel {
                title: "Throughput",
                description: "Bytes a second of each device, received and sent.",
                kind: "timeseries",
                unit: "Bps",
                queries: &[(
                    "sum by (device, direction) (rate(netmon_interface_bytes_total{SCOPE}[$__rate_interval]))",
                    "{{device}} {{direction}}",
                )],
            },
            Panel {
                title: "Packets",
                description: "Packets a second on the wire, of each device.",
                kind: "timeseries",
                unit: "pps",
                queries: &[(
                    "sum by (device, direction) (rate(netmon_interface_packets_total{SCOPE}[$__rate_interval]))",
                    "{{device}} {{direction}}",
                )],
            },
            Panel {
                title: "Drops",
                description: "Packets a second that the device or its driver dropped.",
                kind: "timeseries",
                unit: "pps",
                queries: &[(
                    "sum by (device, direction, kind) (rate(netmon_interface_drops_total{SCOPE}[$__rate_interval])) > 0",
                    "{{device}} {{direction}} {{kind}}",
                )],
            },
        ],
    },
    Row {
        title: "TCP",
        height: 8,
        panels: &[
            Panel {
                title: "Flags",
                description: "Segments a second by their flags, at the boundary of the host.",
                kind: "timeseries",
                unit: "pps",
                queries: &[(
                    "sum by (direction, flag) (rate(netmon_tcp_flags_total{vantage=\"boundary\",SCOPE}[$__rate_interval]))",
                    "{{flag}} {{direction}}",
                )],
            },
            Panel {
                title: "Retransmitted segments",
                description: "Segments a second that the host sent again.",
                kind: "timeseries",
                unit: "pps",
                queries: &[(
                    "sum by (kind) (rate(netmon_tcp_retransmits_total{SCOPE}[$__rate_interval]))",
                    "{{kind}}",
                )],
            },
            Panel {
                title: "Resets",
                description: "Resets a second that the host sent and received.",
                kind: "timeseries",
                unit: "pps",
                queries: &[(
                    "sum by (direction) (rate(netmon_tcp_resets_total{SCOPE}[$__rate_interval]))",
                    "{{direction}}",
                )],
            },
        ],
    },
    Row {
        title: "Connections",
        height: 8,
        panels: &[
            Panel {
                title: "Failed attempts",
                description: "Connections a second that this host could not open, by service and reason.",
                kind: "timeseries",
                unit: "cps",
                queries: &[(
                    "sum by (service_port, reason) (rate(netmon_tcp_connect_failures_total{SCOPE}[$__rate_interval])) > 0",
                    "{{service_port}} {{reason}}",
                )],
            },
            Panel {
                title: "Handshakes, 95th percentile",
                description: "How long 95 % of the handshakes take at most, by service and end. Steps at 1, 3 and 7 seconds are lost requests.",
                kind: "timeseries",
                unit: "s",
                queries: &[(
                    "histogram_quantile(0.95, sum by (le, service_port, role) (rate(netmon_tcp_handshake_seconds_bucket{SCOPE}[$__rate_interval])))",
                    "{{service_port}} {{role}}",
                )],
            },
            Panel {
                title: "Share sent again",
                description: "Segments sent again, answers to requests excepted, over segments sent, by scope of the peer.",
                kind: "timeseries",
                unit: "percentunit",
                queries: &[(
                    "sum by (scope) (rate(netmon_tcp_retransmits_total{kind!=\"synack\",SCOPE}[$__rate_interval])) / sum by (scope) (rate(netmon_tcp_segments_sent_total{SCOPE}[$__rate_interval]))",
                    "{{scope}}",
                )],
            },
            Panel {
                title: "Packets dropped by the kernel",
                description: "Packets a second by the kernel's reason; not all of them are missed by anybody.",
                kind: "timeseries",
                unit: "pps",
                queries: &[(
                    "sum by (subsystem, reason) (rate(netmon_drops_total{SCOPE}[$__rate_interval])) > 0",
                    "{{subsystem}} {{reason}}",
                )],
            },
        ],
    },
    Row {
        title: "DNS",
        height: 8,
        panels: &[
            Panel {
                title: "Queries and responses",
                description: "DNS messages a second.",
                kind: "timeseries",
                unit: "reqps",
                queries: &[
                    (
                        "sum by (vantage) (rate(netmon_dns_queries_total{SCOPE}[$__rate_interval]))",
                        "{{vantage}} queries",
                    ),
                    (
                        "sum by (vantage) (rate(netmon_dns_responses_total{SCOPE}[$__rate_interval]))",
                        "{{vantage}} responses",
                    ),
                ],
            },
            Panel {
                title: "Lookup time, 99th percentile",
                description: "From the first query to its response, by resolver.",
                kind: "timeseries",
                unit: "s",
                queries: &[(
                    "histogram_quantile(0.99, sum by (le, resolver) (rate(netmon_dns_lookup_seconds_bucket{SCOPE}[$__rate_interval])))",
                    "{{resolver}}",
                )],
            },
            Panel {
                title: "Lookups without an answer",
                description: "Lookups a second that nobody answered within five seconds, by resolver.",
                kind: "timeseries",
                unit: "reqps",
                queries: &[(
                    "sum by (resolver) (rate(netmon_dns_timeouts_total{SCOPE}[$__rate_interval]))",
                    "{{resolver}}",
                )],
            },
            Panel {
                title: "Message size, 99th percentile",
                description: "Above 1232 bytes a message may be lost to fragmentation.",
                kind: "timeseries",
                unit: "bytes",
                queries: &[(
                    "histogram_quantile(0.99, sum by (le, direction) (rate(netmon_dns_message_bytes_bucket{SCOPE}[$__rate_interval])))",
                    "{{direction}}",
                )],
            },
        ],
    },
    Row {
        title: "netmon itself",
        height: 8,
        panels: &[
            Panel {
                title: "Poll",
                description: "Mean time of a poll by stage, and by how much polls were late.",
                kind: "timeseries",
                unit: "s",
                queries: &[
                    (
                        "sum by (stage) (rate(netmon_poll_duration_seconds_sum{SCOPE}[$__rate_interval])) / sum by (stage) (rate(netmon_poll_duration_seconds_count{SCOPE}[$__rate_interval]))",
                        "{{stage}}",
                    ),
                    ("max(netmon_poll_lag_seconds{SCOPE})", "lag"),
                ],
            },
            Panel {
                title: "Rejected packets",
                description: "Packets a second that could not be classed, and why.",
                kind: "timeseries",
                unit: "pps",
                queries: &[(
                    "sum by (reason) (rate(netmon_rejected_packets_total{SCOPE}[$__rate_interval])) > 0",
                    "{{reason}}",
                )],
            },
            Panel {
                title: "Series",
                description: "Series that netmon gives, and how many it may give.",
                kind: "timeseries",
                unit: "short",
                queries: &[
                    ("sum(netmon_series{SCOPE})", "series"),
                    ("max(netmon_series_limit{SCOPE})", "limit"),
                ],
            },
        ],
    },
];

/// The dashboard, in JSON.
pub fn dashboard() -> String {
    let mut panels = Vec::new();
    let (mut id, mut top) = (0, 0);
    let mut next = || {
        id += 1;
        id
    };
    for row in ROWS {
        let header = json!({"h": 1, "w": WIDTH, "x": 0, "y": top});
        panels.push(json!({
            "id": next(), "type": "row", "title": row.title, "collapsed": false,
            "gridPos": header, "panels": [],
        }));
        top += 1;
        let mut left = 0;
        let width = WIDTH / row.panels.len().max(1) as u64;
        for panel in row.panels {
            let place = json!({"h": row.height, "w": width, "x": left, "y": top});
            panels.push(drawn(panel, next(), &place));
            left += width;
        }
        top += row.height;
    }
    let dashboard = json!({
        "uid": "netmon",
        "title": "netmon",
        "description": "The network of a host, as netmon sees and judges it.",
        "tags": ["netmon"],
        "schemaVersion": 39,
        "editable": false,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": [
            {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"},
            variable("job", "label_values(netmon_build_info, job)"),
            variable("instance", "label_values(netmon_build_info{job=~\"$job\"}, instance)"),
        ]},
        "panels": panels,
    });
    format!("{dashboard:#}\n")
}

/// A variable that offers the values of a label.
fn variable(name: &str, query: &str) -> Value {
    json!({
        "name": name, "label": name, "type": "query", "query": query, "datasource": source(),
        "refresh": 2, "includeAll": true, "multi": true, "allValue": ".+",
        "current": {"text": "All", "value": "$__all"},
    })
}

fn drawn(panel: &Panel, id: u64, place: &Value) -> Value {
    let targets = panel.queries.iter().zip('A'..).map(|((expression, legend), reference)| {
        let scope = "job=~\"$job\",instance=~\"$instance\"";
        json!({
            "refId": reference.to_string(), "datasource": source(),
            "expr": expression.replace("SCOPE", scope), "legendFormat": legend,
        })
    });
    json!({
        "id": id, "type": panel.kind, "title": panel.title, "description": panel.description,
        "datasource": source(), "gridPos": place,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "options": {},
        "targets": targets.collect::<Vec<_>>(),
    })
}

fn source() -> Value {
    json!({"type": "prometheus", "uid": "${datasource}"})
}

//! What the figures must be.

use std::process::ExitCode;

use crate::Figures;

/// Limits of added nanoseconds per kind of packet.
const TC: [(&str, f64); 12] = [
    ("data_v4", 10.0),
    ("data_v6", 10.0),
    ("syn_v4", 45.0),
    ("syn_v6", 45.0),
    ("dns_query", 60.0),
    ("dns_response", 60.0),
    ("udp", 10.0),
    ("arp", 10.0),
    ("vlan_data", 10.0),
    ("forwarded_data_v4", 10.0),
    ("forwarded_syn_v4", 65.0),
    ("forwarded_syn_v6", 65.0),
];

const DAEMON: [(&str, f64); 8] = [
    ("rss_idle_bytes", 12.0 * 1024.0 * 1024.0),
    ("scrape_p50_seconds", 0.001),
    ("tick_64_interfaces_seconds", 0.001),
    ("cpu_idle_ratio", 0.002),
    ("tick_100k_connections_seconds", 0.020),
    ("rss_100k_connections_bytes", 24.0 * 1024.0 * 1024.0),
    ("cpu_lookups_ratio", 0.1),
    ("maps_bytes", 7.0 * 1024.0 * 1024.0),
];

/// A data packet may cost this much of what a flow table costs.
const OF_FLOW_TABLE: f64 = 0.2;

/// What was compared with its limit.
#[derive(Default)]
pub(crate) struct Gates {
    rows: Vec<Row>,
}

struct Row {
    what: String,
    found: f64,
    limit: f64,
    /// Whether it does not depend on the machine.
    decides: bool,
}

impl Gates {
    /// A figure that depends on the machine: said, but not decided upon.
    pub(crate) fn figure(&mut self, what: &str, found: f64, limit: f64) {
        self.rows.push(Row { what: what.to_owned(), found, limit, decides: false });
    }

    /// A figure that does not.
    pub(crate) fn exact(&mut self, what: &str, found: f64, limit: f64) {
        self.rows.push(Row { what: what.to_owned(), found, limit, decides: true });
    }

    /// The costs per packet.
    pub(crate) fn warm(&mut self, figures: &Figures) {
        for (name, limit) in TC {
            self.figure(&format!("{name} [ns]"), value(figures, name), limit);
        }
        for data in ["data_v4", "data_v6"] {
            let ratio = value(figures, data) / value(figures, "reference_flow_hash");
            self.exact(&format!("{data} / flow table"), ratio, OF_FLOW_TABLE);
        }
    }

    /// The daemon's figures.
    pub(crate) fn daemon(&mut self, figures: &Figures) {
        for (name, limit) in DAEMON {
            self.figure(name, value(figures, name), limit);
        }
    }

    /// Prints all rows; failure if one that decides failed.
    pub(crate) fn print(&self) -> ExitCode {
        println!("-- limits");
        let mut code = ExitCode::SUCCESS;
        for Row { what, found, limit, decides } in &self.rows {
            let verdict = match (found <= limit, decides) {
                (true, _) => "PASS",
                (false, true) => "FAIL",
                (false, false) => "FAIL here and now",
            };
            if verdict == "FAIL" {
                code = ExitCode::FAILURE;
            }
            println!("{what:<40}{found:>16.6} <= {limit:<14} {verdict}");
        }
        code
    }
}

fn value(figures: &Figures, name: &str) -> f64 {
    figures.iter().find(|(found, _)| found == name).map_or(f64::NAN, |(_, value)| *value)
}

//! The script with which promtool proves every alert: it is quiet on quiet
//! series, fires when they change, and resolves when they change back.

use std::fmt::Write as _;

use super::{
    alerts::{Alert, alerts},
    rules::scalar,
};

/// Minutes at which an alert is looked at, and whether it must fire then. The
/// series change at minutes 15 and 30; the longest window is ten minutes.
const MOMENTS: [(u32, bool); 3] = [(14, false), (25, true), (45, false)];

/// The test file for `promtool test rules`, in YAML.
pub fn rule_tests() -> String {
    let mut file = String::from(
        "# Generated with the rules; run by `promtool test rules`.\n\
         rule_files:\n  - netmon.rules.yml\n\
         evaluation_interval: 15s\n\
         tests:\n",
    );
    for alert in alerts() {
        let Alert { name, summary, trial, .. } = &alert;
        // Writing to a string cannot fail.
        let _ = write!(file, "  - name: {name}\n    interval: 1m\n    input_series:\n");
        for (series, values) in &trial.series {
            let _ = write!(
                file,
                "      - series: {}\n        values: {}\n",
                scalar(series),
                scalar(values)
            );
        }
        file.push_str("    alert_rule_test:\n");
        for (minute, fires) in MOMENTS {
            let _ = write!(
                file,
                "      - eval_time: {minute}m\n        alertname: {name}\n        exp_alerts:"
            );
            if !fires {
                file.push_str(" []\n");
                continue;
            }
            file.push_str("\n          - exp_labels:\n");
            for (label, value) in &trial.labels {
                let _ = writeln!(file, "              {label}: {}", scalar(value));
            }
            let _ = write!(
                file,
                "            exp_annotations:\n              summary: {}\n              \
                 description: {}\n              runbook: {name}.md\n",
                scalar(summary),
                scalar(&trial.description),
            );
        }
    }
    file
}

//! What stands in a configuration and does nothing any more.

use std::time::Duration;

use super::{Config, Deadline};

impl Config {
    /// Exemptions and silences that are over at a time since 1970: each by its key, as it
    /// is written.
    pub fn expired(&self, unix: Duration) -> Vec<String> {
        let is_over = |until: &Deadline| until.is_past(unix);
        let exempt = self.detectors.exemptions().flat_map(|(detector, list)| {
            let over = list.iter().filter(|it| it.until.as_ref().is_some_and(is_over));
            over.map(move |it| format!("detectors.{detector}.exempt: \"{it}\""))
        });
        let silences = self.red_flags.silences.iter().filter(|it| is_over(&it.until));
        exempt.chain(silences.map(|it| format!("red_flags.silences: \"{it}\""))).collect()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_is_named() {
        let mut config = Config::default();
        config.detectors.syn_flood.exempt =
            ["port 22", "192.0.2.7 until 2027-01-31", "192.0.2.8 until 2027-02-01"]
                .map(|text| text.parse().unwrap())
                .to_vec();
        config.red_flags.silences = vec!["* tcp/22 until 2026-01-31T00:00:00Z".parse().unwrap()];
        let day = |days: u64| Duration::from_secs(days * 86_400);
        assert_eq!(config.expired(day(0)), [""; 0]);
        // 2027-02-01.
        assert_eq!(
            config.expired(day(20_850)),
            [
                "detectors.syn_flood.exempt: \"192.0.2.7 until 2027-01-31\"",
                "red_flags.silences: \"* tcp/22 until 2026-01-31T00:00:00Z\"",
            ]
        );
    }
}

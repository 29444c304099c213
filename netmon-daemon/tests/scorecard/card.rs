//! The scorecard: of each detector what it found, what it missed, what it cried wolf at,
//! and how long it took. As a table in Markdown, and whether one is worse than another.

use std::collections::BTreeMap;

use netmon::source::capture::TICK;

/// What is known of one detector.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Score {
    /// Attacks that it told of, and those that it did not.
    pub(crate) hits: u64,
    pub(crate) misses: u64,
    /// Flags in benign traffic, in a day of it.
    pub(crate) false_alarms: f64,
    /// From the first packet of an attack to the flag, in seconds: half of the attacks
    /// take no longer, and 95 % of them. None without a hit.
    pub(crate) delays: Option<[f64; 2]>,
}

/// What is known of all detectors, by name. One that is judged by nothing is there, too.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Card(pub(crate) BTreeMap<String, Score>);

const HEAD: &str = "| red flag | attacks | hits | misses | false alarms a day | seconds to \
                    detect, p50 | p95 |\n|---|---|---|---|---|---|---|\n";

impl Score {
    /// A score from the delays of the hits, in seconds.
    pub(crate) fn of(mut delays: Vec<f64>, misses: u64, false_alarms: f64) -> Self {
        delays.sort_by(f64::total_cmp);
        let quantile = |percent: usize| delays[(delays.len() * percent).div_ceil(100) - 1];
        let hits = delays.len() as u64;
        let delays = (hits > 0).then(|| [50, 95].map(quantile));
        Self { hits, misses, false_alarms, delays }
    }

    fn row(&self, name: &str) -> String {
        let Self { hits, misses, false_alarms, delays } = self;
        let attacks = hits + misses;
        let [half, most] =
            delays.map_or(["-"; 2].map(str::to_owned), |it| it.map(|delay| format!("{delay:.1}")));
        format!(
            "| `{name}` | {attacks} | {hits} | {misses} | {false_alarms:.1} | {half} | {most} |\n"
        )
    }

    /// A score and its name from a row of a table.
    fn parse(row: &str) -> Option<(String, Self)> {
        let cells: Vec<&str> = row.strip_prefix("| `")?.split('|').map(str::trim).collect();
        let [name, _attacks, hits, misses, false_alarms, half, most, ""] = cells[..] else {
            return None;
        };
        let delays = match [half, most].map(str::parse) {
            [Ok(half), Ok(most)] => Some([half, most]),
            _ => None,
        };
        let score = Self {
            hits: hits.parse().ok()?,
            misses: misses.parse().ok()?,
            false_alarms: false_alarms.parse().ok()?,
            delays,
        };
        Some((name.trim_end_matches('`').to_owned(), score))
    }

    /// In what it is worse than another one.
    fn worse_than(&self, before: &Self) -> Vec<String> {
        let mut worse = Vec::new();
        if self.misses > before.misses {
            worse.push(format!("misses {} attacks, not {}", self.misses, before.misses));
        }
        if self.hits < before.hits {
            worse.push(format!("hits {} attacks, not {}", self.hits, before.hits));
        }
        if self.false_alarms > before.false_alarms {
            let [now, before] = [self, before].map(|it| it.false_alarms);
            worse.push(format!("{now:.1} false alarms a day, not {before:.1}"));
        }
        let delays = self.delays.into_iter().flatten().zip(before.delays.into_iter().flatten());
        for (name, (now, before)) in ["p50", "p95"].iter().zip(delays) {
            // Half a tick more, for the sake of what is rounded.
            if now > before + TICK.as_secs_f64() * 1.5 {
                worse.push(format!("{name} is {now:.1} s, not {before:.1} s"));
            }
        }
        worse
    }
}

impl Card {
    /// The table.
    pub(crate) fn table(&self) -> String {
        let rows = self.0.iter().map(|(name, score)| score.row(name));
        std::iter::once(HEAD.to_owned()).chain(rows).collect()
    }

    /// The card of a table.
    pub(crate) fn parse(table: &str) -> Self {
        Self(table.lines().filter_map(Score::parse).collect())
    }

    /// As it reads when it was written down.
    pub(crate) fn rounded(&self) -> Self {
        Self::parse(&self.table())
    }

    /// In what this card is worse than one before. `known` are the detectors that there
    /// are: one that is gone for good is not missed.
    pub(crate) fn worse_than(&self, before: &Self, known: &[&str]) -> Vec<String> {
        let rows = before.0.iter().filter(|(name, _)| known.contains(&name.as_str()));
        rows.flat_map(|(name, before)| {
            let worse = match self.0.get(name) {
                Some(score) => score.worse_than(before),
                None => vec!["is not judged any more".to_owned()],
            };
            worse.into_iter().map(move |what| format!("{name}: {what}"))
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(hits: u64, misses: u64, false_alarms: f64, delays: Option<[f64; 2]>) -> Score {
        Score { hits, misses, false_alarms, delays }
    }

    fn card(score: Score) -> Card {
        Card(BTreeMap::from([("port_scan".to_owned(), score)]))
    }

    #[test]
    fn delays_are_quantiles() {
        for (delays, expected) in [
            (vec![], None),
            (vec![2.0], Some([2.0, 2.0])),
            (vec![3.0, 1.0, 2.0], Some([2.0, 3.0])),
            ((1..=100).map(f64::from).collect(), Some([50.0, 95.0])),
        ] {
            assert_eq!(Score::of(delays.clone(), 0, 0.0).delays, expected, "{delays:?}");
        }
    }

    #[test]
    fn a_table_says_what_it_was_made_of() {
        let cards =
            [score(0, 0, 0.0, None), score(4, 1, 0.0, Some([1.5, 12.25])), score(0, 3, 2.25, None)];
        for score in cards {
            let parsed = Card::parse(&card(score.clone()).table());
            assert_eq!(parsed, card(score.clone()).rounded());
            let read = &parsed.0["port_scan"];
            assert_eq!((read.hits, read.misses), (score.hits, score.misses));
            assert_eq!(read.delays.is_some(), score.delays.is_some());
        }
        assert_eq!(Card::parse("no table\n| a | b |\n"), Card::default());
    }

    #[test]
    fn what_gets_worse_is_told() {
        let known = ["port_scan"];
        let before = score(4, 1, 2.0, Some([1.0, 5.0]));
        for (name, after, faults) in [
            ("the same", before.clone(), 0),
            ("better", score(5, 0, 0.0, Some([0.5, 1.0])), 0),
            ("one tick slower", score(4, 1, 2.0, Some([1.1, 5.1])), 0),
            ("more attacks, all seen", score(9, 1, 2.0, Some([1.0, 5.0])), 0),
            ("one attack is missed", score(3, 2, 2.0, Some([1.0, 5.0])), 2),
            ("one more attack, missed", score(4, 2, 2.0, Some([1.0, 5.0])), 1),
            ("an attack is left out", score(3, 1, 2.0, Some([1.0, 5.0])), 1),
            ("more false alarms", score(4, 1, 2.1, Some([1.0, 5.0])), 1),
            ("half of them later", score(4, 1, 2.0, Some([1.2, 5.0])), 1),
            ("the slowest later", score(4, 1, 2.0, Some([1.0, 5.2])), 1),
            ("all of it", score(0, 5, 9.0, None), 3),
        ] {
            let found = card(after).worse_than(&card(before.clone()), &known);
            assert_eq!(found.len(), faults, "{name}: {found:?}");
        }
        let gone = Card::default().worse_than(&card(before.clone()), &known);
        assert_eq!(gone, ["port_scan: is not judged any more"]);
        assert_eq!(Card::default().worse_than(&card(before.clone()), &[]), [""; 0]);
        let new = card(before).worse_than(&Card::default(), &known);
        assert_eq!(new, [""; 0], "a new detector is not worse than none");
    }
}

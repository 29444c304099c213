//! The scorecard of captures of real traffic, where they are at hand.

use std::{collections::BTreeMap, fmt::Write as _, path::Path, time::Duration};

use netmon::{cli::replay, config::Config, detect};

use crate::{
    card::{Card, Score},
    manifest::{Row, detectors, rows},
    trial,
};

/// A capture counts for no more time than this: in some of them years pass between two
/// packets.
const LONGEST: Duration = Duration::from_secs(3600);

const DAY: f64 = 86_400.0;

/// What was said of one capture.
struct Said {
    /// What it must raise: the detector that answers, and after how many seconds.
    due: Vec<(String, Option<f64>)>,
    /// What was raised and is not due.
    wrong: Vec<&'static str>,
    /// How long it is, where nothing is due.
    benign: Duration,
}

/// The page's part on the captures of a folder, and their card.
pub(crate) fn section(folder: &Path) -> (Card, String) {
    let rows = rows(folder);
    let said = trial::all(&rows, judge);
    let benign: Duration = said.iter().map(|it| it.benign).sum();
    let days = benign.as_secs_f64() / DAY;
    let mut found: BTreeMap<String, (Vec<f64>, u64)> = BTreeMap::new();
    for (detector, delay) in said.iter().flat_map(|it| &it.due) {
        let (delays, misses) = found.entry(detector.clone()).or_default();
        match delay {
            Some(delay) => delays.push(*delay),
            None => *misses += 1,
        }
    }
    for name in said.iter().flat_map(|it| &it.wrong) {
        found.entry((*name).to_owned()).or_default();
    }
    let scores = found.into_iter().map(|(name, (delays, misses))| {
        let wrong = said.iter().flat_map(|it| &it.wrong).filter(|it| **it == name).count();
        let score = Score::of(delays, misses, wrong as f64 / days);
        (name, score)
    });
    let card = Card(scores.collect());
    let attacks = said.iter().filter(|it| !it.due.is_empty()).count();
    let mut page = format!(
        "{} captures of a collection that is not part of this project, {attacks} of them with \
         attacks; {:.1} hours in which nothing is due, of a capture at most one. The seconds are \
         those from the first packet of the capture, before the attack may begin.\n\n",
        rows.len(),
        days * 24.0,
    );
    page.push_str(&card.table());
    // Writing to a string cannot fail.
    for (row, said) in rows.iter().zip(&said) {
        for name in &said.wrong {
            let _ = writeln!(page, "\nFalse alarm: `{name}` in {}.", row.columns["id"]);
        }
        for (name, _) in said.due.iter().filter(|(_, delay)| delay.is_none()) {
            let _ = writeln!(page, "\nMissed: `{name}` in {}.", row.columns["id"]);
        }
    }
    (card, page)
}

fn judge(row: &Row) -> Said {
    let (capture, outcome) = replay::judge(&row.path, &Config::default()).unwrap();
    let flags = outcome.red_flags;
    let due = row.must().into_iter().filter_map(|word| {
        let answers: Vec<&str> =
            detectors(word).filter(|name| detect::NAMES.contains(name)).collect();
        let first = flags
            .iter()
            .filter(|flag| answers.contains(&flag.detector))
            .min_by_key(|flag| flag.raised_at);
        let name = first.map_or_else(|| answers.first().copied(), |flag| Some(flag.detector))?;
        Some((name.to_owned(), first.map(|flag| flag.raised_at.as_secs_f64())))
    });
    let wrong = flags
        .iter()
        .map(|flag| flag.detector)
        .filter(|name| row.columns["class"] != "P" && !row.allowed().contains(name));
    let is_benign = row.columns["class"] != "P";
    let benign = if is_benign { capture.duration().min(LONGEST) } else { Duration::ZERO };
    Said { due: due.collect(), wrong: wrong.collect(), benign }
}

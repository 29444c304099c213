//! The scorecard of the traffic that is made here.

use std::{collections::BTreeMap, fmt::Write as _, path::Path, time::Duration};

use crate::{
    LIVE_ONLY, attack, benign,
    card::{Card, Score},
    trial::{self, Attack, Benign, Outcome, Run, SEEDS},
};

const DAY: f64 = 86_400.0;

/// What is run.
enum Task<'a> {
    Attack(usize, &'a Attack, u64),
    Benign(usize, &'a Benign),
}

/// What came of it.
enum Said {
    Attack(Run),
    Benign(Outcome),
}

/// The page's part on the traffic that is made here, and its card. Captures are written to
/// a folder for a moment.
pub(crate) fn section(folder: &Path) -> (Card, String) {
    let attacks = attack::all();
    let quiet = benign::all();
    let scenarios: Vec<&Benign> = quiet.iter().copied().chain(benign::AMBIGUOUS).collect();
    let runs = attacks
        .iter()
        .enumerate()
        .flat_map(|(at, attack)| (0..SEEDS).map(move |seed| Task::Attack(at, attack, seed)));
    let others = scenarios.iter().enumerate().map(|(at, benign)| Task::Benign(at, benign));
    let tasks: Vec<Task<'_>> = others.chain(runs).collect();
    let said = trial::all(&tasks, |task| match task {
        Task::Attack(at, attack, seed) => {
            Said::Attack(attack.run(*at, *seed, benign::browsing, folder))
        }
        Task::Benign(at, benign) => Said::Benign(benign.run(*at, folder)),
    });
    let (mut runs, mut outcomes) = (Vec::new(), Vec::new());
    for said in said {
        match said {
            Said::Attack(run) => runs.push(run),
            Said::Benign(outcome) => outcomes.push(outcome),
        }
    }
    let (silent, ambiguous) = outcomes.split_at(quiet.len());
    let card = card(&attacks, &runs, silent);
    let packets: usize = silent.iter().map(|it| it.packets).sum();
    let mut page = format!(
        "{} attacks, each {SEEDS} times with other dice, every second time amid browsing; and \
         {} scenarios of benign traffic, {:.1} hours with {packets} packets.\n\n",
        attacks.len(),
        quiet.len(),
        days(silent) * 24.0,
    );
    page.push_str(&card.table());
    let live: Vec<String> = LIVE_ONLY.iter().map(|name| format!("`{name}`")).collect();
    // Writing to a string cannot fail.
    let _ = writeln!(
        page,
        "\nA capture does not show what these judge, so they are tested live only: {}.",
        live.join(", ")
    );
    page.push_str(&attack_table(&attacks, &runs));
    page.push_str("\n### Benign traffic\n\n");
    page.push_str(&benign_table(quiet.iter().copied().zip(silent)));
    page.push_str(
        "\n### Traffic of which people think this or that\n\nNo attacks, and not counted as false \
         alarms either.\n\n",
    );
    page.push_str(&benign_table(benign::AMBIGUOUS.iter().zip(ambiguous)));
    (card, page)
}

fn days(outcomes: &[Outcome]) -> f64 {
    outcomes.iter().map(|it| it.span).sum::<Duration>().as_secs_f64() / DAY
}

fn card(attacks: &[&Attack], runs: &[Run], silent: &[Outcome]) -> Card {
    let mut scores = BTreeMap::new();
    let judged = netmon::detect::NAMES.iter().filter(|name| !LIVE_ONLY.contains(name));
    for name in judged {
        let its: Vec<&Run> =
            runs.iter().filter(|it| attacks[it.attack].detector == *name).collect();
        let delays: Vec<f64> = its.iter().filter_map(|it| it.delay).collect();
        let misses = (its.len() - delays.len()) as u64;
        let flags = silent.iter().flat_map(|it| &it.flags);
        let alarms = flags.filter(|flag| flag.detector == *name).count();
        let score = Score::of(delays, misses, alarms as f64 / days(silent));
        scores.insert((*name).to_owned(), score);
    }
    Card(scores)
}

fn attack_table(attacks: &[&Attack], runs: &[Run]) -> String {
    let mut page = String::from(
        "\n### Attacks\n\n| attack | red flag that is due | told of | seconds, at worst | others \
         that told of it |\n|---|---|---|---|---|\n",
    );
    for (at, attack) in attacks.iter().enumerate() {
        let its: Vec<&Run> = runs.iter().filter(|it| it.attack == at).collect();
        let delays = || its.iter().filter_map(|it| it.delay);
        let worst = delays().reduce(f64::max).map_or("-".to_owned(), |it| format!("{it:.1}"));
        let beside = named(its.iter().flat_map(|it| it.beside.iter().copied()));
        let _ = writeln!(
            page,
            "| {} | `{}`, {} | {} of {} | {worst} | {beside} |",
            attack.name,
            attack.detector,
            attack.severity.label(),
            delays().count(),
            its.len(),
        );
    }
    page
}

fn benign_table<'a>(rows: impl Iterator<Item = (&'a Benign, &'a Outcome)>) -> String {
    let mut page = String::from("| traffic | minutes | packets | red flags |\n|---|---|---|---|\n");
    for (benign, Outcome { packets, span, flags }) in rows {
        let minutes = span.as_secs_f64() / 60.0;
        let flags = named(flags.iter().map(|flag| flag.detector));
        let _ = writeln!(page, "| {} | {minutes:.1} | {packets} | {flags} |", benign.name);
    }
    page
}

/// Names in their order, each once.
fn named<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

//! Every counter of the kernel that is exported as it is.
//!
//! Generic over the counter tables: a new row there appears here by itself.

use netmon_common::abi::{
    counters::{Counter, Export},
    labels::Direction,
    tally::Tally,
    tcp::TcpEvents,
};

use super::{
    Context,
    family::{Family, Kind},
    model::Model,
};
use crate::{signal::Signal, snapshot::Vantage};

/// The rows of a table that are exported, as families.
pub(super) fn exported(
    table: &'static [Counter],
    export: Export,
) -> impl Iterator<Item = (Counter, Family)> {
    let labels: &[&str] = match export {
        Export::Vantage => &["vantage", "direction"],
        Export::Plain | Export::Inner => &[],
    };
    let places = match export {
        Export::Vantage => Vantage::ALL.len() * Direction::COUNT,
        Export::Plain | Export::Inner => 1,
    };
    table.iter().filter(move |counter| counter.export == export).map(move |counter| {
        let cap = places * counter.words;
        let family = Family::new(Kind::Counter, counter.name, counter.help(), labels, cap);
        (*counter, family.dimensions(counter.dimensions))
    })
}

/// The families of this group.
pub fn families() -> Vec<Family> {
    exported(Tally::COUNTERS, Export::Vantage)
        .chain(exported(TcpEvents::COUNTERS, Export::Plain))
        .map(|(_, family)| family)
        .collect()
}

/// Adds their rows.
pub fn collect(context: &Context<'_>, model: &mut Model) {
    let tallies: Vec<_> = context
        .tallies()
        .map(|(vantage, direction, tally)| ([vantage.label(), direction.label()], tally.words()))
        .collect();
    for (counter, family) in exported(Tally::COUNTERS, Export::Vantage) {
        let mut rows = model.family(&family);
        for (place, words) in &tallies {
            for (cell, word) in words.iter().skip(counter.offset).take(counter.words).enumerate() {
                rows.integer(&cell_labels(place, &counter, cell), *word);
            }
        }
    }
    let Some(view) = context.view.filter(|view| view.snapshot.sources.has(Signal::Congestion))
    else {
        return;
    };
    let words = view.snapshot.tcp.events.words();
    for (counter, family) in exported(TcpEvents::COUNTERS, Export::Plain) {
        let mut rows = model.family(&family);
        let cells = words.iter().skip(counter.offset).take(counter.words);
        for (cell, word) in cells.enumerate() {
            rows.integer(&cell_labels(&[], &counter, cell), *word);
        }
    }
}

/// The label values of one cell of a counter; the last dimension varies fastest.
pub(super) fn cell_labels<'a>(place: &[&'a str], counter: &Counter, cell: usize) -> Vec<&'a str> {
    let mut labels = place.to_vec();
    let mut stride = counter.words;
    let mut rest = cell;
    for dimension in counter.dimensions {
        stride /= dimension.values.len().max(1);
        let at = rest / stride.max(1);
        rest %= stride.max(1);
        labels.push(dimension.values.get(at).copied().unwrap_or(super::budget::OTHER));
    }
    labels
}

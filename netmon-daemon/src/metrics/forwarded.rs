//! Handshakes of connections that this host only forwards: how many of them the
//! histogram of handshakes holds. Their times are with all others.

use netmon_common::abi::{counters::Export, forwarded::Forwarded};

use super::{
    Context,
    counters::exported,
    family::{Family, Kind},
    model::Model,
};
use crate::signal::Signal;

const SAMPLING: Family = Family::new(
    Kind::Gauge,
    "handshake_sampling_ratio",
    "Part of the forwarded connections whose handshakes are timed however long they take; 1 unless requests come faster than netmon can remember. Short handshakes are all counted, and long ones stand for those that are left out.",
    &[],
    1,
);

/// The families of this group.
pub fn families() -> Vec<Family> {
    let counted = exported(Forwarded::COUNTERS, Export::Plain).map(|(_, family)| family);
    counted.chain([SAMPLING]).collect()
}

/// Adds their rows.
pub fn collect(context: &Context<'_>, model: &mut Model) {
    let Some(view) = context.view else { return };
    if !view.snapshot.sources.has(Signal::ForwardedHandshakes) {
        return;
    }
    let tcp = &view.snapshot.tcp;
    let words = tcp.forwarded.words();
    for (counter, family) in exported(Forwarded::COUNTERS, Export::Plain) {
        let mut rows = model.family(&family);
        for word in words.iter().skip(counter.offset).take(counter.words) {
            rows.integer(&[], *word);
        }
    }
    model.family(&SAMPLING).float(&[], tcp.sampling.ratio());
}

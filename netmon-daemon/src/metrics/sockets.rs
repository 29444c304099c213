//! Open TCP sockets of this network namespace, as the last census found them.
//!
//! Without a census that is fresh enough there is nothing to show.

use std::collections::BTreeMap;

use netmon_common::abi::labels::IpVersion;

use super::{
    Context,
    family::{
        Family,
        Kind::{Counter, Gauge},
    },
    model::Model,
};
use crate::{
    snapshot::OTHER,
    sockets::State,
};

const STATES: Family = Family::new(
    Gauge,
    "tcp_state_sockets",
    "TCP sockets of this network namespace by state; half-open ones are in syn_recv.",
    &["state", "family"],
    24,
);
const HALF_OPEN: Family = Family::new(
    Gauge,
    "tcp_half_open",
    "Connections of which only the request is known, by the port that was asked for, in this network namespace.",
    &["service_port"],
    33,
)
.open(0);
const QUEUES: Family = Family::new(
    Gauge,
    "listen_queue_ratio",
    "How full the fullest accept queue of a port is: connections that wait to be accepted, over the most that may.",
    &["service_port"],
    65,
)
.open(0);
const OVERFLOWS: Family = Family::new(
    Counter,
    "listen_overflows",
    "Handshakes that listeners of this network namespace dropped, mostly because their accept queue was full, since netmon knows them.",
    &["service_port"],
    65,
)
.open(0);

/// The families of this group.
pub fn families() -> Vec<Family> {
    vec![STATES, HALF_OPEN, QUEUES, OVERFLOWS]
}

/// Adds their rows.
pub fn collect(context: &Context<'_>, model: &mut Model) {
    let Some(view) = context.view else { return };
    let snapshot = &*view.snapshot;
    let mut rows = model.family(&OVERFLOWS);
    for (port, count) in &snapshot.listen_overflows {
        rows.integer(&[snapshot.service_name(*port)], *count);
    }
    let Some(census) = &snapshot.sockets else { return };
    let mut rows = model.family(&STATES);
    for state in State::ALL {
        for family in IpVersion::ALL {
            rows.integer(&[state.label(), family.label()], census.sockets(state, *family));
        }
    }
    let mut half_open = BTreeMap::from([(OTHER, census.half_open_elsewhere)]);
    for (port, count) in &census.half_open {
        *half_open.entry(snapshot.service_name(*port)).or_default() += count;
    }
    let mut rows = model.family(&HALF_OPEN);
    for (service, count) in half_open {
        rows.integer(&[service], count);
    }
    let mut rows = model.family(&QUEUES);
    for listener in census.listeners.iter().filter(|listener| listener.backlog_max > 0) {
        // Of listeners that share a row, the fullest is shown.
        let ratio = f64::from(listener.backlog) / f64::from(listener.backlog_max);
        rows.float(&[snapshot.service_name(listener.port)], ratio);
    }
}

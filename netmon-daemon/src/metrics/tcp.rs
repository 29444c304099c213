//! TCP figures that are computed from classed packets.

use netmon_common::{
    abi::labels::{Direction, Protocol},
    scope::Scope,
};

use super::{
    Context,
    family::{Family, Kind},
    model::Model,
};
use crate::snapshot::Vantage;

const SENT: Family = Family::new(
    Kind::Counter,
    "tcp_segments_sent",
    "TCP segments that left the host, by scope of the remote address; the boundary only, without loopback and containers.",
    &["scope"],
    96,
);

/// The families of this group.
pub fn families() -> Vec<Family> {
    vec![SENT]
}

/// Adds their rows.
pub fn collect(context: &Context<'_>, model: &mut Model) {
    let mut rows = model.family(&SENT);
    for (vantage, direction, tally) in context.tallies() {
        if (vantage, direction) != (Vantage::Boundary, Direction::Egress) {
            continue;
        }
        for scope in Scope::ALL.iter().copied() {
            let sent = tally.classed(|at, class| at == scope && class.protocol() == Protocol::Tcp);
            rows.integer(&[scope.label()], sent);
        }
    }
}

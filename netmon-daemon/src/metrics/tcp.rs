//! TCP figures that are computed from classed packets.

use std::collections::BTreeMap;

use netmon_common::{
    abi::labels::{Direction, Protocol, TcpState},
    scope::Scope,
};

use super::{
    Context,
    budget::OTHER,
    family::{Family, Kind},
    last_rung,
    model::Model,
};
use crate::{signal::Signal, snapshot::Vantage};

const SENT: Family = Family::new(
    Kind::Counter,
    "tcp_segments_sent",
    "TCP segments that left the host, by scope of the remote address; the boundary only, without loopback and containers.",
    &["scope"],
    96,
);

const RESETS: Family = Family::new(
    Kind::Counter,
    "tcp_resets",
    "Resets that the TCP stack sent (egress), by the kernel's reason, and received (ingress), by the state of the connection.",
    &["direction", "reason"],
    56,
)
.open(1);

const ZERO_WINDOWS: Family = Family::new(
    Kind::Counter,
    "tcp_zero_window",
    "TCP segments by which their sender says that it has no room for data (ACK, and none of SYN, RST, FIN), at the boundary and on loopback.",
    &["direction", "service_port"],
    48,
);

/// The families of this group.
pub fn families() -> Vec<Family> {
    vec![ZERO_WINDOWS, SENT, RESETS]
}

/// Adds their rows.
pub fn collect(context: &Context<'_>, model: &mut Model) {
    zero_windows(context, model);
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
    let Some(view) = context.view else { return };
    last_rung::fill(&SENT, &view.snapshot, &mut rows);
    let (tcp, sources) = (&view.snapshot.tcp, &view.snapshot.sources);
    let mut rows = model.family(&RESETS);
    if sources.has(Signal::ResetsReceived) {
        for (state, count) in TcpState::ALL.iter().zip(tcp.events.resets_received) {
            if count > 0 || *state == TcpState::Established {
                rows.integer(&[Direction::Ingress.label(), state.label()], count);
            }
        }
    }
    if sources.has(Signal::ResetsSent) {
        for (reason, count) in &tcp.resets_sent {
            rows.integer(&[Direction::Egress.label(), reason], *count);
        }
    }
    last_rung::fill(&RESETS, &view.snapshot, &mut rows);
}

fn zero_windows(context: &Context<'_>, model: &mut Model) {
    let mut sums = BTreeMap::new();
    for (_, direction, tally) in
        context.tallies().filter(|(vantage, ..)| *vantage != Vantage::Internal)
    {
        let sum: &mut u64 = sums.entry(direction).or_default();
        *sum = sum.wrapping_add(tally.tcp_zero_window);
    }
    let mut rows = model.family(&ZERO_WINDOWS);
    for (direction, count) in sums {
        // The port of a service is not looked up for every packet.
        rows.integer(&[direction.label(), OTHER], count);
    }
}

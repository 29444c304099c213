//! Packets that were dropped, by the part of the kernel that did and its reason.
//!
//! Invariant: no event is counted twice. Where the kernel tells of every buffer that
//! it drops, other sources add only what never was a buffer or was not dropped as
//! one: what devices lost for lack of room, and connection requests that a listener
//! ignored. What drivers say of themselves is then left to
//! `netmon_interface_drops_total`: the kernel tells of much of it as well.

use super::{
    Context,
    family::{Family, Kind::Counter},
    last_rung,
    model::{Model, Rows},
};
use crate::{
    drops::{NIC, TCP},
    signal::{PROC, Signal},
    snapshot::{DropCount, Snapshot},
};

const DROPS: Family = Family::new(
    Counter,
    "drops",
    "Packets that were dropped, in all network namespaces, by the kernel's reason; listen_overflow are ignored connection requests of this namespace, and the subsystem nic tells of boundary devices what no other source sees.",
    &["subsystem", "reason"],
    96,
)
.open(1);
const BYTES: Family = Family::new(
    Counter,
    "drop_bytes",
    "Bytes of the packets that the kernel dropped.",
    &["subsystem"],
    8,
);
const UDP_DROPS: Family = Family::new(
    Counter,
    "udp_receive_drops",
    "Datagrams to sockets of this network namespace that were dropped: for a full receive buffer (rcvbuf), a wrong checksum (csum), the memory limit of UDP (memory), or because nobody listens (no_port).",
    &["port_class", "reason"],
    40,
);

/// Connection requests that met a full accept queue. The kernel does not drop them as
/// it drops other packets and has no reason for them.
pub(super) const LISTEN_OVERFLOW: &str = "listen_overflow";

/// The kernel does not say to which port a datagram was sent.
const ANY_PORT: &str = "any";

/// The families of this group.
pub fn families() -> Vec<Family> {
    vec![DROPS, BYTES, UDP_DROPS]
}

/// Adds their rows.
pub fn collect(context: &Context<'_>, model: &mut Model) {
    let Some(view) = context.view else { return };
    let snapshot = &*view.snapshot;
    let mut rows = model.family(&DROPS);
    for drop in told(snapshot) {
        rows.integer(&[drop.subsystem, &drop.reason], drop.dropped.packets);
    }
    last_rung::fill(&DROPS, snapshot, &mut rows);
    elsewhere(snapshot, &mut rows);
    let mut rows = model.family(&BYTES);
    for drop in told(snapshot) {
        rows.integer(&[drop.subsystem], drop.dropped.bytes);
    }
    let proc = &snapshot.proc;
    let mut rows = model.family(&UDP_DROPS);
    for (reason, ipv4, ipv6) in [
        ("rcvbuf", proc.udp_rcvbuf_errors, proc.udp6_rcvbuf_errors),
        ("csum", proc.udp_in_csum_errors, proc.udp6_in_csum_errors),
        ("memory", proc.udp_mem_errors, proc.udp6_mem_errors),
        ("no_port", proc.udp_no_ports, proc.udp6_no_ports),
    ] {
        if let Some(ipv4) = ipv4 {
            rows.integer(&[ANY_PORT, reason], ipv4 + ipv6.unwrap_or(0));
        }
    }
}

/// What the kernel told of buffers that it dropped.
fn told(snapshot: &Snapshot) -> impl Iterator<Item = &DropCount> {
    let told = snapshot.sources.has(Signal::Drops);
    snapshot.drops.iter().filter(move |_| told)
}

/// What no program sees.
fn elsewhere(snapshot: &Snapshot, rows: &mut Rows<'_>) {
    let source = snapshot.sources.of(Signal::Drops);
    let devices = &snapshot.boundary_drops;
    if source.is_some() {
        rows.integer(&[NIC, "fifo"], devices.ingress_fifo + devices.egress_fifo);
        rows.integer(&[NIC, "missed"], devices.ingress_missed);
    }
    if source == Some(PROC) {
        rows.integer(&[NIC, "driver"], devices.ingress_driver + devices.egress_driver);
    } else if source.is_some()
        && let Some(overflows) = snapshot.proc.listen_overflows
    {
        // The last steps of handshakes among them are told of by the kernel.
        let requests = overflows.saturating_sub(snapshot.tcp.events.home_overflows);
        rows.integer(&[TCP, LISTEN_OVERFLOW], requests);
    }
}

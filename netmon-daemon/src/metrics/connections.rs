//! Connections by service: how they open, fail and end, and how long that takes.
//!
//! A row appears once there is something to count. Only what is common to all hosts,
//! the service `other` at the scope `public`, is there from the start, so that rates
//! have a beginning.

use netmon_common::{
    abi::{
        counters::Counter,
        histogram::{
            CONNECTION_BYTES_BOUNDS, DURATION_BOUNDS, HANDSHAKE_BOUNDS, Histogram, RTT_BOUNDS,
        },
        labels::{Direction, RetransmitKind, Role},
        record::Fate,
        service::ServiceEvents,
    },
    scope::Scope,
};

use super::{
    Context,
    counters::cell_labels,
    family::{
        Family,
        Kind::{Counter as Count, Histogram as Buckets},
        NANOSECONDS_PER_SECOND, bounds, seconds,
    },
    last_rung,
    model::{Model, Rows},
};
use crate::{
    signal::Signal,
    snapshot::{OTHER, Snapshot},
    view::View,
};

static HANDSHAKE_SECONDS: [f64; HANDSHAKE_BOUNDS.len()] = seconds(HANDSHAKE_BOUNDS);
const HANDSHAKES: Family = Family::new(
    Buckets(&HANDSHAKE_SECONDS),
    "tcp_handshake_seconds",
    "Time from a connection request to its answer (role active, with connections that the host only forwards), or from the answer to the last step (passive); requests that had to be sent again count from the first.",
    &["role", "service_port"],
    714,
)
.open(1);
static DURATION_SECONDS: [f64; DURATION_BOUNDS.len()] = seconds(DURATION_BOUNDS);
const DURATIONS: Family = Family::new(
    Buckets(&DURATION_SECONDS),
    "tcp_connection_duration_seconds",
    "How long connections lasted; those that were open before netmon started are not known.",
    &["role", "service_port"],
    646,
)
.open(1);
static BYTE_BOUNDS: [f64; CONNECTION_BYTES_BOUNDS.len()] = bounds(CONNECTION_BYTES_BOUNDS);
const CARRIED: Family = Family::new(
    Buckets(&BYTE_BOUNDS),
    "tcp_connection_bytes",
    "Payload that a connection carried until it ended, without what was sent again.",
    &["role", "direction"],
    52,
);
static RTT_SECONDS: [f64; RTT_BOUNDS.len()] = seconds(RTT_BOUNDS);
const RTT: Family = Family::new(
    Buckets(&RTT_SECONDS),
    "tcp_rtt_seconds",
    "Smoothed round-trip time of connections, as it was when they ended, by scope of the peer.",
    &["scope"],
    102,
);
const VARIATION: Family = Family::new(
    Buckets(&RTT_SECONDS),
    "tcp_rtt_variation_seconds",
    "Variation of the round-trip time of connections, as it was when they ended, by scope of the peer.",
    &["scope"],
    102,
);
const OUT_OF_ORDER: Family = Family::new(
    Count,
    "tcp_out_of_order",
    "Packets that came out of order, counted when their connection ends, by scope of the peer.",
    &["scope"],
    6,
);

/// The counters of services, as families.
fn counted() -> impl Iterator<Item = (Counter, Family)> {
    ServiceEvents::COUNTERS.iter().map(|counter| {
        let cap = match counter.name {
            "tcp_connect_failures" => 96,
            "tcp_retransmits" => 128,
            _ => 256,
        };
        let family = Family::new(Count, counter.name, counter.help(), &["service_port"], cap);
        (*counter, family.dimensions(counter.dimensions).open(0))
    })
}

/// The families of this group.
pub fn families() -> Vec<Family> {
    let rest = [HANDSHAKES, DURATIONS, CARRIED, RTT, VARIATION, OUT_OF_ORDER];
    counted().map(|(_, family)| family).chain(rest).collect()
}

/// Adds their rows.
pub fn collect(context: &Context<'_>, model: &mut Model) {
    let Some(view) = context.view else { return };
    let snapshot = &*view.snapshot;
    for (counter, family) in counted() {
        let mut rows = model.family(&family);
        count(snapshot, &counter, &mut rows);
        last_rung::fill(&family, snapshot, &mut rows);
    }
    times(view, model);
    last_rung::fill(&OUT_OF_ORDER, snapshot, &mut model.family(&OUT_OF_ORDER));
    if !snapshot.sources.has(Signal::Connections) {
        return;
    }
    let tcp = &snapshot.tcp;
    let mut rows = model.family(&CARRIED);
    for role in Role::ALL {
        for direction in Direction::ALL {
            let bytes = &tcp.carried(*role, *direction).bytes;
            let labels = [role.label(), direction.label()];
            rows.histogram(&labels, &bytes.buckets, bytes.sum as f64);
        }
    }
    let paths = || Scope::ALL.iter().zip(&tcp.paths);
    let mut rows = model.family(&RTT);
    for (scope, path) in paths() {
        timed(&mut rows, &[scope.label()], &path.rtt, *scope == Scope::Public);
    }
    let mut rows = model.family(&VARIATION);
    for (scope, path) in paths() {
        timed(&mut rows, &[scope.label()], &path.rtt_variation, *scope == Scope::Public);
    }
    let mut rows = model.family(&OUT_OF_ORDER);
    for (scope, path) in paths() {
        rows.integer(&[scope.label()], path.out_of_order);
    }
}

/// The rows of one counter of services.
fn count(snapshot: &Snapshot, counter: &Counter, rows: &mut Rows<'_>) {
    for service in &snapshot.tcp.services {
        let words = service.events.words();
        for (cell, word) in words.iter().skip(counter.offset).take(counter.words).enumerate() {
            let labels = cell_labels(&[service.name.as_str()], counter, cell);
            let distant = counter.dimensions.iter().zip(labels.iter().skip(1)).all(|(label, value)| {
                label.name != "scope" || *value == Scope::Public.label()
            });
            let common = service.name == OTHER && distant;
            if snapshot.sources.has(signal(counter, &labels)) && (*word > 0 || common) {
                rows.integer(&labels, *word);
            }
        }
    }
}

/// Ends of connections, and failed attempts, of which nothing but a count arrived; none
/// where they are not counted at all. For
/// [`netmon_events_lost_total`](super::hooks).
pub(super) fn lost(snapshot: &Snapshot) -> Option<u64> {
    let is_sent = |cell: usize| cell % Fate::COUNT == Fate::Sent.index();
    let fates = snapshot.tcp.events.records.iter().enumerate();
    let lost = fates.filter(|(cell, _)| !is_sent(*cell)).map(|(_, count)| *count);
    snapshot.sources.has(Signal::Connections).then(|| lost.fold(0, u64::wrapping_add))
}

/// Which signal feeds a row.
fn signal(counter: &Counter, labels: &[&str]) -> Signal {
    if counter.name != "tcp_retransmits" {
        Signal::Connections
    } else if labels.contains(&RetransmitKind::Synack.label()) {
        Signal::SynackRetransmits
    } else {
        Signal::Retransmits
    }
}

/// Handshakes and durations by service and role.
fn times(view: &View, model: &mut Model) {
    let snapshot = &*view.snapshot;
    let services = || {
        let times = snapshot.tcp.services.iter().filter_map(|it| Some((it, it.times.as_ref()?)));
        times.flat_map(|(service, times)| {
            Role::ALL.iter().zip(times).map(move |(role, times)| (service, role, times))
        })
    };
    let own = snapshot.sources.has(Signal::Handshakes);
    if own || snapshot.sources.has(Signal::ForwardedHandshakes) {
        // Those of forwarded connections count with the others, and as active.
        let always = |service: &str, role| service == OTHER && (own || role == Role::Active);
        let mut rows = model.family(&HANDSHAKES);
        for (service, role, times) in services() {
            let handshakes = &times.handshakes.nanoseconds;
            if always(&service.name, *role) || handshakes.total() > 0 {
                rows.timing(&[role.label(), service.name.as_str()], handshakes);
            }
        }
    }
    if snapshot.sources.has(Signal::Connections) {
        let mut rows = model.family(&DURATIONS);
        for (service, role, times) in services() {
            let labels = [role.label(), service.name.as_str()];
            timed(&mut rows, &labels, &times.lifetimes.nanoseconds, service.name == OTHER);
        }
    }
}

/// A histogram of nanoseconds in seconds, if there is anything in it or `always`.
fn timed<const N: usize>(rows: &mut Rows<'_>, labels: &[&str], times: &Histogram<N>, always: bool) {
    if always || times.total() > 0 {
        rows.histogram(labels, &times.buckets, times.sum as f64 / NANOSECONDS_PER_SECOND);
    }
}

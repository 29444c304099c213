//! What only the kernel's own counters tell, of this network namespace.

use super::{
    Context,
    family::{Family, Kind::Counter},
    model::Model,
};

const SYN_COOKIES: Family = Family::new(
    Counter,
    "tcp_syncookies",
    "SYN cookies of this network namespace: sent instead of remembering a request, received with a valid or an invalid (failed) one.",
    &["result"],
    3,
);

/// The families of this group.
pub fn families() -> Vec<Family> {
    vec![SYN_COOKIES]
}

/// Adds their rows.
pub fn collect(context: &Context<'_>, model: &mut Model) {
    let Some(view) = context.view else { return };
    let counters = &view.snapshot.proc;
    let mut rows = model.family(&SYN_COOKIES);
    for (result, count) in [
        ("sent", counters.syncookies_sent),
        ("received", counters.syncookies_recv),
        ("failed", counters.syncookies_failed),
    ] {
        if let Some(count) = count {
            rows.integer(&[result], count);
        }
    }
}

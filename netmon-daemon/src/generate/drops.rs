//! The reference of the reasons to drop a packet.

use std::fmt::Write as _;

use crate::drops::{EXPECTED, subsystem};

/// Where drops are counted, and which reasons are to be expected, as Markdown.
pub fn drops() -> String {
    let mut page = String::from(
        "# Drops\n\n\
         Generated from `netmon-daemon/src/drops.rs`. `netmon_drops_total` counts each dropped\n\
         packet once, by the part of the kernel that dropped it and by the reason that the\n\
         running kernel gives. Reasons have no list of their own here: they differ between\n\
         kernels, and netmon asks the one that runs.\n\n\
         - What the kernel tells of every buffer that it drops (`kfree_skb`, in all network\n  \
           namespaces; reasons since Linux 5.17) is under the kernel's own reason.\n\
         - `nic` is what devices at the boundary lost before it was a buffer: `fifo` and\n  \
           `missed`. What drivers count besides is in `netmon_interface_drops_total` alone,\n  \
           because the kernel tells of much of it as well.\n\
         - `listen_overflow` are connection requests of netmon's own namespace that met a full\n  \
           accept queue; the kernel ignores them without dropping them as a buffer. The last\n  \
           step of a handshake that meets one is dropped as `tcp_listen_overflow`. Together\n  \
           they are the `ListenOverflows` of a namespace. Before Linux 6.15 the last steps\n  \
           have no reason of their own: they are `listen_overflow` and `not_specified` as well.\n\
         - Where the kernel does not tell, `/proc/net` says what it knows of netmon's own\n  \
           namespace under the same names, and drivers' counts are the reason `driver`.\n\n\
         Values that the kernel keeps for its modules, and any beyond the first 255, are the\n\
         reason `unknown`.\n\n\
         ## Expected reasons\n\n\
         These belong to the ordinary course of things, and no red flag is raised for them.\n\
         `[drops]` in the configuration adds to the list and takes from it.\n\n\
         | reason | subsystem | why |\n|---|---|---|\n",
    );
    for (reason, why) in EXPECTED {
        // Writing to a string cannot fail.
        let _ = writeln!(page, "| `{reason}` | {} | {why} |", subsystem(reason));
    }
    page
}

//! Every map: who writes it, who reads it, how large it is and why.

use aya_ebpf::{
    macros::map,
    maps::{Array, PerCpuArray},
};
use netmon_common::abi::{
    slot::{SLOT_TABLE_LEN, TALLIES},
    tally::Tally,
    tcp::TcpEvents,
};

/// Which counters a device owns, by `ifindex % SLOT_TABLE_LEN`. Written by the
/// daemon when a device comes or goes, read for every packet. 32 KiB: with 4096
/// entries, two of a few hundred devices rarely share one, and a device that
/// does is counted in the slot "other".
#[map]
pub(crate) static SLOTS: Array<u64> = Array::with_max_entries(SLOT_TABLE_LEN, 0);

/// The counters of every slot and direction. Written for every packet by plain
/// adds, because each CPU has its own; read and summed by the daemon. An array
/// cannot fill up, and traffic cannot create a key.
#[map]
pub(crate) static TALLIES_BY_SLOT: PerCpuArray<Tally> = PerCpuArray::with_max_entries(TALLIES, 0);

/// The events of the TCP stack, one value. Written by tracepoints, read by the
/// daemon.
#[map]
pub(crate) static TCP_EVENTS: PerCpuArray<TcpEvents> = PerCpuArray::with_max_entries(1, 0);

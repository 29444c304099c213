//! Every map: who writes it, who reads it, how large it is and why.

use aya_ebpf::{
    bindings::BPF_F_NO_PREALLOC,
    macros::map,
    maps::{Array, HashMap, PerCpuArray, ProgramArray, RingBuf},
};
use netmon_common::abi::{
    allowance::Allowance,
    attempts::AttemptEvents,
    connection::{
        CARRIED as CARRIED_LEN, CONNECTIONS as OPEN, Carried, Change, Connection, Ending,
        FIRST_ANSWERS as ANSWERS, FirstAnswer, Handshake, Lifetime, PATHS as PATHS_LEN, Path,
    },
    dns::{
        DNS_TALLIES, DnsSettings, DnsTally, LOOKUP_TIMES, LookupTimes, Lookups, NAME_WORDS,
        NAMES_RING,
    },
    forwarded::Forwarded,
    networks::Networks,
    record::{ALLOWANCES, RECORDS_RING},
    service::{
        PORT_ENTRIES, PORT_SET_ENTRIES, PORT_WORDS, PORTS_PER_ENTRY, SERVICES, ServiceEvents,
        TIMED_SERVICES, TIMINGS,
    },
    slot::{SLOT_TABLE_LEN, TALLIES},
    tally::Tally,
    tcp::{DROP_REASONS, Dropped, RESET_REASONS, TcpEvents},
};
use netmon_common::{
    attempts::{BANKS, PLACES, Popularity, Suspect, TAGS},
    dns::{LOOKUP_SETS, STREAM_SETS, StreamSet, WAYS},
    handshake::{SETS, Set},
};

/// Which counters a device owns, by `ifindex % SLOT_TABLE_LEN`. Written by the
/// daemon when a device comes or goes, read for every packet. 32 KiB: with 4096
/// entries, two of a few hundred devices rarely share one, and a device that
/// does is counted in the slot "other".
#[map]
pub(crate) static SLOTS: Array<u64> = Array::with_max_entries(SLOT_TABLE_LEN, 0);

/// The networks whose scope the configuration names, one value. Written by the
/// daemon when it starts and when it reloads, read where an address is judged:
/// for a packet only when its entry in [`SLOTS`] says that there are any.
#[map]
pub(crate) static NETWORKS: Array<Networks> = Array::with_max_entries(1, 0);

/// The counters of every slot and direction. Written for every packet by plain
/// adds, because each CPU has its own; read and summed by the daemon. An array
/// cannot fill up, and traffic cannot create a key.
#[map]
pub(crate) static TALLIES_BY_SLOT: PerCpuArray<Tally> = PerCpuArray::with_max_entries(TALLIES, 0);

/// The events of the TCP stack, one value. Written by tracepoints, read by the
/// daemon.
#[map]
pub(crate) static TCP_EVENTS: PerCpuArray<TcpEvents> = PerCpuArray::with_max_entries(1, 0);

/// The service slot of every port, 64 KiB. Written by the daemon when a port gets
/// a slot, read once per connection.
#[map]
pub(crate) static SERVICE_BY_PORT: Array<[u8; PORTS_PER_ENTRY]> =
    Array::with_max_entries(PORT_ENTRIES, 0);

/// The ports on which somebody began to listen or accepted a connection, a bit
/// each, in whatever network namespace. Written by a hook, read by the daemon,
/// which gives them slots.
#[map]
pub(crate) static LISTENING_PORTS: Array<[u64; PORT_WORDS]> =
    Array::with_max_entries(PORT_SET_ENTRIES, 0);

/// The counters of every service. Written by hooks of the TCP stack, read by the
/// daemon.
#[map]
pub(crate) static SERVICE_EVENTS: PerCpuArray<ServiceEvents> =
    PerCpuArray::with_max_entries(SERVICES, 0);

/// Handshake times by service and role. Written once per connection.
#[map]
pub(crate) static HANDSHAKE_TIMES: PerCpuArray<Handshake> =
    PerCpuArray::with_max_entries(TIMINGS, 0);

/// Durations of connections by service and role. Written once per connection.
#[map]
pub(crate) static LIFETIMES: PerCpuArray<Lifetime> = PerCpuArray::with_max_entries(TIMINGS, 0);

/// Bytes of connections, by role and direction. Written once per connection.
#[map]
pub(crate) static CARRIED: PerCpuArray<Carried> = PerCpuArray::with_max_entries(CARRIED_LEN, 0);

/// Round-trip times of connections, their variation and what came out of order, by
/// scope. Written once per connection.
#[map]
pub(crate) static PATHS: PerCpuArray<Path> = PerCpuArray::with_max_entries(PATHS_LEN, 0);

/// Open connections by the address of their socket. A hash map, because sockets
/// have no small number of their own; memory for an entry is taken when a
/// connection opens and given back when it ends. Written once per connection.
#[map]
pub(crate) static CONNECTIONS: HashMap<u64, Connection> =
    HashMap::with_max_entries(OPEN, BPF_F_NO_PREALLOC);

/// The change that the program which follows connections saw last on a CPU, for the
/// second one, which is there for changes that interrupt the first.
#[map]
pub(crate) static SEEN: PerCpuArray<Change> = PerCpuArray::with_max_entries(1, 0);

/// The connection that ended last on this CPU, as long as its reason is open.
#[map]
pub(crate) static ENDING: PerCpuArray<Ending> = PerCpuArray::with_max_entries(1, 0);

/// What is known of connections at their end. Written at most as often as
/// `netmon_common::abi::record` allows, drained by the daemon ten times a second; what
/// finds no room is counted.
#[map]
pub(crate) static CONNECTION_RECORDS: RingBuf = RingBuf::with_byte_size(RECORDS_RING, 0);

/// How many of them may still be handed on, by what they tell of.
#[map]
pub(crate) static RECORD_ALLOWANCES: PerCpuArray<Allowance> =
    PerCpuArray::with_max_entries(ALLOWANCES, 0);

/// Resets sent, by the kernel's reason. One value, because a read of it is one
/// system call.
#[map]
pub(crate) static RESETS_SENT: PerCpuArray<[u64; RESET_REASONS]> =
    PerCpuArray::with_max_entries(1, 0);

/// Packets dropped, by the kernel's reason. One value for the same reason.
#[map]
pub(crate) static DROPS: PerCpuArray<[Dropped; DROP_REASONS]> = PerCpuArray::with_max_entries(1, 0);

/// Requests whose answer was sent again, and when it was first sent. Written per
/// answer that is sent again.
#[map]
pub(crate) static FIRST_ANSWERS: Array<FirstAnswer> = Array::with_max_entries(ANSWERS, 0);

/// When connections between others were asked for, by flow. Written and read for
/// every SYN and SYN-ACK that is forwarded, by all CPUs, whole words at a time:
/// two that meet in one set at the same instant may cost one of them its entry.
/// 1 MiB: see `netmon_common::handshake` for what that holds.
#[map]
pub(crate) static HANDSHAKES: Array<Set> = Array::with_max_entries(SETS, 0);

/// Which of them count, one word. Written by the daemon when requests come faster
/// than the table holds them, read for every SYN and SYN-ACK that is forwarded.
#[map]
pub(crate) static HANDSHAKE_SAMPLING: Array<u64> = Array::with_max_entries(1, 0);

/// What is counted of connections between others, one value. Written by the TC
/// programs for every SYN and SYN-ACK that is forwarded, read by the daemon.
#[map]
pub(crate) static FORWARDED: PerCpuArray<Forwarded> = PerCpuArray::with_max_entries(1, 0);

/// Times of forwarded handshakes, by service. Apart from
/// [`HANDSHAKE_TIMES`], because a TC program may interrupt the hook that writes to
/// those. Written by the TC programs, once per handshake.
#[map]
pub(crate) static FORWARDED_TIMES: PerCpuArray<Handshake> =
    PerCpuArray::with_max_entries(TIMED_SERVICES, 0);

/// What is configured of DNS, one value. Written by the daemon, read for every DNS
/// message.
#[map]
pub(crate) static DNS_SETTINGS: Array<DnsSettings> = Array::with_max_entries(1, 0);

/// What is counted of DNS beside the packets, by vantage and direction. Written for every
/// DNS message.
#[map]
pub(crate) static DNS_TALLIES_BY_VANTAGE: PerCpuArray<DnsTally> =
    PerCpuArray::with_max_entries(DNS_TALLIES, 0);

/// What became of lookups, one value. Written for every DNS message.
#[map]
pub(crate) static DNS_LOOKUPS: PerCpuArray<Lookups> = PerCpuArray::with_max_entries(1, 0);

/// How long lookups took, by resolver and transport. Written once per lookup.
#[map]
pub(crate) static DNS_TIMES: PerCpuArray<LookupTimes> =
    PerCpuArray::with_max_entries(LOOKUP_TIMES, 0);

/// Open lookups. Written for every DNS message, by all CPUs, whole words at a time: two
/// that meet in one set at the same instant may cost one of them its entry. 1 MiB: see
/// `netmon_common::dns` for what that holds.
#[map]
pub(crate) static DNS_LOOKUP_SETS: Array<[u64; WAYS]> = Array::with_max_entries(LOOKUP_SETS, 0);

/// How far TCP streams with DNS in them were read, 256 KiB. Written for every segment with
/// DNS in it.
#[map]
pub(crate) static DNS_STREAMS: Array<StreamSet> = Array::with_max_entries(STREAM_SETS, 0);

/// The programs that packets are handed on to: for DNS in datagrams by direction, in segments
/// by direction, for what is left of a segment, for attempts to connect by direction, and for
/// answers between others. Written once by the daemon.
#[map]
pub(crate) static PROGRAMS: ProgramArray = ProgramArray::with_max_entries(8, 0);

/// The beginnings of DNS messages, for their names. Written at most as often as
/// `netmon_common::abi::dns` allows, drained by the daemon ten times a second; what finds
/// no room is counted.
#[map]
pub(crate) static DNS_NAMES: RingBuf = RingBuf::with_byte_size(NAMES_RING, 0);

/// Where one of them is put together: too large for the stack.
#[map]
pub(crate) static DNS_NAMES_ROOM: PerCpuArray<[u64; NAME_WORDS]> =
    PerCpuArray::with_max_entries(1, 0);

/// The number of the window in which attempts to connect are kept, one word. Written by the
/// daemon once per window, read for every SYN and SYN-ACK.
#[map]
pub(crate) static ATTEMPT_WINDOW: Array<u64> = Array::with_max_entries(1, 0);

/// How often ports of hosts were asked for, 32 KiB for each CPU, which is as much as a value
/// can have. Written for every SYN.
#[map]
pub(crate) static ATTEMPT_TARGETS: PerCpuArray<Popularity> = PerCpuArray::with_max_entries(1, 0);

/// Who stands where among the suspects of a window, for two windows, 16 KiB. Written when a
/// suspect gets a place, or asks for something new.
#[map]
pub(crate) static ATTEMPT_TAGS: Array<[u64; TAGS]> = Array::with_max_entries(BANKS, 0);

/// Who asks for what and is answered by what, for two windows, 352 KiB. Written for every
/// SYN that asks for what few others do, and for every SYN-ACK to such a one, by all CPUs.
#[map]
pub(crate) static SUSPECTS: Array<Suspect> = Array::with_max_entries(PLACES, 0);

/// What became of attempts to connect, one value. Written for every SYN and SYN-ACK.
#[map]
pub(crate) static ATTEMPT_EVENTS: PerCpuArray<AttemptEvents> = PerCpuArray::with_max_entries(1, 0);

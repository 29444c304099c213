//! The programs that the kernel took, and the maps through which they are read.

use std::mem::offset_of;

use aya::{
    Ebpf,
    maps::{Array, MapData, MapError, PerCpuArray},
};
use netmon_common::abi::{labels::Direction, slot::tally_key, tally::Tally};

use super::{
    Change, Forbidden, KernelError, attempts, dns, forwarded, networks,
    object::{self, Object},
    reasons::Reasons,
    records::Records,
    sock_ops::{self, SockOps},
    sys,
    tables::{Tables, missing},
    tail_call, tracing,
};
use crate::{config::Config, signal::Signal};

/// Where the bytes of all packets stand among the words of a tally.
const BYTES: usize = offset_of!(Tally, packet_size_bytes.sum) / size_of::<u64>();

/// How much is copied out of the kernel for the bytes of one device in both directions.
pub fn bytes_per_look() -> usize {
    let cpus = aya::util::nr_cpus().unwrap_or(1).max(1);
    Direction::COUNT * Tally::WORDS * size_of::<u64>() * cpus
}

/// The programs at work and everything needed to read them.
pub(super) struct Programs {
    pub(super) ebpf: Ebpf,
    pub(super) table: Array<MapData, u64>,
    pub(super) tallies: PerCpuArray<MapData, [u64; Tally::WORDS]>,
    pub(super) networks: networks::Table,
    pub(super) tables: Tables,
    pub(super) forwarded: forwarded::Handshakes,
    pub(super) dns: dns::Dns,
    pub(super) records: Records,
    pub(super) attempts: attempts::Attempts,
    /// Kept for the programs in it.
    _handed_on: tail_call::Table,
    /// Why the TC program of a direction cannot be used, where it cannot.
    pub(super) tc: [Option<KernelError>; 2],
    pub(super) hooks: Vec<tracing::Attached>,
    /// What times handshakes as long as no hook does.
    pub(super) sock_ops: SockOps,
    pub(super) reset_reasons: Reasons,
    pub(super) drop_reasons: Reasons,
    #[cfg(feature = "debug-log")]
    pub(super) debug_log: Option<super::debug::DebugLog>,
}

impl Programs {
    /// Creates the maps, loads the programs, and attaches those that do not belong
    /// to a device. What the kernel refuses is left out and says why.
    ///
    /// # Errors
    ///
    /// When there can be no program at all.
    pub(super) fn load(
        config: &Config,
        forbidden: &Forbidden,
        kernel: (u32, u32),
    ) -> Result<Self, KernelError> {
        if forbidden.has_all() {
            return Err(KernelError::Forbidden);
        }
        // Counters are kept by CPU. Better to miss the file now than at a read.
        aya::util::nr_cpus().map_err(|(file, error)| KernelError::Unsupported {
            what: "counting by CPU".to_owned(),
            why: format!("{file}: {error}; mount sysfs there"),
        })?;
        let mut object = Object::open()?;
        let tc = [Direction::Ingress, Direction::Egress].map(|direction| {
            if forbidden.has(object::tc_hook(direction)) {
                return Some(KernelError::Forbidden);
            }
            object.load_tc(direction).err()
        });
        let hooks = tracing::attach_all(&mut object, forbidden, kernel);
        let mut ebpf = object.ebpf;
        let mut map = |name: &str| ebpf.take_map(name).ok_or_else(|| missing(name));
        let wrong = |error: MapError| KernelError::of("opening eBPF maps", &error);
        let table = Array::try_from(map("SLOTS")?).map_err(wrong)?;
        let tallies = PerCpuArray::try_from(map("TALLIES_BY_SLOT")?).map_err(wrong)?;
        let mut networks = networks::Table::new(Array::try_from(map("NETWORKS")?).map_err(wrong)?);
        networks.set(&config.scopes.networks())?;
        let mut tables = Tables::open(&mut ebpf)?;
        tables.serve(config.tcp.service_ports.iter().map(|port| port.0))?;
        let forwarded = forwarded::Handshakes::open(&mut ebpf)?;
        let mut handed_on = tail_call::Table::open(&mut ebpf)?;
        let mut load =
            |ebpf: &mut Ebpf, which, hook| handed_on.load(ebpf, which, forbidden.has(hook));
        let refused = load(&mut ebpf, tail_call::DNS, dns::HOOK);
        let mut dns = dns::Dns::open(&mut ebpf, object.lookup_keys, refused)?;
        dns.configure(config)?;
        let records = Records::open(&mut ebpf)?;
        let refused = load(&mut ebpf, tail_call::ATTEMPTS, attempts::HOOK);
        let attempts = attempts::Attempts::open(&mut ebpf, refused)?;
        drop(object.btf);
        sys::return_free_memory();
        let mut programs = Self {
            #[cfg(feature = "debug-log")]
            debug_log: super::debug::DebugLog::open(&mut ebpf),
            ebpf,
            table,
            tallies,
            networks,
            tables,
            forwarded,
            dns,
            records,
            attempts,
            _handed_on: handed_on,
            tc,
            hooks,
            sock_ops: SockOps::new(forbidden.has(sock_ops::NAME)),
            reset_reasons: object.reset_reasons,
            drop_reasons: object.drop_reasons,
        };
        programs.stand_in();
        Ok(programs)
    }

    /// The bytes of a slot, summed over CPUs: all counters are copied, and one is read.
    pub(super) fn bytes(&self, slot: u32) -> Option<[u64; 2]> {
        let sum = |direction| {
            let per_cpu = self.tallies.get(&tally_key(slot, direction), 0).ok()?;
            let bytes = per_cpu.iter().filter_map(|words| words.get(BYTES).copied());
            Some(bytes.fold(0, u64::wrapping_add))
        };
        Some([sum(Direction::Ingress)?, sum(Direction::Egress)?])
    }

    /// Has handshakes timed the second best way while no hook does it, and only then.
    pub(super) fn stand_in(&mut self) -> Option<Change> {
        let mut fed = self.hooks.iter().flat_map(tracing::Attached::feeds);
        let timed = fed.any(|(signal, _)| signal == Signal::Handshakes);
        self.sock_ops.stand_in(&mut self.ebpf, !timed)
    }
}

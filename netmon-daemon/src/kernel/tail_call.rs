//! Programs that the programs of devices hand packets on to, each through a map.

use std::ops::Range;

use aya::{
    Ebpf,
    maps::{MapData, ProgramArray},
    programs::{ProgramError, SchedClassifier},
};

use super::{error::KernelError, tables::missing};

/// How such programs are reached.
pub(super) const MECHANISM: &str = "tail_call";

/// The programs, in the order of the map from which they are called.
pub const PROGRAMS: [&str; 8] = [
    "netmon_dns_ingress",
    "netmon_dns_egress",
    "netmon_stream_ingress",
    "netmon_stream_egress",
    "netmon_read_stream",
    "netmon_attempt_ingress",
    "netmon_attempt_egress",
    "netmon_attempt_answered",
];

/// Those that read DNS, and those that look at attempts to connect.
pub(super) const DNS: Range<usize> = 0..5;
/// See [`DNS`].
pub(super) const ATTEMPTS: Range<usize> = 5..8;

/// The map. The kernel empties it when nobody has it any more.
pub(super) struct Table(ProgramArray<MapData>);

impl Table {
    /// Takes the map out of the object.
    ///
    /// # Errors
    ///
    /// When the object lacks it, which only a broken build can bring about.
    pub(super) fn open(ebpf: &mut Ebpf) -> Result<Self, KernelError> {
        let map = ebpf.take_map("PROGRAMS").ok_or_else(|| missing("PROGRAMS"))?;
        let map = ProgramArray::try_from(map);
        map.map(Self).map_err(|error| KernelError::of("opening eBPF maps", &error))
    }

    /// Loads some of the programs: all of them or, as half of them would count half, none,
    /// and then why.
    pub(super) fn load(
        &mut self,
        ebpf: &mut Ebpf,
        which: Range<usize>,
        forbidden: bool,
    ) -> Option<KernelError> {
        if forbidden {
            return Some(KernelError::Forbidden);
        }
        let programs = || (0..).zip(PROGRAMS).take(which.end).skip(which.start);
        let refused =
            programs().find_map(|(index, name)| enter(ebpf, &mut self.0, index, name).err());
        if refused.is_some() {
            for (index, _) in programs() {
                let _ = self.0.clear_index(&index);
            }
        }
        refused
    }
}

fn enter(
    ebpf: &mut Ebpf,
    table: &mut ProgramArray<MapData>,
    index: u32,
    name: &str,
) -> Result<(), KernelError> {
    let failed =
        |error: &ProgramError| KernelError::of(&format!("loading the TC program {name}"), error);
    let program = ebpf.program_mut(name).ok_or_else(|| failed(&ProgramError::NotLoaded))?;
    let program: &mut SchedClassifier = program.try_into().map_err(|error| failed(&error))?;
    program.load().map_err(|error| failed(&error))?;
    let descriptor = program.fd().map_err(|error| failed(&error))?;
    table
        .set(index, descriptor, 0)
        .map_err(|error| KernelError::of("writing the table of programs", &error))
}

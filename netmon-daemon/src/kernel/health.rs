//! How the hooks fare and how full the maps are, for people and for metrics.

use std::fs;

use aya::Ebpf;
use netmon_common::abi::{labels::Direction, service::SERVICES, slot::DEVICE_SLOTS};

use super::{Kernel, object, tc::Grip};
use crate::view::{HookHealth, MapUse, Run};

/// What the kernel knows about a loaded program.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Figures {
    /// Instructions that the verifier walked through.
    pub(super) verified_instructions: Option<u32>,
    /// Runs and time, while the kernel measures them.
    pub(super) run: Option<Run>,
}

impl Kernel {
    /// How every hook fares, TC first, then in the order of the hook table.
    pub fn health(&self) -> Vec<HookHealth> {
        let timed = timing_is_on();
        let tc = Direction::ALL.iter().map(|direction| self.tc_health(*direction, timed));
        tc.chain(self.hooks.iter().map(|hook| hook.health(&self.ebpf, timed))).collect()
    }

    /// How full the maps are.
    pub fn maps(&self) -> Vec<MapUse> {
        let services = self.tables.known();
        vec![
            MapUse {
                map: "slots",
                entries: self.slots.used(),
                capacity: u64::from(DEVICE_SLOTS),
                update_failures: self.slots.failures(),
            },
            MapUse {
                map: "services",
                entries: services.used(),
                capacity: u64::from(SERVICES - 1),
                update_failures: services.failures(),
            },
        ]
    }

    fn tc_health(&self, direction: Direction, timed: bool) -> HookHealth {
        let at = direction.index();
        let mut grips = self.devices.values().filter_map(|watched| watched.grips.get(at)?.as_ref());
        let figures = Figures::of(&self.ebpf, object::tc_program(direction), timed);
        let (program, measures) = match direction {
            Direction::Ingress => ("tc_ingress", "packets that devices receive"),
            Direction::Egress => ("tc_egress", "packets that devices send"),
        };
        HookHealth {
            program,
            measures,
            mechanism: grips.next().map(Grip::mechanism),
            refused: self.refused.get(at).cloned().unwrap_or_default(),
            verified_instructions: figures.verified_instructions,
            run: figures.run,
        }
    }
}

impl Figures {
    /// The figures of a program of the object; `timed` says whether the kernel
    /// measures how long programs run.
    pub(super) fn of(ebpf: &Ebpf, program: &str, timed: bool) -> Self {
        let Some(info) = ebpf.program(program).and_then(|program| program.info().ok()) else {
            return Self::default();
        };
        Self {
            verified_instructions: info.verified_instruction_count(),
            run: timed.then(|| Run { count: info.run_count(), time: info.run_time() }),
        }
    }
}

/// Whether the kernel measures how long programs run.
fn timing_is_on() -> bool {
    fs::read_to_string("/proc/sys/kernel/bpf_stats_enabled").is_ok_and(|text| text.trim() != "0")
}

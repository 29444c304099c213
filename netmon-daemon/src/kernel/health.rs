//! How the hooks fare and how full the maps are, for people and for metrics.

use std::{fs, os::fd::AsFd as _};

use aya::Ebpf;
use netmon_common::abi::{labels::Direction, service::SERVICES, slot::DEVICE_SLOTS};

use super::{
    Kernel, KernelError, attempts, dns, object, sys, tail_call,
    tc::{self, Grip},
    tracing,
};
use crate::{
    signal::Signal,
    view::{HookHealth, MapUse, Run},
};

/// What the kernel knows about a loaded program.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Figures {
    /// Instructions that the verifier walked through.
    pub(super) verified_instructions: Option<u32>,
    /// Runs and time, while the kernel measures them.
    pub(super) run: Option<Run>,
    /// Events for which it was not run.
    pub(super) missed: Option<u64>,
}

impl Kernel {
    /// How every hook fares, TC first, then in the order of the hook table.
    pub fn health(&self) -> Vec<HookHealth> {
        let timed = timing_is_on();
        let mut health: Vec<HookHealth> =
            Direction::ALL.iter().map(|direction| self.tc_health(*direction, timed)).collect();
        match &self.programs {
            Ok(programs) => {
                let hooks = programs.hooks.iter();
                health.extend(hooks.map(|hook| hook.health(&programs.ebpf, timed)));
                health.extend(programs.sock_ops.health(&programs.ebpf, timed));
                health.push(handed_on(
                    dns::HOOK,
                    "DNS messages, in datagrams and streams",
                    &[Signal::DnsNames, Signal::DnsNameSample],
                    programs.dns.refused(),
                ));
                health.push(handed_on(
                    attempts::HOOK,
                    "who asks for connections, and who is answered",
                    &[Signal::Attempts, Signal::ForwardedHandshakes],
                    programs.attempts.refused(),
                ));
            }
            Err(error) => health.extend(tracing::refused_all(error, self.release)),
        }
        health
    }

    /// How full the maps are.
    pub fn maps(&self) -> Vec<MapUse> {
        let Ok(programs) = &self.programs else { return Vec::new() };
        let services = programs.tables.known();
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
        let (figures, error) = match &self.programs {
            Ok(programs) => (
                Figures::of(&programs.ebpf, object::tc_program(direction), timed),
                programs.tc.get(at).and_then(Option::as_ref),
            ),
            Err(error) => (Figures::default(), Some(error)),
        };
        let refused = match error {
            Some(error) => vec![error.refusal(tc::BEST)],
            None => self.refused.get(at).cloned().unwrap_or_default(),
        };
        HookHealth {
            program: object::tc_hook(direction),
            measures: match direction {
                Direction::Ingress => "packets that devices receive",
                Direction::Egress => "packets that devices send",
            },
            feeds: &[Signal::Packets],
            mechanism: grips.next().map(Grip::mechanism),
            refused,
            verified_instructions: figures.verified_instructions,
            run: figures.run,
            // A program of TC is not held up by another.
            missed: None,
        }
    }
}

impl Figures {
    /// Those of a program and of the second one, which does its work where it is skipped:
    /// an event is missed when both are.
    pub(super) fn and_again(self, second: Self) -> Self {
        let run = self.run.zip(second.run);
        Self {
            run: run.map(|(run, more)| Run { count: run.count, time: run.time + more.time }),
            missed: self.missed.zip(second.missed).map(|(missed, both)| missed.min(both)),
            ..self
        }
    }

    /// The figures of a program of the object; `timed` says whether the kernel
    /// measures how long programs run.
    pub(super) fn of(ebpf: &Ebpf, program: &str, timed: bool) -> Self {
        let Some(program) = ebpf.program(program) else { return Self::default() };
        let Ok(info) = program.info() else { return Self::default() };
        let missed = program.fd().ok().and_then(|program| sys::missed(program.as_fd()).ok()?);
        Self {
            verified_instructions: info.verified_instruction_count(),
            run: timed.then(|| Run { count: info.run_count(), time: info.run_time() }),
            missed,
        }
    }
}

/// How programs fare to which packets are handed on.
fn handed_on(
    program: &'static str,
    measures: &'static str,
    feeds: &'static [Signal],
    refused: Option<&KernelError>,
) -> HookHealth {
    HookHealth {
        program,
        measures,
        feeds,
        mechanism: refused.is_none().then_some(tail_call::MECHANISM),
        refused: refused.map(|error| error.refusal(tail_call::MECHANISM)).into_iter().collect(),
        // There are several of them, of which none is attached by itself.
        verified_instructions: None,
        run: None,
        missed: None,
    }
}

/// Whether the kernel measures how long programs run.
fn timing_is_on() -> bool {
    fs::read_to_string("/proc/sys/kernel/bpf_stats_enabled").is_ok_and(|text| text.trim() != "0")
}

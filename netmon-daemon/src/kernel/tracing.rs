//! Attaching the hooks of the TCP stack, each on the best rung that works.

use aya::{
    Ebpf,
    programs::{BtfTracePoint, KProbe, Program, ProgramError, RawTracePoint},
};

use super::{
    error::reason,
    health::Figures,
    hooks::{HOOKS, Hook, Probes, Rung},
    object::Object,
};
use crate::{
    signal::Signal,
    view::{HookHealth, Refusal},
};

/// A hook and what became of it.
pub(super) struct Attached {
    hook: &'static Hook,
    rung: Option<Rung>,
    refused: Vec<Refusal>,
}

/// Attaches every hook of the table.
pub(super) fn attach_all(object: &mut Object, kernel: (u32, u32)) -> Vec<Attached> {
    HOOKS.iter().map(|hook| Attached::climb(hook, object, kernel)).collect()
}

impl Attached {
    /// Tries the rungs of a hook, best first.
    fn climb(hook: &'static Hook, object: &mut Object, kernel: (u32, u32)) -> Self {
        let mut refused = Vec::new();
        for rung in hook.ladder(kernel) {
            match attach(hook, rung, object) {
                Ok(()) => return Self { hook, rung: Some(rung), refused },
                Err(why) => refused.push(Refusal {
                    mechanism: rung.label(),
                    fix: fix(rung, &why).to_owned(),
                    why,
                }),
            }
        }
        Self { hook, rung: None, refused }
    }

    /// What is measured, and by which mechanism.
    pub(super) fn feeds(&self) -> impl Iterator<Item = (Signal, &'static str)> {
        self.rung
            .into_iter()
            .flat_map(|rung| self.hook.feeds.iter().map(move |signal| (*signal, rung.label())))
    }

    /// How the hook fares.
    pub(super) fn health(&self, ebpf: &Ebpf, timed: bool) -> HookHealth {
        let figures = self
            .rung
            .map(|rung| Figures::of(ebpf, &self.hook.program(rung), timed))
            .unwrap_or_default();
        HookHealth {
            program: self.hook.name,
            measures: self.hook.measures,
            mechanism: self.rung.map(Rung::label),
            refused: self.refused.clone(),
            verified_instructions: figures.verified_instructions,
            run: figures.run,
        }
    }
}

fn attach(hook: &Hook, rung: Rung, object: &mut Object) -> Result<(), String> {
    if let Some(member) = object.members.missing(hook.reads) {
        let types = if object.btf.is_some() { "types have no" } else { "BTF does not tell of" };
        return Err(format!("the kernel's {types} {}", member.label()));
    }
    let name = hook.program(rung);
    match rung {
        Rung::TpBtf => {
            let btf =
                object.btf.as_ref().ok_or("the kernel does not describe its types (no BTF)")?;
            attach_tp_btf(program(&mut object.ebpf, &name)?, hook, btf)
        }
        Rung::RawTp => attach_raw_tp(program(&mut object.ebpf, &name)?, hook),
        Rung::Kprobe => return attach_kprobes(&mut object.ebpf, &hook.probes),
    }
    .map_err(|error| reason(&error))
}

fn program<'a>(ebpf: &'a mut Ebpf, name: &str) -> Result<&'a mut Program, String> {
    ebpf.program_mut(name).ok_or_else(|| format!("the object has no {name}"))
}

fn attach_tp_btf(program: &mut Program, hook: &Hook, btf: &aya::Btf) -> Result<(), ProgramError> {
    let program: &mut BtfTracePoint = program.try_into()?;
    program.load(hook.tracepoint, btf)?;
    program.attach().map(drop)
}

fn attach_raw_tp(program: &mut Program, hook: &Hook) -> Result<(), ProgramError> {
    let program: &mut RawTracePoint = program.try_into()?;
    program.load()?;
    program.attach(hook.tracepoint).map(drop)
}

/// Attaches kprobes to the functions that exist. The error of the first one is told,
/// because it is the one of this kernel or as good as any.
fn attach_kprobes(ebpf: &mut Ebpf, probes: &Probes) -> Result<(), String> {
    let (probes, most) = match probes {
        Probes::All(probes) => (probes, usize::MAX),
        Probes::First(probes) => (probes, 1),
    };
    let mut attached = 0;
    let mut refused = None;
    for (position, (function, name)) in probes.iter().enumerate() {
        match attach_kprobe(program(ebpf, name)?, function) {
            Ok(()) => attached += 1,
            Err(error) if position == 0 && most > 1 => return Err(reason(&error)),
            Err(error) => refused = refused.or(Some(error)),
        }
        if attached == most {
            break;
        }
    }
    match refused {
        Some(error) if attached == 0 => Err(reason(&error)),
        _ => Ok(()),
    }
}

fn attach_kprobe(program: &mut Program, function: &str) -> Result<(), ProgramError> {
    let program: &mut KProbe = program.try_into()?;
    match program.load() {
        // One program may hang on several functions.
        Ok(()) | Err(ProgramError::AlreadyLoaded) => {}
        Err(error) => return Err(error),
    }
    program.attach(function, 0).map(drop)
}

fn fix(rung: Rung, why: &str) -> &'static str {
    match rung {
        _ if why.contains("ermi") => "give the service CAP_BPF and CAP_PERFMON",
        Rung::TpBtf => "use a kernel with CONFIG_DEBUG_INFO_BTF that has this tracepoint",
        Rung::RawTp => "use a kernel that has this tracepoint",
        Rung::Kprobe => "use a kernel with CONFIG_KPROBE_EVENTS",
    }
}

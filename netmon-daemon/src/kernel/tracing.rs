//! Attaching the hooks of the TCP stack, each on the best rung that works.

use aya::{
    Ebpf,
    programs::{BtfTracePoint, KProbe, Program, ProgramError, RawTracePoint, links::FdLink},
};

use super::{
    Change, Forbidden, KernelError,
    anchor::{Anchor, TAKEN_AWAY},
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
    /// The best rung that worked.
    rung: Option<Rung>,
    /// What holds the program there; empty after somebody took it away.
    anchors: Vec<Anchor>,
    refused: Vec<Refusal>,
}

/// Attaches every hook of the table.
pub(super) fn attach_all(
    object: &mut Object,
    forbidden: &Forbidden,
    kernel: (u32, u32),
) -> Vec<Attached> {
    let climb = |hook: &'static Hook| {
        if forbidden.has(hook.name) {
            return Attached::refused(hook, &KernelError::Forbidden, kernel);
        }
        Attached::climb(hook, object, kernel)
    };
    HOOKS.iter().map(climb).collect()
}

/// How every hook of the table fares when there can be no program at all.
pub(super) fn refused_all(error: &KernelError, kernel: (u32, u32)) -> Vec<HookHealth> {
    HOOKS
        .iter()
        .map(|hook| Attached::refused(hook, error, kernel).describe(Figures::default()))
        .collect()
}

impl Attached {
    /// Tries the rungs of a hook, best first.
    fn climb(hook: &'static Hook, object: &mut Object, kernel: (u32, u32)) -> Self {
        let mut refused = Vec::new();
        for rung in hook.ladder(kernel) {
            match attach(hook, rung, object) {
                Ok(anchors) => return Self { hook, rung: Some(rung), anchors, refused },
                Err(why) => refused.push(Refusal {
                    mechanism: rung.label(),
                    fix: fix(rung, &why).to_owned(),
                    why,
                }),
            }
        }
        Self { hook, rung: None, anchors: Vec::new(), refused }
    }

    /// A hook that is not even tried.
    fn refused(hook: &'static Hook, error: &KernelError, kernel: (u32, u32)) -> Self {
        let [best, ..] = hook.ladder(kernel);
        let refused = vec![error.refusal(best.label())];
        Self { hook, rung: None, anchors: Vec::new(), refused }
    }

    /// The rung that is in use.
    fn in_use(&self) -> Option<Rung> {
        self.rung.filter(|_| !self.anchors.is_empty())
    }

    /// Finds out whether somebody took the program away, and attaches it again at the
    /// next call after that: in between it is told that events were lost.
    pub(super) fn check(&mut self, ebpf: &mut Ebpf) -> Option<Change> {
        let (program, rung) = (self.hook.name, self.rung?);
        if self.anchors.is_empty() {
            self.anchors = hold(self.hook, rung, ebpf).ok()?;
            return Some(Change::Back { program });
        }
        let lost = self.anchors.iter().any(Anchor::is_lost);
        lost.then(|| {
            self.anchors.clear();
            Change::Lost { program }
        })
    }

    /// What is measured, and by which mechanism.
    pub(super) fn feeds(&self) -> impl Iterator<Item = (Signal, &'static str)> {
        self.in_use()
            .into_iter()
            .flat_map(|rung| self.hook.feeds.iter().map(move |signal| (*signal, rung.label())))
    }

    /// How the hook fares.
    pub(super) fn health(&self, ebpf: &Ebpf, timed: bool) -> HookHealth {
        let figures = self.rung.map(|rung| {
            let programs = self.hook.programs(rung);
            let mut all = programs.iter().map(|name| Figures::of(ebpf, name, timed));
            let first = all.next().unwrap_or_default();
            all.fold(first, Figures::and_again)
        });
        let figures = figures.unwrap_or_default();
        self.describe(figures)
    }

    fn describe(&self, figures: Figures) -> HookHealth {
        let mut refused = self.refused.clone();
        let lost = self.rung.filter(|_| self.anchors.is_empty());
        refused.extend(lost.map(|rung| Refusal {
            mechanism: rung.label(),
            why: TAKEN_AWAY.to_owned(),
            fix: "find out who did it; it is attached again by itself".to_owned(),
        }));
        HookHealth {
            program: self.hook.name,
            measures: self.hook.measures,
            feeds: self.hook.feeds,
            mechanism: self.in_use().map(Rung::label),
            refused,
            verified_instructions: figures.verified_instructions,
            run: figures.run,
            missed: figures.missed,
        }
    }
}

/// Loads the program of a rung and attaches it.
fn attach(hook: &Hook, rung: Rung, object: &mut Object) -> Result<Vec<Anchor>, String> {
    if let Some(member) = object.members.missing(hook.reads) {
        let types = if object.btf.is_some() { "types have no" } else { "BTF does not tell of" };
        return Err(format!("the kernel's {types} {}", member.label()));
    }
    if rung == Rung::TpBtf && object.btf.is_none() {
        return Err("the kernel does not describe its types (no BTF)".to_owned());
    }
    for name in hook.programs(rung) {
        let loaded = match (rung, &object.btf) {
            (Rung::TpBtf, Some(btf)) => {
                <&mut BtfTracePoint>::try_from(program(&mut object.ebpf, &name)?)
                    .and_then(|program| program.load(hook.tracepoint, btf))
            }
            (Rung::RawTp, _) => <&mut RawTracePoint>::try_from(program(&mut object.ebpf, &name)?)
                .and_then(RawTracePoint::load),
            // Kprobes are loaded one by one, as long as they are wanted.
            (Rung::Kprobe | Rung::TpBtf, _) => Ok(()),
        };
        loaded.map_err(|error| reason(&error))?;
    }
    hold(hook, rung, &mut object.ebpf)
}

/// Attaches what is loaded.
fn hold(hook: &Hook, rung: Rung, ebpf: &mut Ebpf) -> Result<Vec<Anchor>, String> {
    let hold = |name: String| match rung {
        Rung::TpBtf => hold_tp_btf(program(ebpf, &name)?).map_err(|error| reason(&error)),
        _ => hold_raw_tp(program(ebpf, &name)?, hook).map_err(|error| reason(&error)),
    };
    match rung {
        Rung::Kprobe => hold_kprobes(ebpf, &hook.probes),
        Rung::TpBtf | Rung::RawTp => hook.programs(rung).into_iter().map(hold).collect(),
    }
}

fn program<'a>(ebpf: &'a mut Ebpf, name: &str) -> Result<&'a mut Program, String> {
    ebpf.program_mut(name).ok_or_else(|| format!("the object has no {name}"))
}

fn hold_tp_btf(program: &mut Program) -> Result<Anchor, ProgramError> {
    let program: &mut BtfTracePoint = program.try_into()?;
    let link = program.attach()?;
    Anchor::aya(program.take_link(link)?.into())
}

fn hold_raw_tp(program: &mut Program, hook: &Hook) -> Result<Anchor, ProgramError> {
    let program: &mut RawTracePoint = program.try_into()?;
    let link = program.attach(hook.tracepoint)?;
    Anchor::aya(program.take_link(link)?.into())
}

/// Attaches kprobes to the functions that exist. The error of the first one is told,
/// because it is the one of this kernel or as good as any.
fn hold_kprobes(ebpf: &mut Ebpf, probes: &Probes) -> Result<Vec<Anchor>, String> {
    let (probes, most) = match probes {
        Probes::All(probes) => (probes, usize::MAX),
        Probes::First(probes) => (probes, 1),
    };
    let mut anchors = Vec::new();
    let mut refused = None;
    for (position, (function, name)) in probes.iter().enumerate() {
        match hold_kprobe(program(ebpf, name)?, function) {
            Ok(anchor) => anchors.push(anchor),
            Err(error) if position == 0 && most > 1 => return Err(reason(&error)),
            Err(error) => refused = refused.or(Some(error)),
        }
        if anchors.len() == most {
            break;
        }
    }
    match refused {
        Some(error) if anchors.is_empty() => Err(reason(&error)),
        _ => Ok(anchors),
    }
}

fn hold_kprobe(program: &mut Program, function: &str) -> Result<Anchor, ProgramError> {
    let program: &mut KProbe = program.try_into()?;
    match program.load() {
        // One program may hang on several functions.
        Ok(()) | Err(ProgramError::AlreadyLoaded) => {}
        Err(error) => return Err(error),
    }
    let link = program.attach(function, 0)?;
    if let Ok(link) = FdLink::try_from(program.take_link(link)?) {
        return Anchor::aya(link);
    }
    // Before Linux 5.15 there is no link, and trying to make one of it lets the kprobe
    // go.
    let link = program.attach(function, 0)?;
    Ok(Anchor::kprobe(program.take_link(link)?))
}

fn fix(rung: Rung, why: &str) -> &'static str {
    match rung {
        _ if why.contains("ermi") => "give the service CAP_BPF and CAP_PERFMON",
        Rung::TpBtf => "use a kernel with CONFIG_DEBUG_INFO_BTF that has this tracepoint",
        Rung::RawTp => "use a kernel that has this tracepoint",
        Rung::Kprobe => "use a kernel with CONFIG_KPROBE_EVENTS",
    }
}

//! `netmon doctor`: what this kernel and these privileges allow.

use std::io::Write;

use clap::Args;
use serde_json::{Value, json};

use super::exit::{Exit, Failure};
use crate::{
    config::{Config, Interfaces, Pattern},
    engine::{Live, LiveError},
    printable::Printable,
    source::Source as _,
    view::{HookHealth, Refusal, SignalHealth},
};

/// Arguments of `netmon doctor`.
#[derive(Args, Clone, Copy, Debug)]
pub struct Arguments {
    /// For scripts
    #[arg(long)]
    json: bool,
}

/// Loads every program, attaches it where a moment does no harm (TC at the
/// loopback device only), says how that went, and detaches again.
///
/// # Errors
///
/// When packets cannot be counted at all, or the report not be written.
pub fn run(arguments: &Arguments, out: &mut dyn Write) -> Result<Exit, Failure> {
    let interfaces = Interfaces { include: vec![Pattern::loopback()], ..Interfaces::default() };
    let config = Config { interfaces, ..Config::default() };
    let forbidden = super::forbidden()?;
    let (hooks, signals, refusal) = super::block_on(async {
        let mut live = Live::start(&config, &forbidden).await?;
        let snapshot = live.snapshot()?;
        let signals = snapshot.map(|snapshot| live.signals(&snapshot)).unwrap_or_default();
        Ok::<_, LiveError>((live.health(), signals, live.refusal().cloned()))
    })??;
    if arguments.json {
        let hooks: Vec<Value> = hooks.iter().map(to_json).collect();
        let signals: Vec<Value> = signals.iter().map(signal_to_json).collect();
        writeln!(out, "{}", json!({"version": 1, "hooks": hooks, "signals": signals}))?;
    } else {
        hooks.iter().try_for_each(|hook| write_hook(hook, out))?;
        writeln!(out, "\nsignals, where they come from, and what would be better:")?;
        signals.iter().try_for_each(|signal| write_signal(signal, out))?;
    }
    if let Some(error) = refusal {
        return Err(error.into());
    }
    // Without TC there is nothing to count; any other hook may be missing.
    let blind =
        hooks.iter().any(|hook| hook.program.starts_with("tc_") && hook.mechanism.is_none());
    Ok(if blind { Exit::Unavailable } else { Exit::Success })
}

/// A hook for people: what it measures and how, then what is in the way of
/// better.
pub(super) fn write_hook(hook: &HookHealth, out: &mut dyn Write) -> std::io::Result<()> {
    let mechanism = hook.mechanism.unwrap_or("MISSING");
    writeln!(out, "{:<18} {mechanism:<8} {}", hook.program, hook.measures)?;
    write_refused(&hook.refused, 18, out)
}

/// A signal for people: its source, and what is in the way of better.
fn write_signal(signal: &SignalHealth, out: &mut dyn Write) -> std::io::Result<()> {
    let name = signal.signal.label();
    match (signal.source, signal.rung()) {
        (Some(source), Some(1)) => writeln!(out, "{name:<20} {source:<10} the best there is")?,
        (Some(source), Some(rung)) => writeln!(out, "{name:<20} {source:<10} rung {rung}")?,
        _ => writeln!(out, "{name:<20} {:<10} not measured", "MISSING")?,
    }
    write_refused(&signal.better, 20, out)
}

fn write_refused(refused: &[Refusal], indent: usize, out: &mut dyn Write) -> std::io::Result<()> {
    for refusal in refused {
        let (why, fix) = (Printable(&refusal.why), Printable(&refusal.fix));
        writeln!(out, "{:<indent$} not {}: {why}; to mend it: {fix}", "", refusal.mechanism)?;
    }
    Ok(())
}

fn signal_to_json(signal: &SignalHealth) -> Value {
    json!({
        "signal": signal.signal.label(),
        "source": signal.source,
        "rung": signal.rung(),
        "better": refused_to_json(&signal.better),
    })
}

fn refused_to_json(refused: &[Refusal]) -> Vec<Value> {
    let to_json = |it: &Refusal| json!({"mechanism": it.mechanism, "why": it.why, "fix": it.fix});
    refused.iter().map(to_json).collect()
}

fn to_json(hook: &HookHealth) -> Value {
    let refused = refused_to_json(&hook.refused);
    json!({
        "program": hook.program,
        "measures": hook.measures,
        "mechanism": hook.mechanism,
        "refused": refused,
        "verified_instructions": hook.verified_instructions,
    })
}

//! `netmon doctor`: what this kernel and these privileges allow.

use std::io::Write;

use clap::Args;
use serde_json::{Value, json};

use super::exit::{Exit, Failure};
use crate::{
    config::{Config, Interfaces, Pattern},
    engine::Live,
    printable::Printable,
    view::HookHealth,
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
    let (hooks, refusal) = super::block_on(async {
        let live = Live::start(&config, &forbidden).await?;
        Ok::<_, crate::engine::LiveError>((live.health(), live.refusal().cloned()))
    })??;
    if arguments.json {
        let hooks: Vec<Value> = hooks.iter().map(to_json).collect();
        writeln!(out, "{}", json!({"version": 1, "hooks": hooks}))?;
    } else {
        hooks.iter().try_for_each(|hook| write_hook(hook, out))?;
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
    for refusal in &hook.refused {
        let (why, fix) = (Printable(&refusal.why), Printable(&refusal.fix));
        writeln!(out, "{:<18} not {}: {why}; to mend it: {fix}", "", refusal.mechanism)?;
    }
    Ok(())
}

fn to_json(hook: &HookHealth) -> Value {
    let refused: Vec<Value> = hook
        .refused
        .iter()
        .map(|it| json!({"mechanism": it.mechanism, "why": it.why, "fix": it.fix}))
        .collect();
    json!({
        "program": hook.program,
        "measures": hook.measures,
        "mechanism": hook.mechanism,
        "refused": refused,
        "verified_instructions": hook.verified_instructions,
    })
}

//! `netmon doctor`: what this kernel and these privileges allow.

use std::io::Write;

use clap::Args;

use super::exit::{Exit, Failure};

/// Arguments of `netmon doctor`.
#[derive(Args, Clone, Copy, Debug)]
pub struct Arguments {
    /// For scripts
    #[arg(long)]
    json: bool,
}

/// Examines the host.
///
/// # Errors
///
/// When the report cannot be written.
pub fn run(arguments: &Arguments, _out: &mut dyn Write) -> Result<Exit, Failure> {
    let _ = arguments.json;
    // WIRE(kernel): crate::kernel probes each hook and prints a line for each.
    Err(Failure::Unavailable("doctor: not built yet".to_owned()))
}

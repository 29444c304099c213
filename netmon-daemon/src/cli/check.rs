//! `netmon check`: the effective configuration, and who set what in it.

use std::io::Write;

use clap::Args;

use super::{
    ConfigFile,
    exit::{Exit, Failure},
};
use crate::{
    config::{DEFAULT_FILE, Origin, Overrides, sections},
    printable::Printable,
};

/// Arguments of `netmon check`.
#[derive(Args, Clone, Debug)]
pub struct Arguments {
    #[command(flatten)]
    config: ConfigFile,
    /// Also load, attach and detach every program; needs the privileges of `run`
    #[arg(long)]
    attach: bool,
}

/// Validates the configuration and prints the effective one as TOML, each value
/// that is no default with its origin behind it.
///
/// # Errors
///
/// When the configuration is wrong, or a program cannot be attached.
pub fn run(arguments: &Arguments, out: &mut dyn Write) -> Result<Exit, Failure> {
    let loaded = arguments.config.load(&Overrides::default())?;
    match &loaded.file {
        Some(file) => {
            writeln!(out, "# {} is valid.", Printable(&file.to_string_lossy()))?;
        }
        None => writeln!(out, "# There is no {DEFAULT_FILE}, which is fine.")?,
    }
    for place in sections() {
        writeln!(out, "\n[{}]", place.path)?;
        for key in place.keys {
            let Some(value) = loaded.config.value(place.path, key.name) else { continue };
            write!(out, "{} = {value}", key.name)?;
            match loaded.origin(&format!("{}.{}", place.path, key.name)) {
                Origin::Default => writeln!(out)?,
                origin => writeln!(out, "  # {origin}")?,
            }
        }
    }
    if arguments.attach {
        // WIRE(kernel): load, attach and detach every program, a line for each.
        return Err(Failure::Unavailable("check --attach: not built yet".to_owned()));
    }
    Ok(Exit::Success)
}

//! `netmon check`: the effective configuration, and who set what in it.

use std::{
    io::Write,
    time::{SystemTime, UNIX_EPOCH},
};

use clap::Args;

use super::{
    ConfigFile, doctor,
    exit::{Exit, Failure},
};
use crate::{
    config::{Config, DEFAULT_FILE, Origin, Overrides, sections},
    engine::{Live, LiveError},
    printable::Printable,
    source::Source as _,
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
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    for entry in loaded.config.expired(now) {
        writeln!(out, "# This is over and does nothing: {}", Printable(&entry))?;
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
        attach(&loaded.config, out)?;
    }
    Ok(Exit::Success)
}

/// Attaches every program at every device that is picked, says how, and detaches
/// again.
fn attach(config: &Config, out: &mut dyn Write) -> Result<(), Failure> {
    let forbidden = super::forbidden()?;
    let (hooks, refusal, snapshot) = super::block_on(async {
        let mut live = Live::start(config, &forbidden).await?;
        let snapshot = live.snapshot()?;
        Ok::<_, LiveError>((live.health(), live.refusal().cloned(), snapshot))
    })??;
    writeln!(out)?;
    for hook in &hooks {
        doctor::write_hook(hook, out)?;
    }
    let devices = snapshot.map_or_else(Vec::new, |snapshot| snapshot.devices);
    let mut failed = Vec::new();
    for device in &devices {
        let name = Printable(&device.name);
        match &device.counting {
            Ok(()) => writeln!(out, "{name}: counting")?,
            Err(why) => {
                writeln!(out, "{name}: NOT counting: {}", Printable(why))?;
                failed.push(name.to_string());
            }
        }
    }
    if let Some(error) = refusal {
        return Err(error.into());
    }
    match (devices.is_empty(), failed.as_slice()) {
        (true, _) => Err(Failure::Run(
            "no device matches interfaces.include: nothing would be counted".to_owned(),
        )),
        (false, []) => Ok(()),
        (false, failed) => Err(Failure::Unavailable(format!(
            "packets cannot be counted at {}: see the reasons above",
            failed.join(", ")
        ))),
    }
}

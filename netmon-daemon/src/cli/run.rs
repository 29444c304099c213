//! `netmon run`: the daemon.

use clap::Args;

use super::{
    ConfigFile,
    exit::{Exit, Failure},
};
use crate::{
    config::{Address, Overrides, Pattern},
    engine, log,
};

/// Arguments of `netmon run`.
#[derive(Args, Clone, Debug)]
pub struct Arguments {
    #[command(flatten)]
    config: ConfigFile,
    /// Serve here instead of `web.listen`; may be repeated
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Vec<Address>,
    /// Watch these devices instead of `interfaces.include`; may be repeated
    #[arg(long, value_name = "GLOB")]
    interface: Vec<Pattern>,
}

impl Arguments {
    /// What the command line says instead of the configuration.
    fn overrides(&self) -> Overrides {
        Overrides { listen: self.listen.clone(), interfaces: self.interface.clone() }
    }
}

/// Runs until a signal ends it.
///
/// # Errors
///
/// When the configuration is wrong or the daemon cannot start.
pub fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let load = || arguments.config.load(&arguments.overrides());
    let loaded = load()?;
    let forbidden = super::forbidden()?;
    let journal_stream = std::env::var("JOURNAL_STREAM").ok();
    let log = log::start(&loaded.config.log, journal_stream.as_deref()).map_err(Failure::Run)?;
    let reload = || load().map_err(|failure| failure.to_string());
    // One thread: a tick is well below a millisecond, and so is a scrape.
    super::block_on(engine::run(loaded, &forbidden, &reload, &log))??;
    Ok(Exit::Success)
}

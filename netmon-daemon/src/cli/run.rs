//! `netmon run`: the daemon.

use clap::Args;

use super::{
    ConfigFile,
    exit::{Exit, Failure},
};
use crate::{
    config::{Address, Overrides, Pattern},
    log,
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
    let loaded = arguments.config.load(&arguments.overrides())?;
    let journal_stream = std::env::var("JOURNAL_STREAM").ok();
    let _log = log::start(&loaded.config.log, journal_stream.as_deref()).map_err(Failure::Run)?;
    // WIRE(engine): crate::engine::run(loaded, log, reload), where reload is
    // || arguments.config.load(&arguments.overrides()), for SIGHUP; log follows
    // a reload by log.set_level.
    Err(Failure::Unavailable("run: not built yet".to_owned()))
}

//! `netmon print`: what is generated from the code.

use std::io::Write;

use clap::{Args, ValueEnum};

use super::exit::{Exit, Failure};
use crate::{generate, metrics};

/// Arguments of `netmon print`.
#[derive(Args, Clone, Copy, Debug)]
pub struct Arguments {
    /// What to print
    #[arg(value_enum)]
    what: What,
}

/// What can be printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum What {
    /// The default configuration with a comment on every key (TOML)
    Config,
    /// Reference of the metrics: names, labels and caps (Markdown)
    Metrics,
    /// Reference of the red flags and their thresholds (Markdown)
    Detectors,
    /// Alert rules for Prometheus (YAML)
    Rules,
    /// Dashboard for Grafana (JSON)
    Dashboard,
}

/// Prints it.
///
/// # Errors
///
/// When it cannot be written.
pub fn run(arguments: &Arguments, out: &mut dyn Write) -> Result<Exit, Failure> {
    let text = match arguments.what {
        What::Config => generate::config(),
        What::Metrics => metrics::reference::reference(),
        What::Detectors => generate::detectors(),
        What::Rules => generate::rules(),
        What::Dashboard => generate::dashboard(),
    };
    out.write_all(text.as_bytes())?;
    Ok(Exit::Success)
}

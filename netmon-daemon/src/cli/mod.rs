//! The command line: one file per subcommand.
//!
//! Here arguments become values, and results become an exit status and at most
//! one line on standard error. Nothing below prints on its own.

pub mod check;
mod daemon;
pub mod doctor;
pub mod exit;
pub mod explain;
pub mod print;
pub mod replay;
pub mod run;

use std::{
    ffi::OsString,
    io::{self, Write},
    path::PathBuf,
};

use clap::{Args, Parser, Subcommand, error::ErrorKind};

use crate::{
    config::{Config, Loaded, Overrides},
    kernel::{FORBID, Forbidden},
    printable::Printable,
};
use exit::{Exit, Failure};

/// Sees the network of this host from inside the kernel and says what is wrong.
#[derive(Debug, Parser)]
#[command(name = "netmon", version, about, arg_required_else_help = false, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  netmon run                                   watch every device, serve 127.0.0.1:10199
  netmon run --interface 'eth*' --listen '[::]:10199'
  netmon check --config ./netmon.toml          is it valid, and what does it amount to?
  netmon doctor                                what can this kernel and these privileges do?
  netmon replay --fail-on warning day.pcap.gz  judge a capture, for scripts by exit status
  netmon explain syn_flood                     what does it mean, and what is to be done?
  netmon explain 3                             the same of red flag 3 of the running daemon
  netmon print config > netmon.toml            start a configuration

Exit status:
  0 success, 1 failure, 2 --fail-on matched, 64 wrong usage, 69 the kernel lacks
  what is needed, 77 not permitted, 78 wrong configuration";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the daemon; needs no configuration
    Run(run::Arguments),
    /// Validate the configuration and print what it amounts to
    Check(check::Arguments),
    /// Say what this kernel and these privileges allow, and how to mend the rest
    Doctor(doctor::Arguments),
    /// Judge capture files (pcap, pcapng, gzip) in packet time; needs no privilege
    Replay(replay::Arguments),
    /// Say what a red flag means, what speaks for it now, and how to tune it
    Explain(explain::Arguments),
    /// Print what is generated from the code
    Print(print::Arguments),
}

/// Where the configuration is.
#[derive(Args, Clone, Debug)]
pub struct ConfigFile {
    /// Configuration file; it must exist. Without this, /etc/netmon/netmon.toml
    /// is read if it exists
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl ConfigFile {
    /// The configuration from this file, the environment and `overrides`.
    ///
    /// # Errors
    ///
    /// When any of them is wrong: exit status 78.
    pub fn load(&self, overrides: &Overrides) -> Result<Loaded, Failure> {
        Ok(Config::load(self.config.as_deref(), std::env::vars_os(), overrides)?)
    }
}

/// Does what the arguments say. Everything goes to `out`, but for errors and
/// the log.
pub fn main(
    arguments: impl IntoIterator<Item = OsString>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Exit {
    let result = match Cli::try_parse_from(arguments) {
        Ok(cli) => dispatch(cli.command, out, err),
        Err(error) => explain(&error, out),
    };
    match result.and_then(|exit| Ok(out.flush().map(|()| exit)?)) {
        Ok(exit) => exit,
        // Whoever reads us has enough: `netmon print metrics | head -1`.
        Err(Failure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Success,
        Err(failure) => {
            // Nobody is left to tell when standard error is closed as well.
            let _ = writeln!(err, "netmon: {failure}");
            failure.exit()
        }
    }
}

/// The programs that the environment forbids.
///
/// # Errors
///
/// When it names something that is no program.
fn forbidden() -> Result<Forbidden, Failure> {
    let list = std::env::var_os(FORBID).unwrap_or_default();
    Forbidden::parse(&list.to_string_lossy())
        .map_err(|why| Failure::Usage(format!("environment variable {FORBID}: {why}")))
}

/// Runs to completion what has to wait for the kernel.
fn block_on<T>(future: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Run(format!("runtime: {error}")))?;
    Ok(runtime.block_on(future))
}

fn dispatch(command: Command, out: &mut dyn Write, err: &mut dyn Write) -> Result<Exit, Failure> {
    match command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Check(arguments) => check::run(&arguments, out),
        Command::Doctor(arguments) => doctor::run(&arguments, out),
        Command::Replay(arguments) => replay::run(&arguments, out, err),
        Command::Explain(arguments) => explain::run(&arguments, out),
        Command::Print(arguments) => print::run(&arguments, out),
    }
}

/// What clap has to say: help and version as they are, errors in one line.
fn explain(error: &clap::Error, out: &mut dyn Write) -> Result<Exit, Failure> {
    let text = error.render().to_string();
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        write!(out, "{text}")?;
        return Ok(Exit::Success);
    }
    // clap puts the error, tips and the usage into paragraphs of their own.
    let told = text.lines().map(str::trim).take_while(|line| !line.starts_with("Usage:"));
    let told: Vec<&str> = told
        .map(|line| line.trim_start_matches("error: ").trim_start_matches("tip: "))
        .filter(|line| !line.is_empty() && !line.starts_with("For more information"))
        .collect();
    let why = Printable(&told.join("; ").replace(":;", ":")).to_string();
    Err(Failure::Usage(format!("{why}; see netmon --help")))
}

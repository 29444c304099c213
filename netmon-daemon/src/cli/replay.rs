//! `netmon replay`: the verdict on capture files.
//!
//! The report goes to standard output, one line per file that is damaged or no
//! capture to standard error. A file that fails does not keep the others from
//! being judged.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};

use super::{
    ConfigFile,
    exit::{Exit, Failure},
};
use netmon_common::wire::dns::Ports;

use crate::{
    config::{Config, Overrides},
    detect::{self, Severity},
    flows::Flows,
    key::Key,
    names::Names,
    redflag::Board,
    replay::{
        self, Outcome, counters,
        report::{CaptureReport, FlagReport, Report},
    },
    source::capture::{self, Capture},
};

/// Arguments of `netmon replay`.
#[derive(Args, Clone, Debug)]
pub struct Arguments {
    #[command(flatten)]
    config: ConfigFile,
    /// Capture files: pcap or pcapng, plain or compressed with gzip
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// How the report looks
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// End with status 2 when a flag of this severity or a worse one was raised
    #[arg(long, value_name = "SEVERITY")]
    fail_on: Option<Severity>,
}

/// How the report looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// For scripts: [`Report`].
    Json,
}

/// Judges capture files as the arguments say; see [`replay()`].
///
/// # Errors
///
/// When the configuration is wrong or the report cannot be written.
pub fn run(
    arguments: &Arguments,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<Exit, Failure> {
    let Arguments { config, files, format, fail_on } = arguments;
    let config = config.load(&Overrides::default())?.config;
    Ok(replay(files, &config, *format, *fail_on, out, err)?)
}

/// Judges capture files.
///
/// The exit status is [`Exit::Failure`] when any file is no capture, as the
/// answer is then not complete; else [`Exit::Matched`] when a flag of at least
/// severity `fail_on` was raised. A capture that is damaged further on is no
/// failure: what could be read was judged, and the report says what could not.
///
/// # Errors
///
/// When the report cannot be written.
pub fn replay(
    files: &[PathBuf],
    config: &Config,
    format: Format,
    fail_on: Option<Severity>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<Exit> {
    let mut reports = Report::new();
    let mut failed = false;
    for file in files {
        match report(file, config, err)? {
            Ok(capture) => reports.captures.push(capture),
            Err(error) => {
                failed = true;
                writeln!(err, "netmon: {error}")?;
            }
        }
    }
    match format {
        Format::Text => reports.captures.iter().try_for_each(|capture| text(capture, out))?,
        Format::Json => {
            serde_json::to_writer_pretty(&mut *out, &reports)?;
            writeln!(out)?;
        }
    }
    out.flush()?;
    Ok(match fail_on {
        _ if failed => Exit::Failure,
        Some(severity) if reports.has_raised(severity) => Exit::Matched,
        _ => Exit::Success,
    })
}

/// Judges one capture file: what was read of it, and what there is to say.
///
/// # Errors
///
/// When nothing of the file can be understood.
pub fn judge(file: &Path, config: &Config) -> Result<(Capture, Outcome), capture::Error> {
    let mut capture = Capture::open(file)?
        .within(config.scopes.networks())
        .resolving(
            Names::of(config, Key::FIXED),
            config.dns.resolvers.iter().map(|resolver| resolver.0),
            Ports::with(config.dns.ports.iter().map(|port| port.0)),
        )
        .following(Flows::new(config, Key::FIXED));
    let mut board =
        Board::new(detect::enabled(&config.detectors)).silencing(config.red_flags.silences.clone());
    let Ok(outcome) = replay::run(&mut capture, &mut board);
    Ok((capture, outcome))
}

fn report(
    file: &Path,
    config: &Config,
    err: &mut dyn Write,
) -> io::Result<Result<CaptureReport, capture::Error>> {
    let (capture, outcome) = match judge(file, config) {
        Ok(judged) => judged,
        Err(error) => return Ok(Err(error)),
    };
    let unreadable = capture.unreadable_bytes();
    if unreadable > 0 {
        let cause = capture.failure().map(|cause| format!(" ({cause})")).unwrap_or_default();
        writeln!(
            err,
            "netmon: {}: damaged: {unreadable} bytes make no sense{cause}; all that could be \
             read was counted; capture or copy the file again",
            capture::shown(file),
        )?;
    }
    let name = file.display().to_string();
    Ok(Ok(CaptureReport::new(name, capture.duration(), unreadable, outcome)))
}

/// Writes the report on one file for people: the verdict first.
fn text(capture: &CaptureReport, out: &mut dyn Write) -> io::Result<()> {
    let CaptureReport { file, packets, bytes, duration_seconds, .. } = capture;
    let file = capture::shown(Path::new(file));
    writeln!(out, "{file}: {packets} packets, {bytes} bytes in {duration_seconds:.3} s")?;
    if capture.red_flags.is_empty() {
        writeln!(out, "  no red flags")?;
    }
    for flag in &capture.red_flags {
        let FlagReport { detector, severity, subject, .. } = flag;
        let with = flag.peer.as_ref().map(|peer| format!(" with {peer}")).unwrap_or_default();
        writeln!(
            out,
            "  {}{}: {detector} at {subject}{with} from {:.1} s on: {} (threshold {})",
            severity.label(),
            if flag.silenced { ", silenced" } else { "" },
            flag.first_seen_seconds,
            flag.detail,
            flag.threshold,
        )?;
    }
    if capture.more_red_flags > 0 {
        writeln!(out, "  and {} more red flags", capture.more_red_flags)?;
    }
    if capture.unreadable_bytes > 0 {
        writeln!(out, "  {} bytes could not be read", capture.unreadable_bytes)?;
    }
    // The promised counters say it all; the rows behind them are for scripts.
    let promised = capture.counters.iter().take(counters::PROMISED.len());
    let rejects = capture.rejects.iter().map(|(name, count)| (format!("rejected: {name}"), *count));
    for (name, count) in promised.cloned().chain(rejects).filter(|(_, count)| *count > 0) {
        writeln!(out, "    {name:<24} {count}")?;
    }
    Ok(())
}

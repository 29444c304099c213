//! The `netmon` binary.

use std::{io, path::PathBuf, process::ExitCode};

use netmon::{
    cli::{
        exit::Exit,
        replay::{self, Format},
    },
    config::Config,
};

fn main() -> ExitCode {
    let mut files: Vec<PathBuf> = std::env::args_os().skip(2).map(PathBuf::from).collect();
    let before = files.len();
    files.retain(|file| !matches!(file.to_str(), Some("--format" | "json")));
    let format = if files.len() < before { Format::Json } else { Format::Text };
    let detectors = Config::default().detectors;
    replay::run(&files, &detectors, format, None, &mut io::stdout().lock(), &mut io::stderr())
        .unwrap_or(Exit::Failure)
        .into()
}

//! The `netmon` binary.

use std::{io, process::ExitCode};

fn main() -> ExitCode {
    let mut out = io::BufWriter::new(io::stdout().lock());
    netmon::cli::main(std::env::args_os(), &mut out, &mut io::stderr()).into()
}

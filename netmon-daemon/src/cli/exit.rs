//! Exit statuses, the same for every subcommand.

use std::process::ExitCode;

/// How the process ends. From 64 on, the numbers are those of `sysexits.h`,
/// which systemd knows by name as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Everything was done.
    Success = 0,
    /// Something failed at run time.
    Failure = 1,
    /// `--fail-on` matched.
    Matched = 2,
    /// The command line is wrong (`EX_USAGE`).
    Usage = 64,
    /// The kernel lacks what is needed (`EX_UNAVAILABLE`).
    Unavailable = 69,
    /// The privileges do not suffice (`EX_NOPERM`).
    NotPermitted = 77,
    /// The configuration is wrong (`EX_CONFIG`).
    Config = 78,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

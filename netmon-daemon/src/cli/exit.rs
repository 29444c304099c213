//! Exit statuses, the same for every subcommand.

use std::{io, process::ExitCode};

use crate::{
    config::ConfigError,
    engine::{EngineError, LiveError},
    kernel::KernelError,
};

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

/// Why a command ended early.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The command line is wrong.
    #[error("{0}")]
    Usage(String),
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The output cannot be written.
    #[error("standard output: {0}")]
    Output(#[from] io::Error),
    /// Something failed at run time.
    #[error("{0}")]
    Run(String),
    /// The kernel lacks what is needed.
    #[error("{0}")]
    Unavailable(String),
    /// The privileges do not suffice.
    #[error("{0}")]
    NotPermitted(String),
}

impl Failure {
    /// The status that says so.
    pub const fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) => Exit::Usage,
            Self::Config(_) => Exit::Config,
            Self::Output(_) | Self::Run(_) => Exit::Failure,
            Self::Unavailable(_) => Exit::Unavailable,
            Self::NotPermitted(_) => Exit::NotPermitted,
        }
    }
}

impl From<KernelError> for Failure {
    fn from(error: KernelError) -> Self {
        let text = error.to_string();
        match error {
            KernelError::NotPermitted { .. } => Self::NotPermitted(text),
            KernelError::Unsupported { .. } | KernelError::Forbidden => Self::Unavailable(text),
            KernelError::Unreadable { .. } => Self::Run(text),
        }
    }
}

impl From<LiveError> for Failure {
    fn from(error: LiveError) -> Self {
        match error {
            LiveError::Kernel(error) => error.into(),
            LiveError::Links(_) => Self::Run(error.to_string()),
        }
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Live(error) => error.into(),
            EngineError::Bind(error) if error.source.kind() == io::ErrorKind::PermissionDenied => {
                Self::NotPermitted(error.to_string())
            }
            EngineError::Bind(_) | EngineError::Signals(_) => Self::Run(error.to_string()),
        }
    }
}

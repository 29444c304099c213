//! What can be wrong with a configuration: always one line that says where,
//! what, and what would be right.

use std::{fmt, path::Path};

use crate::printable::Printable;

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A place in the file.
    File {
        /// Path of the file, printable.
        path: String,
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
    },
    /// An environment variable, by its name.
    Environment(String),
    /// A flag of the command line.
    Flag(&'static str),
    /// Nobody has set it.
    Default,
}

impl Origin {
    /// The place of a byte in the text of a file.
    pub(super) fn in_file(path: &Path, text: &str, at: usize) -> Self {
        let before = text.get(..at).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self::File {
            path: Printable(&path.to_string_lossy()).to_string(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line, column } => write!(f, "{path}:{line}:{column}"),
            Self::Environment(name) => write!(f, "environment variable {name}"),
            Self::Flag(flag) => f.write_str(flag),
            Self::Default => f.write_str("default"),
        }
    }
}

/// Why there is no configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read as text.
    #[error("{path}: {why}")]
    File {
        /// Path of the file, printable.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// Something in it is wrong.
    #[error("{origin}: {why}")]
    Value {
        /// Where it stands.
        origin: Origin,
        /// What is wrong, and what would be right.
        why: String,
    },
}

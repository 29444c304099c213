//! What does not change while the process lives: build and kernel.

use std::{fs, path::Path};

use super::process;

/// Build and kernel.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    /// This binary.
    pub build: Build,
    /// The running kernel.
    pub kernel: Kernel,
    /// When the kernel booted, in seconds since 1970.
    pub boot_time: Option<f64>,
}

/// This binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Build {
    /// Its version.
    pub version: &'static str,
    /// The commit that it was built from.
    pub revision: &'static str,
    /// The compiler.
    pub rustc: &'static str,
}

/// The running kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kernel {
    /// Its release, as `uname -r` says it.
    pub release: String,
    /// Whether it describes its types.
    pub btf: bool,
    /// Its lockdown mode: `none`, `integrity`, `confidentiality`, or `unknown`.
    pub lockdown: String,
}

impl Build {
    /// What the build script left in the environment of the compiler.
    pub const THIS: Self = Self {
        version: env!("CARGO_PKG_VERSION"),
        revision: known(option_env!("NETMON_REVISION")),
        rustc: known(option_env!("NETMON_RUSTC")),
    };
}

/// A value, or the word that says that there is none.
const fn known(value: Option<&'static str>) -> &'static str {
    match value {
        Some(value) => value,
        None => UNKNOWN,
    }
}

const UNKNOWN: &str = "unknown";

impl Kernel {
    /// Reads it from below `root`, which is `/`.
    pub fn read(root: &Path) -> Self {
        let text = |path: &str| fs::read_to_string(root.join(path)).ok();
        let unknown = || UNKNOWN.to_owned();
        Self {
            release: text("proc/sys/kernel/osrelease")
                .map_or_else(unknown, |release| release.trim().to_owned()),
            btf: root.join("sys/kernel/btf/vmlinux").exists(),
            // The mode in force stands in brackets: "none [integrity] ...".
            lockdown: text("sys/kernel/security/lockdown")
                .and_then(|modes| Some(modes.split_once('[')?.1.split_once(']')?.0.to_owned()))
                .unwrap_or_else(unknown),
        }
    }
}

impl Facts {
    /// Reads them from below `root`, which is `/`.
    pub fn read(root: &Path) -> Self {
        Self {
            build: Build::THIS,
            kernel: Kernel::read(root),
            boot_time: process::boot_time(&root.join("proc")),
        }
    }
}

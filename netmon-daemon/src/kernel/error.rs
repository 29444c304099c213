//! What can go wrong between netmon and the kernel, in one line each.

use std::{error::Error, io};

use super::forbid::VARIABLE;
use crate::view::Refusal;

/// Why the kernel does not count for us.
#[derive(Clone, Debug, thiserror::Error)]
pub enum KernelError {
    /// The privileges do not suffice.
    #[error(
        "the kernel does not permit {what} ({why}): run as root, or give the service CAP_BPF, \
         CAP_NET_ADMIN and CAP_PERFMON (and LimitMEMLOCK=infinity before kernel 5.11)"
    )]
    NotPermitted {
        /// What was tried.
        what: String,
        /// What the kernel said.
        why: String,
    },
    /// The kernel lacks what is needed.
    #[error("this kernel cannot do {what} ({why}): netmon needs Linux 5.10 or later with BPF")]
    Unsupported {
        /// What was tried.
        what: String,
        /// What the kernel said.
        why: String,
    },
    /// It was not tried.
    #[error("forbidden by {VARIABLE}: unset it to count again")]
    Forbidden,
    /// The counters cannot be read.
    #[error("cannot read the counters of {what}: {why}")]
    Unreadable {
        /// Whose counters.
        what: String,
        /// What the kernel said.
        why: String,
    },
}

impl KernelError {
    /// The error of an attempt to do `what`, told by what the system said.
    pub fn of(what: &str, error: &(dyn Error + 'static)) -> Self {
        let (what, why) = (what.to_owned(), reason(error));
        match os_error(error) {
            Some(libc::EPERM | libc::EACCES) if !is_verifier_refusal(error) => {
                Self::NotPermitted { what, why }
            }
            _ => Self::Unsupported { what, why },
        }
    }
}

impl KernelError {
    /// Why a mechanism could not be used.
    pub(super) fn refusal(&self, mechanism: &'static str) -> Refusal {
        let (why, fix) = match self {
            Self::NotPermitted { what, why } => (
                format!("{what} is not permitted: {why}"),
                "run as root, or give the service CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON"
                    .to_owned(),
            ),
            Self::Unsupported { what, why } => {
                (format!("{what} failed: {why}"), "use Linux 5.10 or later with BPF".to_owned())
            }
            Self::Forbidden => (format!("forbidden by {VARIABLE}"), format!("unset {VARIABLE}")),
            Self::Unreadable { what, why } => {
                (format!("the counters of {what} cannot be read: {why}"), "see the log".to_owned())
            }
        };
        Refusal { mechanism, why, fix }
    }
}

/// The innermost reason of an error, in one line and without a verifier log.
pub(super) fn reason(error: &(dyn Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    let text = innermost.to_string();
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("no reason");
    line.to_owned()
}

/// The error number of the system call at the bottom of an error.
pub(super) fn os_error(error: &(dyn Error + 'static)) -> Option<i32> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(number) = error.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error) {
            return Some(number);
        }
        next = error.source();
    }
    None
}

/// The verifier says EACCES as well; unlike a missing privilege, it also writes
/// a log.
fn is_verifier_refusal(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(aya::programs::ProgramError::LoadError { verifier_log, .. }) =
            error.downcast_ref()
        {
            return verifier_log.to_string().contains("processed");
        }
        next = error.source();
    }
    false
}

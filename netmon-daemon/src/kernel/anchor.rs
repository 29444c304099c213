//! What holds a program at its hook: a link of the kernel, known by a descriptor.
//!
//! Others can take it away: `bpftool link detach` empties it, a debugger closes the
//! descriptor. Invariant: a descriptor that is not ours any more is never closed,
//! because its number may by now belong to somebody else in this process.

use std::{
    io, mem,
    os::fd::{AsFd as _, OwnedFd},
};

use aya::programs::{
    ProgramError,
    kprobe::KProbeLink,
    links::{FdLink, LinkError},
};

use super::sys;

/// Why a program is not where it was attached.
pub(super) const TAKEN_AWAY: &str = "somebody took it away";

/// A link that holds a program. Dropping it detaches the program.
#[derive(Debug)]
pub(super) struct Anchor {
    /// None only while it is dropped.
    link: Option<Link>,
    /// The kernel's number of the link.
    id: Option<u32>,
}

#[derive(Debug)]
enum Link {
    /// Made by netmon itself: at a device or a control group, which it loses when it
    /// is detached.
    Own(OwnedFd),
    /// Made by aya: at a tracepoint, from which nobody can detach it.
    Aya(FdLink),
    /// A kprobe before Linux 5.15, of which nothing can be asked.
    Kprobe(#[expect(dead_code, reason = "held to keep the kprobe")] KProbeLink),
}

impl Anchor {
    /// Takes charge of a link to a device or a control group.
    ///
    /// # Errors
    ///
    /// When the kernel does not know it.
    pub(super) fn own(descriptor: OwnedFd) -> io::Result<Self> {
        let id = sys::link(descriptor.as_fd())?.id;
        Ok(Self { link: Some(Link::Own(descriptor)), id: Some(id) })
    }

    /// Takes charge of a link that aya made.
    ///
    /// # Errors
    ///
    /// When the kernel does not know it.
    pub(super) fn aya(link: FdLink) -> Result<Self, ProgramError> {
        let id = link.info().map_err(|error| match error {
            LinkError::SyscallError(error) => ProgramError::SyscallError(error),
            error => io::Error::other(error).into(),
        })?;
        Ok(Self { id: Some(id.id()), link: Some(Link::Aya(link)) })
    }

    /// Takes charge of a kprobe that is no link.
    pub(super) const fn kprobe(link: KProbeLink) -> Self {
        Self { link: Some(Link::Kprobe(link)), id: None }
    }

    /// Whether somebody took it away. A device that ceased to be took it along.
    pub(super) fn is_lost(&self) -> bool {
        match &self.link {
            Some(Link::Own(link)) => {
                !sys::link(link.as_fd()).is_ok_and(|it| Some(it.id) == self.id && it.target != 0)
            }
            _ => !self.is_ours(),
        }
    }

    /// Whether the descriptor still is of our link.
    fn is_ours(&self) -> bool {
        let id = match &self.link {
            Some(Link::Own(link)) => sys::link(link.as_fd()).ok().map(|it| it.id),
            Some(Link::Aya(link)) => link.info().ok().map(|it| it.id()),
            Some(Link::Kprobe(_)) | None => None,
        };
        id == self.id
    }
}

impl Drop for Anchor {
    fn drop(&mut self) {
        if !self.is_ours() {
            mem::forget(self.link.take());
        }
    }
}

//! The program at the root of the control groups, which times handshakes where the
//! hook that follows the state of sockets is missing. It needs no kernel structure.
//!
//! Invariant: it is attached only while nothing better is, so that no handshake is
//! timed twice.

use std::{
    fs::{self, File},
    os::{
        fd::AsFd as _,
        unix::{ffi::OsStringExt as _, fs::MetadataExt as _},
    },
    path::PathBuf,
};

use aya::{
    Ebpf,
    programs::{ProgramError, SockOps as Program},
};

use super::{
    Change, KernelError,
    anchor::{Anchor, TAKEN_AWAY},
    error::reason,
    health::Figures,
    sys,
};
use crate::{
    signal::Signal,
    view::{HookHealth, Refusal},
};

/// The name of the program, of its hook and of the mechanism.
pub(super) const NAME: &str = "sock_ops";

/// Inode of the true root of the control groups (`cgroup_root` of the kernel): a
/// group that a container takes for the root has another one.
const ROOT: u64 = 1;

/// The stand-in.
#[derive(Debug)]
pub(super) struct SockOps {
    forbidden: bool,
    /// Whether nothing better is attached.
    wanted: bool,
    loaded: bool,
    anchor: Option<Anchor>,
    /// What stands against it.
    refused: Option<Refusal>,
}

impl SockOps {
    /// Not attached yet.
    pub(super) const fn new(forbidden: bool) -> Self {
        Self { forbidden, wanted: false, loaded: false, anchor: None, refused: None }
    }

    /// Attaches the program if it is wanted, lets go of it if it is not, and finds out
    /// whether somebody took it away.
    pub(super) fn stand_in(&mut self, ebpf: &mut Ebpf, wanted: bool) -> Option<Change> {
        self.wanted = wanted;
        if !wanted {
            self.anchor = None;
            return None;
        }
        if let Some(anchor) = &self.anchor {
            let lost = anchor.is_lost();
            return lost.then(|| {
                self.anchor = None;
                self.refused = Some(Refusal {
                    mechanism: NAME,
                    why: TAKEN_AWAY.to_owned(),
                    fix: "find out who did it; it is attached again by itself".to_owned(),
                });
                Change::Lost { program: NAME }
            });
        }
        let was_lost = self.refused.as_ref().is_some_and(|it| it.why == TAKEN_AWAY);
        match self.attach(ebpf) {
            Ok(anchor) => {
                (self.anchor, self.refused) = (Some(anchor), None);
                was_lost.then_some(Change::Back { program: NAME })
            }
            Err(refusal) => {
                self.refused = Some(refusal);
                None
            }
        }
    }

    fn attach(&mut self, ebpf: &mut Ebpf) -> Result<Anchor, Refusal> {
        if self.forbidden {
            return Err(KernelError::Forbidden.refusal(NAME));
        }
        let refusal =
            |why: String, fix: &str| Refusal { mechanism: NAME, why, fix: fix.to_owned() };
        let root =
            root().map_err(|why| refusal(why, "mount the root of cgroup2 for the service"))?;
        let group = File::open(&root).map_err(|error| {
            refusal(format!("{}: {error}", root.display()), "let the service read it")
        })?;
        let privileges = "use Linux 5.10 or later with CONFIG_CGROUP_BPF; give the service \
                          CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON";
        let failed = |error: ProgramError| refusal(reason(&error), privileges);
        let program = ebpf.program_mut(NAME).ok_or_else(|| failed(ProgramError::NotLoaded))?;
        let program: &mut Program = program.try_into().map_err(failed)?;
        if !self.loaded {
            program.load().map_err(failed)?;
            self.loaded = true;
        }
        let descriptor = program.fd().map_err(failed)?;
        sys::attach_sock_ops(descriptor.as_fd(), group.as_fd())
            .and_then(Anchor::own)
            .map_err(|error| refusal(error.to_string(), privileges))
    }

    /// What is measured, and by which mechanism.
    pub(super) fn feeds(&self) -> Option<(Signal, &'static str)> {
        self.anchor.as_ref().map(|_| (Signal::Handshakes, NAME))
    }

    /// How it fares; none while nobody needs it.
    pub(super) fn health(&self, ebpf: &Ebpf, timed: bool) -> Option<HookHealth> {
        self.wanted.then(|| {
            let figures = Figures::of(ebpf, NAME, timed);
            HookHealth {
                program: NAME,
                measures: "handshakes of this host, in place of `connection`",
                feeds: &[Signal::Handshakes],
                mechanism: self.anchor.as_ref().map(|_| NAME),
                refused: self.refused.clone().into_iter().collect(),
                verified_instructions: figures.verified_instructions,
                run: figures.run,
                missed: figures.missed,
            }
        })
    }
}

/// Where the true root of the control groups of version 2 is mounted.
///
/// # Errors
///
/// In words, why there is none.
pub fn root() -> Result<PathBuf, String> {
    let mounts = fs::read("/proc/self/mountinfo").map_err(|error| format!("mountinfo: {error}"))?;
    let is_root = |path: &PathBuf| fs::metadata(path).is_ok_and(|it| it.ino() == ROOT);
    mount_points(&mounts).find(is_root).ok_or_else(|| "no mount has the root of cgroup2".to_owned())
}

/// Where file systems of control groups of version 2 are mounted (proc_pid_mountinfo(5)).
fn mount_points(mounts: &[u8]) -> impl Iterator<Item = PathBuf> {
    mounts.split(|byte| *byte == b'\n').filter_map(|line| {
        let mut fields = line.split(|byte| *byte == b' ');
        let point = fields.nth(4)?;
        // Optional fields end with a hyphen.
        let kind = fields.skip_while(|field| *field != b"-").nth(1)?;
        (kind == b"cgroup2").then(|| PathBuf::from(std::ffi::OsString::from_vec(unescaped(point))))
    })
}

/// A field without its escapes, a backslash and three octal digits each.
fn unescaped(field: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(field.len());
    let mut rest = field;
    while let [first, tail @ ..] = rest {
        let digits = tail.first_chunk::<3>().filter(|_| *first == b'\\');
        let octal = digits.and_then(|digits| str::from_utf8(digits).ok());
        let byte = octal.and_then(|digits| u8::from_str_radix(digits, 8).ok());
        plain.push(byte.unwrap_or(*first));
        rest = byte.and_then(|_| tail.get(3..)).unwrap_or(tail);
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mount_points_are_found() {
        let mounts = b"22 1 0:21 / /proc rw - proc proc rw\n\
            41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n\
            42 31 0:38 /user /srv/a\\040b\\134c rw shared:4 master:1 - cgroup2 none rw\n\
            43 31 0:39 / /cgroup2 rw - cgroup cgroup2 rw\n\
            44 cut\n";
        let found: Vec<_> = mount_points(mounts).collect();
        let expected = ["/sys/fs/cgroup/unified", "/srv/a b\\c"].map(PathBuf::from);
        assert_eq!(found, expected);
    }
}

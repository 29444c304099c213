//! Attaching the TC programs to a device: TCX, else clsact.
//!
//! Must never remove a qdisc, nor a filter that is not ours. A TCX link dies
//! with the process; a clsact filter does not, so our own leftovers are removed
//! by their name at start.

use std::io;

use aya::{
    Ebpf,
    programs::{
        SchedClassifier, TcAttachType,
        tc::{self, NlOptions, SchedClassifierLinkId, TcAttachOptions, TcError, TcHandle},
    },
};
use netmon_common::abi::labels::Direction;

use super::{
    anchor::Anchor,
    error::{os_error, reason},
    object, sys,
};
use crate::{
    config::TcMechanism,
    links::{Filter, Name, entrance_qdisc},
    view::Refusal,
};

/// Priority of our filters, away from those that people choose by hand.
const PRIORITY: u16 = 0xc0de;

/// The mechanism that is tried first.
pub(super) const BEST: &str = "tcx";

/// Why nothing can be attached to a device that ceased to be, of which rtnetlink
/// is about to tell.
pub(super) const GONE: &str = "the device is gone";

/// What holds a program at a device. Dropping a TCX grip detaches it; a clsact
/// grip must be given to [`release`].
#[derive(Debug)]
pub(super) enum Grip {
    /// A TCX link.
    Tcx(Anchor),
    /// A filter below the clsact qdisc.
    Clsact(Direction, SchedClassifierLinkId),
}

impl Grip {
    /// The mechanism, as metrics and the API name it.
    pub(super) const fn mechanism(&self) -> &'static str {
        match self {
            Self::Tcx(_) => "tcx",
            Self::Clsact(..) => "clsact",
        }
    }
}

/// A device, as both mechanisms want to know it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target<'a> {
    /// Its index.
    pub ifindex: u32,
    /// Its name.
    pub name: &'a Name,
}

/// Attaches the program of one direction, by the best mechanism that `policy`
/// allows. What was refused on the way is added to `refused`.
///
/// # Errors
///
/// When no allowed mechanism works: the last reason.
pub(super) fn attach(
    ebpf: &mut Ebpf,
    target: Target<'_>,
    direction: Direction,
    policy: TcMechanism,
    refused: &mut Vec<Refusal>,
) -> Result<Grip, String> {
    let program = object::tc(ebpf, direction).map_err(|error| reason(&error))?;
    let mut last = String::new();
    if policy != TcMechanism::Clsact {
        match attach_tcx(program, target.ifindex, direction) {
            Ok(grip) => return Ok(grip),
            Err(error) if error.raw_os_error() == Some(libc::ENODEV) => return Err(GONE.to_owned()),
            Err(error) => {
                last = format!("tcx: {error}");
                refused.push(Refusal {
                    mechanism: "tcx",
                    why: error.to_string(),
                    fix: tcx_fix(&error).to_owned(),
                });
            }
        }
    }
    if policy != TcMechanism::Tcx {
        match attach_clsact(program, target, direction) {
            Ok(grip) => return Ok(grip),
            Err(why) => {
                last = format!("clsact: {why}");
                let fix = "remove what `tc qdisc show` says is in the way, or use TCX".to_owned();
                refused.push(Refusal { mechanism: "clsact", why, fix });
            }
        }
    }
    Err(last)
}

/// Whether somebody took a program away from a device that is still there.
pub(super) fn is_lost(grip: &Grip, ifindex: u32) -> bool {
    match grip {
        // A device that ceases to be takes the link along.
        Grip::Tcx(anchor) => anchor.is_lost() && exists(ifindex),
        Grip::Clsact(direction, _) => filter(ifindex, *direction).stands().is_ok_and(|is| !is),
    }
}

/// Whether there is such a device, of which rtnetlink may not have told yet that it
/// is gone.
fn exists(ifindex: u32) -> bool {
    !matches!(entrance_qdisc(ifindex), Err(error) if error.raw_os_error() == Some(libc::ENODEV))
}

/// Our filter at a device.
const fn filter(ifindex: u32, direction: Direction) -> Filter {
    Filter { ifindex, direction, priority: PRIORITY, handle: handle(direction) }
}

/// The number of our filter, which one that aya attaches has as well.
const fn handle(direction: Direction) -> u32 {
    match direction {
        Direction::Ingress => 1,
        Direction::Egress => 2,
    }
}

/// Detaches a program.
pub(super) fn release(ebpf: &mut Ebpf, grip: Grip) {
    if let Grip::Clsact(direction, link) = grip
        && let Ok(program) = object::tc(ebpf, direction)
    {
        // It fails when the device is gone, and the filter with it.
        let _ = program.detach(link);
    }
}

/// Removes what an earlier netmon left at a device when it was killed.
pub(super) fn remove_leftovers(name: &Name) {
    let Ok(name) = str::from_utf8(name.as_bytes()) else { return };
    for direction in Direction::ALL {
        // Without a clsact qdisc there is nothing to remove, and an error.
        let _ =
            tc::qdisc_detach_program(name, attach_type(*direction), object::tc_program(*direction));
    }
}

fn attach_tcx(program: &SchedClassifier, ifindex: u32, direction: Direction) -> io::Result<Grip> {
    use std::os::fd::AsFd as _;
    let descriptor = program.fd().map_err(io::Error::other)?;
    let link = sys::attach_tcx(descriptor.as_fd(), ifindex, direction)?;
    Anchor::own(link).map(Grip::Tcx)
}

fn attach_clsact(
    program: &mut SchedClassifier,
    target: Target<'_>,
    direction: Direction,
) -> Result<Grip, String> {
    let name = str::from_utf8(target.name.as_bytes())
        .map_err(|_| "the name of the device is not valid UTF-8".to_owned())?;
    match tc::qdisc_add_clsact(name) {
        Ok(()) => {}
        // Somebody added it before us, or it is ours from an earlier run.
        Err(TcError::NetlinkError(error)) if os_error(&error) == Some(libc::EEXIST) => {
            let there = entrance_qdisc(target.ifindex).map_err(|error| error.to_string())?;
            // An ingress qdisc would take both filters for ingress.
            if let Some(other) = there.filter(|kind| kind != "clsact") {
                return Err(format!("the qdisc {other} stands where clsact belongs"));
            }
        }
        Err(error) => return Err(reason(&error)),
    }
    let handle = TcHandle::from(handle(direction));
    let options = NlOptions { priority: PRIORITY, handle, ..NlOptions::default() };
    program
        .attach_with_options(name, attach_type(direction), TcAttachOptions::Netlink(options))
        .map(|link| Grip::Clsact(direction, link))
        .map_err(|error| reason(&error))
}

const fn attach_type(direction: Direction) -> TcAttachType {
    match direction {
        Direction::Ingress => TcAttachType::Ingress,
        Direction::Egress => TcAttachType::Egress,
    }
}

fn tcx_fix(error: &io::Error) -> &'static str {
    match error.raw_os_error() {
        Some(libc::EINVAL) => "TCX needs Linux 6.6 or later",
        Some(libc::EPERM | libc::EACCES) => "give the service CAP_BPF and CAP_NET_ADMIN",
        Some(libc::ERANGE) => "the device has 63 TCX programs already, which is all: remove one",
        _ => "see the reason",
    }
}
